// A slice whose bytes lie in an arena: together where there is room for that, else in a few parts.
// Their room is free when the slice has left its tier and nobody reads it any more.

import type { Loan } from '../exchange/body.ts'
import { Arena } from './arena.ts'
import type { Block } from './arena.ts'
import type { EntryFacts, Lender, SliceEntry } from './tier.ts'

/** Neither many writes for one slice, nor room that nothing but crumbs would use. */
const MOST_PARTS = 16
const LEAST_PART_BYTES = 4096

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
    let offset = 0
    for (const part of taken.parts) {
      part.set(slice.bytes.subarray(offset, offset + part.byteLength))
      offset += part.byteLength
    }
    return new ArenaSlice(slice, { arena, onFree, ...taken })
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

  /** Copied together where they lie in parts. */
  get bytes(): Uint8Array {
    const [only] = this.#parts
    return this.#parts.length === 1 && only !== undefined ? only : Buffer.concat(this.#parts)
  }

  from(offset: number): Uint8Array {
    let before = 0
    for (const part of this.#parts) {
      // Most are read from their start.
      if (offset === before) return part
      if (offset < before + part.byteLength) return part.subarray(offset - before)
      before += part.byteLength
    }
    return NO_BYTES
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

interface Taken {
  readonly blocks: readonly Block[]
  readonly parts: readonly Buffer[]
}

interface Place extends Taken {
  readonly arena: Arena
  readonly onFree: (roomBytes: number) => void
}

const NO_BYTES = new Uint8Array(0)

function takeParts(arena: Arena, bytes: number): Taken | undefined {
  const least = Math.max(LEAST_PART_BYTES, bytes / MOST_PARTS)
  const blocks: Block[] = []
  const parts: Buffer[] = []
  let left = bytes
  do {
    const length = Math.min(left, arena.largest())
    const block = length < Math.min(left, least) ? undefined : arena.take(length)
    if (block === undefined) {
      for (const taken of blocks) arena.give(taken)
      return undefined
    }
    blocks.push(block)
    parts.push(arena.view(block, length))
    left -= length
  } while (left > 0)
  return { blocks, parts }
}
