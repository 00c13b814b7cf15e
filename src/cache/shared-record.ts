// An entry as it lies in the arena of the shared tier: a block with its key, its facts or its head, and the
// bytes of its slice; or, where these lie elsewhere, with where they lie.

import type { Arena, Block } from './arena.ts'
import { fillParts, MOST_PARTS, takeParts } from './parts.ts'
import type { Part } from './parts.ts'
import { readEntry, writeEntry } from './shared-codec.ts'
import type { WrittenEntry } from './shared-codec.ts'
import type { Entry } from './tier.ts'

/**
 * Of a record's words, the first of which are even many, so that doubles may follow. Then come a block and
 * its bytes for each part that lies elsewhere; numbers, words and text of the entry, its key before the
 * text; and bytes.
 */
const TEXT_LENGTH = 0
const KEY_LENGTH = 1
const IS_WIDE = 2
const NUMBERS = 3
const WORDS = 4
const INLINE_BYTES = 5
const PARTS = 6
const FIRST_PART = 8
const WORDS_OF_PART = 2
const WORDS_OF_NUMBER = 2
const WORD_BYTES = Int32Array.BYTES_PER_ELEMENT
const NO_BYTES = new Uint8Array(0)
const NO_PARTS: readonly Part[] = []
/** Of a larger slice the bytes are kept by themselves, so that they may lie in parts. */
const MOST_INLINE_BYTES = 16 * 1024

/** What is to be written. */
export interface Draft {
  readonly entry: WrittenEntry
  readonly keyLength: number
  /** The key, and then that of the entry. */
  readonly text: Uint8Array
  /** Two bytes for a character, since some character of it needs them. */
  readonly isWide: boolean
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
  const written = writeEntry(entry)
  const text = key + written.text
  const isWide = hasWideCharacters(text)
  return {
    entry: written,
    keyLength: key.length,
    text: Buffer.from(text, isWide ? 'utf16le' : 'latin1'),
    isWide,
    bytes: entry.kind === 'slice' ? entry.bytes : NO_BYTES,
  }
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
  words[at + PARTS] = parts.length
  for (const [index, part] of parts.entries()) {
    const partAt = at + FIRST_PART + index * WORDS_OF_PART
    words[partAt] = part.block
    words[partAt + 1] = part.bytes
  }
  const bytes = parts.reduce((sum, part) => sum + arena.sizeOf(part.block), arena.sizeOf(block))
  return { block, parts, bytes }
}

/** Nobody else looks at it yet. */
export function writeRecord(draft: Draft, { block, parts }: Room, arena: Arena): void {
  const { entry, text, bytes } = draft
  const { words, doubles } = arena
  const inline = parts.length === 0 ? bytes.byteLength : 0
  const at = arena.firstWordOf(block)
  words[at + TEXT_LENGTH] = draft.isWide ? text.byteLength / 2 : text.byteLength
  words[at + KEY_LENGTH] = draft.keyLength
  words[at + IS_WIDE] = draft.isWide ? 1 : 0
  words[at + NUMBERS] = entry.numbers.length
  words[at + WORDS] = entry.words.length
  words[at + INLINE_BYTES] = inline
  const numbersAt = at + FIRST_PART + parts.length * WORDS_OF_PART
  for (const [index, number] of entry.numbers.entries()) {
    doubles[numbersAt / WORDS_OF_NUMBER + index] = number
  }
  const wordsAt = numbersAt + entry.numbers.length * WORDS_OF_NUMBER
  for (const [index, word] of entry.words.entries()) words[wordsAt + index] = word
  const textAt = (wordsAt + entry.words.length - at) * WORD_BYTES
  const view = arena.view(block, textAt + text.byteLength + inline)
  view.set(text, textAt)
  if (parts.length === 0) view.set(bytes, textAt + text.byteLength)
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
  #read: string | undefined

  constructor(block: Block, arena: Arena) {
    this.#arena = arena
    this.#block = block
    this.#at = arena.firstWordOf(block)
  }

  isOf(key: string): boolean {
    return this.#word(KEY_LENGTH) === key.length && this.key === key
  }

  get key(): string {
    return this.#text.substring(0, this.#word(KEY_LENGTH))
  }

  /** Of a slice without its bytes. */
  decode(): Entry {
    const { words, doubles: numbers } = this.#arena
    return readEntry({
      numbers,
      numbersAt: this.#numbersAt / WORDS_OF_NUMBER,
      words,
      wordsAt: this.#wordsAt,
      text: this.#text,
      textAt: this.#word(KEY_LENGTH),
    })
  }

  /** Its key too. */
  get textLength(): number {
    return this.#word(TEXT_LENGTH)
  }

  get parts(): readonly Buffer[] {
    const parts = partsOf(this.#block, this.#arena)
    if (parts.length > 0) return parts.map(({ block, bytes }) => this.#arena.view(block, bytes))
    const textBytes = this.textLength * (this.#word(IS_WIDE) + 1)
    const length = this.#word(INLINE_BYTES)
    return [this.#arena.view(this.#block, length, this.#textAt + textBytes)]
  }

  get #numbersAt(): number {
    return this.#at + FIRST_PART + this.#word(PARTS) * WORDS_OF_PART
  }

  get #wordsAt(): number {
    return this.#numbersAt + this.#word(NUMBERS) * WORDS_OF_NUMBER
  }

  /** In bytes of its block. */
  get #textAt(): number {
    return (this.#wordsAt + this.#word(WORDS) - this.#at) * WORD_BYTES
  }

  get #text(): string {
    const isWide = this.#word(IS_WIDE) === 1
    this.#read ??= this.#arena.text(this.#block, this.textLength, { at: this.#textAt, isWide })
    return this.#read
  }

  #word(which: number): number {
    return this.#arena.words[this.#at + which] ?? 0
  }
}

function partsOf(block: Block, arena: Arena): readonly Part[] {
  const { words } = arena
  const at = arena.firstWordOf(block)
  const count = Math.min(words[at + PARTS] ?? 0, MOST_PARTS)
  if (count === 0) return NO_PARTS
  return Array.from({ length: count }, (_, index) => ({
    block: words[at + FIRST_PART + index * WORDS_OF_PART] ?? 0,
    bytes: words[at + FIRST_PART + index * WORDS_OF_PART + 1] ?? 0,
  }))
}

function lengthOf({ entry, text }: Draft, parts: number, inlineBytes: number): number {
  const words = FIRST_PART + parts * WORDS_OF_PART + entry.words.length
  const numbers = entry.numbers.length * WORDS_OF_NUMBER
  return (words + numbers) * WORD_BYTES + text.byteLength + inlineBytes
}

function hasWideCharacters(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) > 0xff) return true
  }
  return false
}
