// YAML text to values and back: the one importer of js-yaml. Also where a hostile or broken
// file is stopped: bytes that are not UTF-8, alias bombs, endless nesting.

import { CORE_SCHEMA, dump, loadAll, mergeTag, YAMLException } from 'js-yaml'

import { childPath } from './problem.ts'
import type { Problem } from './problem.ts'
import { emptyMapping } from './tree.ts'
import type { Mapping, Tree } from './tree.ts'

export const maxFileBytes = 10 * 1024 * 1024
const maxDepth = 64
const maxNodes = 200_000

const schema = CORE_SCHEMA.withTags(mergeTag)

export type ReadText =
  | { readonly kind: 'read'; readonly tree: Tree; readonly problems: readonly Problem[] }
  | { readonly kind: 'unreadable'; readonly problem: Problem }

/** A file that says nothing is an empty mapping: everything in it may be commented out. */
export function readYaml(bytes: Uint8Array): ReadText {
  const parsed = parseYaml(bytes)
  if (parsed.kind === 'unreadable') return parsed

  const growth: Growth = { problems: [], nodes: 0, overfull: undefined }
  const tree = grow(parsed.document ?? {}, '', 0, growth)
  const { overfull, problems } = growth
  return overfull === undefined
    ? { kind: 'read', tree, problems }
    : { kind: 'unreadable', problem: overfull }
}

/** As text that reads back to the same value, a literal "${" included. */
export function printYaml(value: object): string {
  return dump(value, { lineWidth: -1, noRefs: true }).replaceAll('${', () => '$${')
}

type Parsed =
  | { readonly kind: 'parsed'; readonly document: unknown }
  | { readonly kind: 'unreadable'; readonly problem: Problem }

function parseYaml(bytes: Uint8Array): Parsed {
  try {
    const documents = loadDocuments(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (documents.length <= 1) return { kind: 'parsed', document: documents[0] }
    return unreadable('holds several YAML documents; wanted one', 'remove the "---" lines')
  } catch (error) {
    // The exception's own text quotes the lines around the fault, which may hold secrets:
    // only its reason and position are told.
    if (error instanceof YAMLException) {
      const { reason, hint } = withoutNames(error.reason)
      return unreadable(`${reason}${positionOf(error)}`, hint)
    }
    return unreadable('is not readable as YAML in UTF-8')
  }
}

/** A reference to the environment that is a whole value, between what may stand around one in braces. */
const REFERENCE_IN_BRACES = /(?<=[:,[{]\s*)\$\{[^{}"'\n]*\}(?=\s*[,}\]])/g

/** To YAML the brace of a reference begins a mapping where values stand in braces already. */
function loadDocuments(text: string): unknown[] {
  try {
    return loadAll(text, { schema })
  } catch (error) {
    const quoted = text.replaceAll(REFERENCE_IN_BRACES, '"$&"')
    if (quoted === text) throw error
    return loadAll(quoted, { schema })
  }
}

/** A secret that begins with "*" or "!" and stands without quotes is the name of an alias or a tag. */
function withoutNames(reason: string): { reason: string; hint?: string } {
  const at = reason.search(/["!]|: /)
  if (at < 0) return { reason }
  const hint = 'a text that begins with "*", "&" or "!" stands in quotes'
  return { reason: reason.slice(0, at).trim(), hint }
}

function positionOf({ mark }: YAMLException): string {
  return mark === undefined ? '' : ` at line ${mark.line + 1}, column ${mark.column + 1}`
}

function unreadable(message: string, hint?: string): Parsed {
  return {
    kind: 'unreadable',
    problem: { path: '', message, ...(hint === undefined ? {} : { hint }) },
  }
}

interface Growth {
  readonly problems: Problem[]
  nodes: number
  overfull: Problem | undefined
}

// Copies what the parser built, so that aliases become plain repetition, and counts while doing so:
// a few lines of aliases can stand for billions of values, or for a list that holds itself.
function grow(value: unknown, path: string, depth: number, growth: Growth): Tree {
  growth.nodes += 1
  if (growth.overfull !== undefined) return null
  if (growth.nodes > maxNodes || depth > maxDepth) return refuseOverfull(path, depth, growth)

  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return value
  if (Array.isArray(value)) {
    return value.map((item, index) => grow(item, childPath(path, index), depth + 1, growth))
  }
  return typeof value === 'object' && value !== null
    ? growMapping(value, path, depth, growth)
    : null
}

function growMapping(value: object, path: string, depth: number, growth: Growth): Mapping {
  const mapping = emptyMapping()
  for (const [key, child] of Object.entries(value)) {
    const at = childPath(path, key)
    // Validators skip this one key in silence; here it is refused like any other unknown one.
    if (key === '__proto__') growth.problems.push({ path: at, message: 'unknown setting' })
    else mapping[key] = grow(child, at, depth + 1, growth)
  }
  return mapping
}

function refuseOverfull(path: string, depth: number, growth: Growth): Tree {
  const message =
    depth > maxDepth
      ? `is nested more than ${maxDepth} levels deep`
      : `makes the file hold more than ${maxNodes} values, aliases written out`
  growth.overfull = { path, message }
  return null
}
