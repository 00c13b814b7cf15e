// The long walks over what the disk tier holds: they go in short steps, and between the steps
// everybody else has their turn.

import { setImmediate as nextTurn } from 'node:timers/promises'

import { listShelf, listShelves, modifiedAt } from './disk-files.ts'
import type { DiskIndex, Listed } from './disk-index.ts'
import type { OpenFiles } from './disk-open-files.ts'
import { patiently } from './disk-patience.ts'
import type { EntryFacts, Swept } from './tier.ts'

export interface Place {
  readonly folder: string
  readonly index: DiskIndex
  readonly files: OpenFiles
  /** A walk ends early when the place is left. */
  readonly signal: AbortSignal
}

export type Matches = (facts: EntryFacts) => boolean

const LISTED_AT_ONCE = 200
/** A file younger than this may belong to a put that is still under way somewhere. */
const ORPHAN_AGE_MS = 5 * 60_000

export function countEntries(place: Place, matches: Matches): Promise<Swept> {
  return walk(place, matches, ({ length }, bytes) => ({ entries: length, bytes }))
}

export function sweepEntries(place: Place, matches: Matches): Promise<Swept> {
  return walk(place, matches, (found) => removeListed(place, found))
}

export function countObject({ index }: Place, bucket: string, objectKey: string): Swept {
  return index.totalForObject(bucket, objectKey)
}

export async function sweepObject(
  place: Place,
  bucket: string,
  objectKey: string,
  until: number,
): Promise<Swept> {
  let entries = 0
  let bytes = 0
  while (!place.signal.aborted) {
    const found = place.index.listObject(bucket, objectKey, until, LISTED_AT_ONCE)
    const taken = await removeListed(place, found)
    entries += taken.entries
    bytes += taken.bytes
    if (found.length < LISTED_AT_ONCE) break
  }
  return { entries, bytes }
}

/** Files that no row speaks of: what a crash, or a process cut off from its index, left behind. */
export async function sweepOrphans(place: Place, now: number): Promise<void> {
  const { folder, files, index, signal } = place
  for (const shelf of await listShelves(folder)) {
    for (const name of await listShelf(folder, shelf)) {
      if (signal.aborted) return
      if (index.hasFile(name)) continue
      const at = await modifiedAt(folder, name)
      // Looked up again: its row may have come while its age was asked.
      const isOrphan = at !== undefined && now - at > ORPHAN_AGE_MS
      if (isOrphan && !signal.aborted && !index.hasFile(name)) await files.remove([name])
    }
    await nextTurn()
  }
}

/** Gives the disk back what the index has no more use for. */
export async function shrinkIndex({ index, signal }: Place): Promise<void> {
  while (!signal.aborted && (await patiently(() => index.shrink()))) await nextTurn()
}

type Take = (found: readonly Listed[], bytes: number) => Swept | Promise<Swept>

async function walk({ index, signal }: Place, matches: Matches, take: Take): Promise<Swept> {
  // What is put meanwhile is newer than the reason for the walk.
  const newest = index.newestId()
  let entries = 0
  let bytes = 0
  for (let after = 0; after < newest && !signal.aborted;) {
    const listed = index.listAfter(after, LISTED_AT_ONCE)
    const found = listed.filter(({ facts }) => matches(facts))
    const taken = await take(found, bytesOf(found))
    entries += taken.entries
    bytes += taken.bytes
    after = listed.at(-1)?.id ?? newest
    await nextTurn()
  }
  return { entries, bytes }
}

async function removeListed({ files, index }: Place, found: readonly Listed[]): Promise<Swept> {
  if (found.length === 0) return { entries: 0, bytes: 0 }
  const gone = await patiently(() => index.remove(found.map(({ id }) => id)))
  await files.remove(gone.files)
  return { entries: gone.entries, bytes: gone.bytes }
}

function bytesOf(found: readonly Listed[]): number {
  return found.reduce((sum, { size }) => sum + size, 0)
}
