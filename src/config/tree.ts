// The raw configuration: what YAML said, before anybody decided what it means. Keys are
// own properties of prototype-less objects, so no name a file chooses can reach a prototype.

import { withoutCredentials, withoutQueryValues } from '../primitives/secret.ts'
import { quoted } from './problem.ts'
import type { PathSegment } from './problem.ts'

/** A text in which `${NAME}` was replaced. Environment values are always text, so a number, flag or
 * duration may be read from one; and since they are often secrets, no message ever shows one. */
export class FromEnv {
  readonly text: string
  readonly names: readonly string[]

  constructor(text: string, names: readonly string[]) {
    this.text = text
    this.names = names
  }
}

export type Scalar = string | number | boolean | null | FromEnv
export type Mapping = { [key: string]: Tree }
export type Tree = Scalar | Tree[] | Mapping

export function emptyMapping(): Mapping {
  const mapping: Mapping = Object.create(null)
  return mapping
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof FromEnv)
  )
}

export function isTreeMapping(value: Tree): value is Mapping {
  return isMapping(value)
}

/** The node at a path; where the path leaves the tree early, the scalar it stopped at. */
export function nodeAt(tree: unknown, path: readonly PathSegment[]): unknown {
  let node = tree
  for (const segment of path) {
    if (node instanceof FromEnv) return node
    if (Array.isArray(node)) node = node[Number(segment)]
    else node = isMapping(node) && Object.hasOwn(node, segment) ? node[segment] : undefined
  }
  return node
}

/** What was found, in words for a message. */
export function describeFound(value: unknown): string {
  if (typeof value === 'string') return quoted(showable(value))
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return describeKind(value)
}

/** Of a URL neither the password nor the values of its query. */
function showable(value: string): string {
  const text = withoutCredentials(value)
  return /^[a-z][\w+.-]*:\/\//i.test(text) ? withoutQueryValues(text) : text
}

/** What kind of thing was found, without the thing: for values that may be secrets. */
export function describeKind(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (value instanceof FromEnv) {
    return `the value of ${value.names.map((name) => `\${${name}}`).join(' and ')}`
  }
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value === 'string') return value === '' ? 'an empty text' : 'a text'
  return typeof value === 'boolean' ? 'true or false' : 'a number'
}
