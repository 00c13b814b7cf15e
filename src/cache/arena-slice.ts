// A slice whose bytes lie in an arena: together where there is room for that, else in a few parts.
// Their room is free when the slice has left its tier and nobody reads it any more.

import type { Loan } from '../exchange/body.ts'
import type { Arena, Block } from './arena.ts'
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
  #loans = 0
  #hasLeft = false

  /** A copy of it; undefined when the arena has no room. */
  static keep(slice: SliceEntry, arena: Arena): ArenaSlice | undefined {
    const taken = takeParts(arena, slice.bytes.byteLength)
    if (taken === undefined) return undefined
    let offset = 0
    for (const part of taken.parts) {
      part.set(slice.bytes.subarray(offset, offset + part.byteLength))
      offset += part.byteLength
    }
    return new ArenaSlice(slice, arena, taken)
  }

  private constructor(facts: EntryFacts, arena: Arena, { blocks, parts }: Taken) {
    this.bucket = facts.bucket
    this.objectKey = facts.objectKey
    this.tags = facts.tags
    this.objectBytes = facts.objectBytes
    this.receivedAt = facts.receivedAt
    this.keepUntil = facts.keepUntil
    this.#arena = arena
    this.#blocks = blocks
    this.#parts = parts
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
      if (offset < before + part.byteLength) return part.subarray(offset - before)
      before += part.byteLength
    }
    return NO_BYTES
  }

  lend(): Loan {
    this.#loans += 1
    return this
  }

  giveBack(): void {
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
  }
}

interface Taken {
  readonly blocks: readonly Block[]
  readonly parts: readonly Buffer[]
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
