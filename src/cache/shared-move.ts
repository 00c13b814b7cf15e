// From one shared memory to another, which is larger or smaller: by one of the threads, for all, entry by
// entry, while they read where it still is. For as long as that takes there are both.

import { setTimeout as after } from 'node:timers/promises'

import { CONTROL } from './shared-memory.ts'
import type { SharedShelf } from './shared-shelf.ts'

export interface MoveOptions {
  readonly lane: number
  readonly maxBytesOf: (bucket: string) => number | undefined
}

const LOOK_MS = 100
/** Whoever moves it may have died: then the others go without what is left. */
const MOST_LOOKS = 600

/** Settles when everything has been moved by somebody, or is not going to be. */
export async function moveAll(
  from: SharedShelf,
  to: SharedShelf,
  options: MoveOptions,
): Promise<void> {
  const { control } = from.store.ground
  const last = Atomics.compareExchange(control, CONTROL.mover, 0, options.lane + 1)
  if (last === 0) {
    await carry(from, to, options)
    Atomics.store(control, CONTROL.isMoved, 1)
  }
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    if (Atomics.load(control, CONTROL.isMoved) === 1) return
    await after(LOOK_MS, undefined, { ref: false })
  }
}

async function carry(
  from: SharedShelf,
  to: SharedShelf,
  { maxBytesOf }: MoveOptions,
): Promise<void> {
  for await (const seen of from.walk()) {
    const known = from.find(seen.key)
    const entry = known?.word === seen.word ? from.take(known) : undefined
    if (entry === undefined) continue
    const maxBytes = maxBytesOf(entry.bucket)
    const placed = to.put(seen.key, entry, { maxBytes, isNewOnly: true })
    // Somebody may have removed it while it was on its way.
    if (placed !== undefined && seen.slot.word !== seen.word) to.removeAt(placed)
    from.removeAt(seen)
  }
}
