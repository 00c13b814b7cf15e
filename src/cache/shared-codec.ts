// An entry as threads read it in the memory that they share: instants and sizes as doubles, lengths as
// words, and all of its text as one text, which is cut up when it is read. There are no checksums: what
// is read here was written by this process, and stands.

import type { CachingFields, ObjectHead } from '../exchange/object-head.ts'
import type { StoredHead } from './stored-head.ts'
import type { Entry, EntryFacts } from './tier.ts'

/** But for the bytes of a slice. */
export interface WrittenEntry {
  readonly numbers: readonly number[]
  readonly words: readonly number[]
  readonly text: string
}

/** Where it lies: from there on in each of the three. */
export interface EntryPlace {
  readonly numbers: Float64Array
  readonly numbersAt: number
  readonly words: Int32Array
  readonly wordsAt: number
  readonly text: string
  readonly textAt: number
}

/** Of the first word. */
const IS_HEAD = 1
const IS_ABSENT = 2
const HAS_SIZE = 4
const HAS_SET_COOKIE = 8
const IS_ALWAYS_VALIDATED = 16
const IS_NEVER_STALE = 32
/** Its tags are not those of its entry. */
const HAS_OWN_TAGS = 64

/** Instead of a length: there is none. */
const ABSENT = -1
const NONE: readonly never[] = []
const NO_BYTES = new Uint8Array(0)

export function writeEntry(entry: Entry): WrittenEntry {
  const pen = new Pen()
  pen.word(flagsOf(entry))
  writeFacts(pen, entry)
  if (entry.kind === 'head') writeStored(pen, entry.stored, entry)
  return pen.written
}

/** What `writeEntry` wrote; a slice without its bytes. */
export function readEntry(place: EntryPlace): Entry {
  const eye = new Eye(place)
  const flags = eye.word()
  const facts = readFacts(eye)
  if ((flags & IS_HEAD) === 0) return { ...facts, kind: 'slice', bytes: NO_BYTES }
  return { ...facts, kind: 'head', stored: readStored(eye, flags, facts.tags) }
}

function flagsOf(entry: Entry): number {
  if (entry.kind === 'slice') return 0
  const { stored } = entry
  const { head } = stored
  return (
    IS_HEAD |
    (stored.outcome === 'absent' ? IS_ABSENT : 0) |
    (head.size === undefined ? 0 : HAS_SIZE) |
    (head.caching.hasSetCookie ? HAS_SET_COOKIE : 0) |
    (stored.isAlwaysValidated ? IS_ALWAYS_VALIDATED : 0) |
    (stored.isNeverStale ? IS_NEVER_STALE : 0) |
    (stored.tags === entry.tags ? 0 : HAS_OWN_TAGS)
  )
}

function writeFacts(pen: Pen, facts: EntryFacts): void {
  pen.text(facts.bucket)
  pen.text(facts.objectKey)
  pen.texts(facts.tags)
  pen.number(facts.objectBytes)
  pen.number(facts.receivedAt)
  pen.number(facts.keepUntil)
}

function readFacts(eye: Eye): EntryFacts {
  return {
    bucket: eye.text(),
    objectKey: eye.text(),
    tags: eye.texts(),
    objectBytes: eye.number(),
    receivedAt: eye.number(),
    keepUntil: eye.number(),
  }
}

function writeStored(pen: Pen, stored: StoredHead, { tags }: EntryFacts): void {
  writeHead(pen, stored.head)
  pen.text(stored.bytesName)
  pen.number(stored.receivedAt)
  pen.number(stored.dateAt)
  pen.number(stored.initialAgeMs)
  pen.number(stored.freshUntil)
  pen.number(stored.staleWhileRevalidateUntil)
  pen.number(stored.staleIfErrorUntil)
  pen.texts(stored.selecting.flat())
  if (stored.tags !== tags) pen.texts(stored.tags)
  pen.number(stored.keepUntil)
}

function readStored(eye: Eye, flags: number, tags: readonly string[]): StoredHead {
  return {
    outcome: has(flags, IS_ABSENT) ? 'absent' : 'object',
    head: readHead(eye, flags),
    bytesName: eye.text(),
    receivedAt: eye.number(),
    dateAt: eye.number(),
    initialAgeMs: eye.number(),
    freshUntil: eye.number(),
    staleWhileRevalidateUntil: eye.number(),
    staleIfErrorUntil: eye.number(),
    isAlwaysValidated: has(flags, IS_ALWAYS_VALIDATED),
    isNeverStale: has(flags, IS_NEVER_STALE),
    selecting: pairsOf(eye.texts()),
    tags: has(flags, HAS_OWN_TAGS) ? eye.texts() : tags,
    keepUntil: eye.number(),
  }
}

function writeHead(pen: Pen, head: ObjectHead): void {
  if (head.size !== undefined) pen.number(head.size)
  pen.text(head.etag)
  pen.text(head.lastModified)
  pen.text(head.contentType)
  pen.texts(head.fields)
  pen.texts(head.metadata)
  pen.texts(head.checksums)
  pen.text(head.versionId)
  writeCaching(pen, head.caching)
  pen.text(head.redirectLocation)
}

function readHead(eye: Eye, flags: number): ObjectHead {
  return {
    size: has(flags, HAS_SIZE) ? eye.number() : undefined,
    etag: eye.maybeText(),
    lastModified: eye.maybeText(),
    contentType: eye.maybeText(),
    fields: eye.texts(),
    metadata: eye.texts(),
    checksums: eye.texts(),
    versionId: eye.maybeText(),
    caching: readCaching(eye, flags),
    redirectLocation: eye.maybeText(),
  }
}

function writeCaching(pen: Pen, caching: CachingFields): void {
  pen.text(caching.cacheControl)
  pen.text(caching.cdnCacheControl)
  pen.text(caching.pragma)
  pen.text(caching.expires)
  pen.text(caching.date)
  pen.text(caching.age)
  pen.text(caching.vary)
}

function readCaching(eye: Eye, flags: number): CachingFields {
  return {
    cacheControl: eye.maybeText(),
    cdnCacheControl: eye.maybeText(),
    pragma: eye.maybeText(),
    expires: eye.maybeText(),
    date: eye.maybeText(),
    age: eye.maybeText(),
    vary: eye.maybeText(),
    hasSetCookie: has(flags, HAS_SET_COOKIE),
  }
}

function has(flags: number, flag: number): boolean {
  return (flags & flag) !== 0
}

function pairsOf(flat: readonly string[]): StoredHead['selecting'] {
  if (flat.length === 0) return NONE
  const pairs: [string, string][] = []
  for (let index = 0; index < flat.length; index += 2) {
    pairs.push([flat[index] ?? '', flat[index + 1] ?? ''])
  }
  return pairs
}

/** Each of the three is written in the order in which it is read. */
class Pen {
  readonly #numbers: number[] = []
  readonly #words: number[] = []
  readonly #texts: string[] = []

  get written(): WrittenEntry {
    return { numbers: this.#numbers, words: this.#words, text: this.#texts.join('') }
  }

  number(number: number): void {
    this.#numbers.push(number)
  }

  word(word: number): void {
    this.#words.push(word)
  }

  text(text: string | undefined): void {
    this.#words.push(text?.length ?? ABSENT)
    if (text !== undefined) this.#texts.push(text)
  }

  texts(texts: readonly string[]): void {
    this.#words.push(texts.length)
    for (const text of texts) this.text(text)
  }
}

class Eye {
  readonly #numbers: Float64Array
  #numbersAt: number
  readonly #words: Int32Array
  #wordsAt: number
  readonly #text: string
  #textAt: number

  constructor({ numbers, numbersAt, words, wordsAt, text, textAt }: EntryPlace) {
    this.#numbers = numbers
    this.#numbersAt = numbersAt
    this.#words = words
    this.#wordsAt = wordsAt
    this.#text = text
    this.#textAt = textAt
  }

  number(): number {
    const number = this.#numbers[this.#numbersAt] ?? 0
    this.#numbersAt += 1
    return number
  }

  word(): number {
    const word = this.#words[this.#wordsAt] ?? 0
    this.#wordsAt += 1
    return word
  }

  text(): string {
    return this.#cut(this.word())
  }

  maybeText(): string | undefined {
    const length = this.word()
    return length === ABSENT ? undefined : this.#cut(length)
  }

  texts(): readonly string[] {
    const count = this.word()
    if (count === 0) return NONE
    const texts: string[] = []
    for (let index = 0; index < count; index += 1) texts.push(this.text())
    return texts
  }

  #cut(length: number): string {
    const from = this.#textAt
    this.#textAt += length
    return this.#text.substring(from, this.#textAt)
  }
}
