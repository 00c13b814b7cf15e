// The arena of a tier whose size may change while it is full. It grows by another piece, and nothing
// moves. It shrinks by beginning anew in a smaller piece: what lies in the old one is to be kept again,
// one after the other, and the old one is gone with the last of it that anybody reads.

import { Arena } from './arena.ts'
import { ArenaSlice } from './arena-slice.ts'
import type { SliceEntry } from './tier.ts'

/** What is large lies in one piece: with many, none may be large enough for it. */
const MOST_PIECES = 4

export class Arenas {
  #pieces: readonly Arena[]
  #bytes: number

  constructor(bytes: number) {
    this.#pieces = [Arena.of(bytes)]
    this.#bytes = bytes
  }

  /** As `ArenaSlice.keep`, wherever there is room. */
  keep(slice: SliceEntry, onFree: (roomBytes: number) => void): ArenaSlice | undefined {
    const pieces = this.#pieces
    for (let index = 0; index < pieces.length; index += 1) {
      const arena = pieces[index]
      const kept = arena && ArenaSlice.keep(slice, arena, onFree)
      if (kept !== undefined) return kept
    }
    return undefined
  }

  /** True where what was kept before is to be kept again. */
  resize(bytes: number): boolean {
    const more = bytes - this.#bytes
    this.#bytes = bytes
    if (more === 0) return false
    if (more > 0 && this.#pieces.length < MOST_PIECES) {
      this.#pieces = [...this.#pieces, Arena.of(more)]
      return false
    }
    this.#pieces = [Arena.of(bytes)]
    return true
  }

  has(slice: ArenaSlice): boolean {
    return this.#pieces.some((arena) => slice.isIn(arena))
  }
}
