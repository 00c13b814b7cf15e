// An entry as it lies in the arena of the shared tier: a block with its key, its facts or its head, and the
// bytes of its slice; or, where these lie elsewhere, with where they lie.

import type { Arena, Block } from './arena.ts'
import { decodeEntry, encodeEntry } from './codec.ts'
import { fillParts, MOST_PARTS, takeParts } from './parts.ts'
import type { Part } from './parts.ts'
import type { Entry } from './tier.ts'

/** Of a record's words: then a block and its bytes for each part that lies elsewhere. */
const KEY_BYTES = 0
const IS_WIDE = 1
const HEADER_BYTES = 2
const INLINE_BYTES = 3
const PARTS = 4
const FIRST_PART = 5
const WORD_BYTES = Int32Array.BYTES_PER_ELEMENT
/** No codec begins with it. */
const BEGIN_OF_TEXT = '['.charCodeAt(0)
const NO_BYTES = new Uint8Array(0)
/** Of a larger slice the bytes are kept by themselves, so that they may lie in parts. */
const MOST_INLINE_BYTES = 16 * 1024

/** What is to be written. */
export interface Draft {
  readonly key: Uint8Array
  readonly isWide: boolean
  readonly header: Uint8Array
  readonly bytes: Uint8Array
}

export interface Room {
  readonly block: Block
  /** Beside it. */
  readonly parts: readonly Part[]
  /** Of the arena. */
  readonly bytes: number
}

export function draftOf(key: string, entry: Entry): Draft {
  const bytes = entry.kind === 'slice' ? entry.bytes : NO_BYTES
  const header = headerOf(entry)
  const isWide = hasWideCharacters(key)
  return { key: Buffer.from(key, isWide ? 'utf16le' : 'latin1'), isWide, header, bytes }
}

/** What of the arena it will take, if its slice lies in one part. */
export function roomFor(draft: Draft, costOf: (bytes: number) => number): number {
  const { byteLength } = draft.bytes
  if (byteLength <= MOST_INLINE_BYTES) return costOf(lengthOf(draft, 0, byteLength))
  return costOf(lengthOf(draft, 1, 0)) + costOf(byteLength)
}

/** Undefined when the arena has no room for it. Where its parts lie stands in it from the start. */
export function takeRoom(draft: Draft, arena: Arena): Room | undefined {
  const { byteLength } = draft.bytes
  const parts = byteLength <= MOST_INLINE_BYTES ? [] : takeParts(arena, byteLength)
  if (parts === undefined) return undefined
  const inline = parts.length === 0 ? byteLength : 0
  const block = arena.take(lengthOf(draft, parts.length, inline))
  if (block === undefined) {
    for (const part of parts) arena.give(part.block)
    return undefined
  }
  const { words } = arena
  const at = arena.firstWordOf(block)
  words[at + KEY_BYTES] = draft.key.byteLength
  words[at + IS_WIDE] = draft.isWide ? 1 : 0
  words[at + HEADER_BYTES] = draft.header.byteLength
  words[at + INLINE_BYTES] = inline
  words[at + PARTS] = parts.length
  for (const [index, part] of parts.entries()) {
    words[at + FIRST_PART + 2 * index] = part.block
    words[at + FIRST_PART + 2 * index + 1] = part.bytes
  }
  const bytes = parts.reduce((sum, part) => sum + arena.sizeOf(part.block), arena.sizeOf(block))
  return { block, parts, bytes }
}

/** Nobody else looks at it yet. */
export function writeRecord(draft: Draft, { block, parts }: Room, arena: Arena): void {
  const { key, header, bytes } = draft
  const start = (FIRST_PART + 2 * parts.length) * WORD_BYTES
  const inline = parts.length === 0 ? bytes.byteLength : 0
  const view = arena.view(block, start + key.byteLength + header.byteLength + inline)
  view.set(key, start)
  view.set(header, start + key.byteLength)
  if (parts.length === 0) view.set(bytes, start + key.byteLength + header.byteLength)
  else {
    fillParts(
      parts.map((part) => arena.view(part.block, part.bytes)),
      bytes,
    )
  }
}

/** All that it takes. */
export function blocksOf(block: Block, arena: Arena): Block[] {
  return [block, ...partsOf(block, arena).map((part) => part.block)]
}

/** A record that stays as it is while it is looked at. */
export class RecordView {
  readonly #arena: Arena
  readonly #block: Block
  readonly #at: number

  constructor(block: Block, arena: Arena) {
    this.#arena = arena
    this.#block = block
    this.#at = arena.firstWordOf(block)
  }

  isOf(key: string): boolean {
    const isWide = this.#word(IS_WIDE) === 1
    const length = isWide ? key.length * 2 : key.length
    if (this.#word(KEY_BYTES) !== length) return false
    const bytes = this.#view(this.#start, length)
    return bytes.toString(isWide ? 'utf16le' : 'latin1') === key
  }

  get key(): string {
    const bytes = this.#view(this.#start, this.#word(KEY_BYTES))
    return bytes.toString(this.#word(IS_WIDE) === 1 ? 'utf16le' : 'latin1')
  }

  /** Of a slice without its bytes. */
  decode(): Entry | undefined {
    const header = this.#view(this.#start + this.#word(KEY_BYTES), this.headerBytes)
    return header[0] === BEGIN_OF_TEXT ? sliceFrom(header) : decodeEntry(header)
  }

  get headerBytes(): number {
    return this.#word(HEADER_BYTES)
  }

  get parts(): readonly Buffer[] {
    const parts = partsOf(this.#block, this.#arena)
    if (parts.length > 0) return parts.map(({ block, bytes }) => this.#arena.view(block, bytes))
    const offset = this.#start + this.#word(KEY_BYTES) + this.#word(HEADER_BYTES)
    return [this.#view(offset, this.#word(INLINE_BYTES))]
  }

  get #start(): number {
    return (FIRST_PART + 2 * this.#word(PARTS)) * WORD_BYTES
  }

  #word(which: number): number {
    return this.#arena.words[this.#at + which] ?? 0
  }

  #view(offset: number, length: number): Buffer {
    return this.#arena.view(this.#block, offset + length).subarray(offset)
  }
}

function partsOf(block: Block, arena: Arena): Part[] {
  const { words } = arena
  const at = arena.firstWordOf(block)
  const count = Math.min(words[at + PARTS] ?? 0, MOST_PARTS)
  return Array.from({ length: count }, (_, index) => ({
    block: words[at + FIRST_PART + 2 * index] ?? 0,
    bytes: words[at + FIRST_PART + 2 * index + 1] ?? 0,
  }))
}

/** What a codec of several tiers makes of a slice takes ten times as long to read. */
function headerOf(entry: Entry): Uint8Array {
  if (entry.kind === 'head') return encodeEntry(entry)[0] ?? NO_BYTES
  const { bucket, objectKey, tags, objectBytes, receivedAt, keepUntil } = entry
  return Buffer.from(JSON.stringify([bucket, objectKey, tags, objectBytes, receivedAt, keepUntil]))
}

function sliceFrom(header: Buffer): Entry {
  // The cast: it is what `headerOf` wrote. JSON has null for what never ends.
  const text = JSON.parse(header.toString()) as [string, string, string[], number, number, number?]
  const [bucket, objectKey, tags, objectBytes, receivedAt, last] = text
  const keepUntil = last ?? Number.POSITIVE_INFINITY
  return {
    bucket,
    objectKey,
    tags,
    objectBytes,
    receivedAt,
    keepUntil,
    kind: 'slice',
    bytes: NO_BYTES,
  }
}

function lengthOf({ key, header }: Draft, parts: number, inlineBytes: number): number {
  const words = FIRST_PART + 2 * parts
  return words * WORD_BYTES + key.byteLength + header.byteLength + inlineBytes
}

function hasWideCharacters(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) > 0xff) return true
  }
  return false
}
