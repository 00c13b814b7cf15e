// A slice whose bytes lie in an arena: together where there is room for that, else in a few parts.
// Their room is free when the slice has left its tier and nobody reads it any more.

import type { Loan } from '../exchange/body.ts'
import { Arena } from './arena.ts'
import type { Block } from './arena.ts'
import { fillParts, partFrom, takeParts, wholeOf } from './parts.ts'
import type { EntryFacts, Lender, SliceEntry } from './tier.ts'

export class ArenaSlice implements SliceEntry, Lender, Loan {
  readonly kind = 'slice'
  readonly bucket: string
  readonly objectKey: string
  readonly tags: readonly string[]
  readonly objectBytes: number
  readonly receivedAt: number
  readonly keepUntil: number
  readonly #arena: Arena
  readonly #blocks: readonly Block[]
  readonly #parts: readonly Buffer[]
  readonly #onFree: (roomBytes: number) => void
  #loans = 0
  #hasLeft = false

  /**
   * A copy of it; undefined when the arena has no room. `onFree` is called when its room is free at
   * last, which may be after it has left.
   */
  static keep(
    slice: SliceEntry,
    arena: Arena,
    onFree: (roomBytes: number) => void,
  ): ArenaSlice | undefined {
    const taken = takeParts(arena, slice.bytes.byteLength)
    if (taken === undefined) return undefined
    const parts = taken.map(({ block, bytes }) => arena.view(block, bytes))
    fillParts(parts, slice.bytes)
    return new ArenaSlice(slice, { arena, onFree, blocks: taken.map(({ block }) => block), parts })
  }

  private constructor(facts: EntryFacts, { arena, onFree, blocks, parts }: Place) {
    this.bucket = facts.bucket
    this.objectKey = facts.objectKey
    this.tags = facts.tags
    this.objectBytes = facts.objectBytes
    this.receivedAt = facts.receivedAt
    this.keepUntil = facts.keepUntil
    this.#arena = arena
    this.#blocks = blocks
    this.#parts = parts
    this.#onFree = onFree
  }

  /** What it takes of the arena, nearly. */
  get roomBytes(): number {
    return this.#parts.reduce((sum, part) => sum + Arena.costOf(part.byteLength), 0)
  }

  isIn(arena: Arena): boolean {
    return this.#arena === arena
  }

  get isLent(): boolean {
    return this.#loans > 0
  }

  get lender(): Lender {
    return this
  }

  get bytes(): Uint8Array {
    return wholeOf(this.#parts)
  }

  from(offset: number): Uint8Array {
    return partFrom(this.#parts, offset)
  }

  lend(): Loan {
    if (this.#hasLeft && this.#loans === 0) throw new Error('a slice is lent whose room is free')
    this.#loans += 1
    return this
  }

  giveBack(): void {
    if (this.#loans === 0) throw new Error('a slice is given back more often than lent')
    this.#loans -= 1
    this.#freeIfUnused()
  }

  /** Its tier keeps it no longer. */
  leave(): void {
    this.#hasLeft = true
    this.#freeIfUnused()
  }

  #freeIfUnused(): void {
    if (!this.#hasLeft || this.#loans > 0) return
    for (const block of this.#blocks) this.#arena.give(block)
    this.#onFree(this.roomBytes)
  }
}

interface Place {
  readonly blocks: readonly Block[]
  readonly parts: readonly Buffer[]
  readonly arena: Arena
  readonly onFree: (roomBytes: number) => void
}
