// Several files become one tree: mappings merge key by key, lists append, and a value given
// twice must be the same value. Remembers which file each part came from.

import { childPath } from './problem.ts'
import type { Problem } from './problem.ts'
import { emptyMapping, isTreeMapping } from './tree.ts'
import type { Mapping, Tree } from './tree.ts'

export interface SourceTree {
  readonly file: string
  readonly tree: Mapping
}

export interface Merged {
  readonly tree: Mapping
  readonly problems: readonly Problem[]
  /** The file a path was written in; for a path nobody wrote, the file of what encloses it. */
  readonly fileOf: (path: string) => string | undefined
}

export function mergeTrees(sources: readonly SourceTree[]): Merged {
  const merge: Merge = { origins: new Map(), problems: [] }
  const root = emptyMapping()
  for (const { file, tree } of sources) {
    if (!merge.origins.has('')) merge.origins.set('', file)
    mergeMapping(root, tree, { path: '', file, merge })
  }
  return {
    tree: root,
    problems: merge.problems,
    fileOf: (path) => originOf(path, merge.origins),
  }
}

interface Merge {
  readonly origins: Map<string, string>
  readonly problems: Problem[]
}

interface Place {
  readonly path: string
  readonly file: string
  readonly merge: Merge
}

function mergeMapping(into: Mapping, from: Mapping, place: Place): void {
  for (const [key, value] of Object.entries(from)) {
    const at: Place = { ...place, path: childPath(place.path, key) }
    const existing = into[key]
    if (existing === undefined) {
      into[key] = value
      at.merge.origins.set(at.path, at.file)
    } else mergeValue(existing, value, at)
  }
}

function mergeValue(existing: Tree, value: Tree, place: Place): void {
  if (isTreeMapping(existing) && isTreeMapping(value)) mergeMapping(existing, value, place)
  else if (Array.isArray(existing) && Array.isArray(value)) append(existing, value, place)
  else if (existing !== value) reportTwice(place)
}

function append(existing: Tree[], value: readonly Tree[], { path, file, merge }: Place): void {
  for (const item of value) {
    merge.origins.set(childPath(path, existing.length), file)
    existing.push(item)
  }
}

function reportTwice({ path, file, merge }: Place): void {
  const first = originOf(path, merge.origins)
  merge.problems.push({
    path,
    file,
    message: `is given twice with different values, in ${first} and in ${file}`,
    hint: 'keep one of them',
  })
}

function originOf(path: string, origins: ReadonlyMap<string, string>): string | undefined {
  for (let at = path; at !== ''; at = parentOf(at)) {
    const origin = origins.get(at)
    if (origin !== undefined) return origin
  }
  return origins.get('')
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('.'), path.lastIndexOf('[')))
}
