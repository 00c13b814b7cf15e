// From the raw tree to settings, or to every problem in an operator's words.

import { joinPath } from './problem.ts'
import type { PathSegment, Problem } from './problem.ts'
import { configShape, knownKeys } from './schema.ts'
import type { Settings } from './schema.ts'
import { suggest } from './suggest.ts'
import type { KnownKeys } from './suggest.ts'
import { describeFound, describeKind, FromEnv, nodeAt } from './tree.ts'
import type { Mapping } from './tree.ts'
import type { z } from './zod.ts'

export type Decoded =
  | { readonly kind: 'decoded'; readonly settings: Settings }
  | { readonly kind: 'refused'; readonly problems: readonly Problem[] }

/** `told` holds the paths of which something was said already. */
export function decode(tree: Mapping, told: ReadonlySet<string>): Decoded {
  const result = configShape.safeParse(tree)
  if (result.success) return { kind: 'decoded', settings: result.data }

  const known = knownKeys()
  const problems = result.error.issues.flatMap((issue) => problemsOf(issue, tree, known))
  const distinct = new Map(problems.map((problem) => [JSON.stringify(problem), problem]))
  const untold = [...distinct.values()].filter(({ path }) => !told.has(path))
  return { kind: 'refused', problems: untold }
}

type Issue = z.core.$ZodIssue

function problemsOf(issue: Issue, tree: Mapping, known: KnownKeys): Problem[] {
  const segments = issue.path.filter((segment) => typeof segment !== 'symbol')
  const outer = textInPlaceOfSection(issue, segments, tree)
  if (outer !== undefined) return [outer]

  const path = joinPath(segments)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownSetting(segments, key, known))
  }
  if (issue.code === 'invalid_type') {
    return [{ path, message: wrongKind(issue.expected, nodeAt(tree, segments)) }]
  }
  if (issue.code === 'too_small') {
    return [{ path, message: 'is an empty list; wanted at least one' }]
  }
  return [{ path, message: issue.message, ...hintOf(issue) }]
}

// A section written as `${NAME}` is an object to the schema, which then looks inside it.
function textInPlaceOfSection(
  issue: Issue,
  segments: readonly PathSegment[],
  tree: Mapping,
): Problem | undefined {
  const depth = segments.findIndex((_, index) => isFromEnv(tree, segments.slice(0, index)))
  const isWhole = issue.code !== 'custom' && isFromEnv(tree, segments)
  if (depth === -1 && !isWhole) return undefined
  const path = depth === -1 ? segments : segments.slice(0, depth)
  const wanted = issue.code === 'invalid_type' && issue.expected === 'array' ? 'array' : 'object'
  return { path: joinPath(path), message: wrongKind(wanted, nodeAt(tree, path)) }
}

function isFromEnv(tree: Mapping, path: readonly PathSegment[]): boolean {
  return nodeAt(tree, path) instanceof FromEnv
}

function unknownSetting(section: PathSegment[], key: string, known: KnownKeys): Problem {
  const kind = section.map((segment) => (typeof segment === 'number' ? -1 : segment))
  const meant = suggest(joinPath(kind).replaceAll('[-1]', '[]'), key, known)
  const path = joinPath([...section, key])
  const hint = meant === undefined ? {} : { hint: `did you mean ${meant}?` }
  return { path, message: 'unknown setting', ...hint }
}

function wrongKind(expected: string, found: unknown): string {
  const wanted = expected === 'array' ? 'a list' : 'a mapping of settings'
  if (found === undefined) return `is missing; wanted ${wanted}`
  if (found === null) return `is empty; wanted ${wanted}, or nothing at all`
  // In place of a section whose secret was all that mattered may stand the secret.
  const describe = typeof found === 'string' ? describeKind : describeFound
  return `wanted ${wanted}, found ${describe(found)}`
}

function hintOf(issue: Issue): { readonly hint?: string } {
  const hint: unknown = issue.code === 'custom' ? issue.params?.['hint'] : undefined
  return typeof hint === 'string' ? { hint } : {}
}
