// Bytes in an arena: together where there is room for that, else in a few parts.

import type { Arena, Block } from './arena.ts'

/** Neither many writes for one slice, nor room that nothing but crumbs would use. */
export const MOST_PARTS = 16
const LEAST_PART_BYTES = 4096
const NO_BYTES = new Uint8Array(0)

export interface Part {
  readonly block: Block
  readonly bytes: number
}

/** Undefined when the arena has no room for them. */
export function takeParts(arena: Arena, bytes: number): Part[] | undefined {
  const least = Math.max(LEAST_PART_BYTES, bytes / MOST_PARTS)
  const parts: Part[] = []
  let left = bytes
  do {
    const length = Math.min(left, arena.largest())
    const block = length < Math.min(left, least) ? undefined : arena.take(length)
    if (block === undefined) {
      for (const taken of parts) arena.give(taken.block)
      return undefined
    }
    parts.push({ block, bytes: length })
    left -= length
  } while (left > 0)
  return parts
}

export function fillParts(parts: readonly Uint8Array[], bytes: Uint8Array): void {
  let offset = 0
  for (const part of parts) {
    part.set(bytes.subarray(offset, offset + part.byteLength))
    offset += part.byteLength
  }
}

/** From an offset on, as far as they lie together. */
export function partFrom(parts: readonly Uint8Array[], offset: number): Uint8Array {
  let before = 0
  for (const part of parts) {
    // Most are read from their start.
    if (offset === before) return part
    if (offset < before + part.byteLength) return part.subarray(offset - before)
    before += part.byteLength
  }
  return NO_BYTES
}

/** Copied together where they lie in parts. */
export function wholeOf(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts)
}
