// An entry as bytes, for the tiers that keep it outside this process. All of it is under checksums,
// so what was damaged, cut short or written by another version is no entry.

import { createCipheriv } from 'node:crypto'
import { crc32 } from 'node:zlib'

import type { CachingFields, ObjectHead } from '../exchange/object-head.ts'
import type { StoredHead } from './stored-head.ts'
import type { Entry, EntryFacts } from './tier.ts'

/** "SLC" and the version of this format: change the digit when anything below changes. */
const MAGIC = 0x53_4c_43_32

// magic, checksum of the header that follows, kind, length of the text, length and checksum of the
// payload; then sizes and instants as doubles, since JSON knows no Infinity, then the text.
const CHECKSUM_AT = 4
const KIND_AT = 8
const TEXT_LENGTH_AT = 12
const PAYLOAD_LENGTH_AT = 16
const PAYLOAD_CHECKSUM_AT = 20
const NUMBERS_AT = 36
const NUMBER_BYTES = 8

const KIND = { head: 1, slice: 2 } as const
const FACT_NUMBERS = 3
const NUMBERS = { [KIND.head]: FACT_NUMBERS + 7, [KIND.slice]: FACT_NUMBERS } as const

const EMPTY = new Uint8Array(0)
const CHECKSUM_KEY = Buffer.from('sluice entry key')
const CHECKSUM_NONCE = Buffer.alloc(12)
const CHECKSUM_OF_NOTHING = Buffer.alloc(16)

/** What of an entry is text, as JSON: characters above ASCII come back as they were. */
interface Text {
  readonly key?: string | undefined
  readonly bucket: string
  readonly objectKey: string
  readonly tags: readonly string[]
  readonly stored?: StoredText
}

type StoredText = Pick<
  StoredHead,
  'outcome' | 'bytesName' | 'isAlwaysValidated' | 'isNeverStale' | 'selecting' | 'tags'
> & { readonly head: HeadText }

type HeadText = Partial<Omit<ObjectHead, 'caching'>> & { readonly caching: Partial<CachingFields> }

/**
 * The header, and for a slice its bytes, which are not copied. With a `key`, they say themselves whose
 * they are; without, something beside them has to.
 */
export function encodeEntry(entry: Entry, key?: string): Uint8Array[] {
  const payload = entry.kind === 'slice' ? entry.bytes : EMPTY
  const text = JSON.stringify({ key, ...textOf(entry) })
  const numbers = numbersOf(entry)
  const textAt = NUMBERS_AT + numbers.length * NUMBER_BYTES
  const textLength = Buffer.byteLength(text)

  const header = Buffer.allocUnsafeSlow(textAt + textLength)
  header.writeUInt32BE(MAGIC, 0)
  header.writeUInt32BE(KIND[entry.kind], KIND_AT)
  header.writeUInt32BE(textLength, TEXT_LENGTH_AT)
  header.writeUInt32BE(payload.length, PAYLOAD_LENGTH_AT)
  header.set(checksumOf(payload), PAYLOAD_CHECKSUM_AT)
  for (const [index, number] of numbers.entries()) {
    header.writeDoubleBE(number, NUMBERS_AT + index * NUMBER_BYTES)
  }
  header.write(text, textAt)
  header.writeUInt32BE(crc32(header.subarray(KIND_AT)), CHECKSUM_AT)
  return payload.length > 0 ? [header, payload] : [header]
}

/**
 * Undefined for whatever is not, byte for byte, what `encodeEntry` made of an entry with this key.
 * A slice is a view.
 */
export function decodeEntry(bytes: Uint8Array, key?: string): Entry | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length < NUMBERS_AT || buffer.readUInt32BE(0) !== MAGIC) return undefined
  const kind = buffer.readUInt32BE(KIND_AT)
  if (kind !== KIND.head && kind !== KIND.slice) return undefined

  const textAt = NUMBERS_AT + NUMBERS[kind] * NUMBER_BYTES
  const payloadAt = textAt + buffer.readUInt32BE(TEXT_LENGTH_AT)
  const end = payloadAt + buffer.readUInt32BE(PAYLOAD_LENGTH_AT)
  if (buffer.length !== end) return undefined
  if (crc32(buffer.subarray(KIND_AT, payloadAt)) !== buffer.readUInt32BE(CHECKSUM_AT))
    return undefined
  const payload = buffer.subarray(payloadAt)
  if (!checksumOf(payload).equals(buffer.subarray(PAYLOAD_CHECKSUM_AT, NUMBERS_AT)))
    return undefined

  // The checksum says that these are the bytes `encodeEntry` wrote, so their shape is known.
  const text = JSON.parse(buffer.toString('utf8', textAt, payloadAt)) as Text
  if (text.key !== key) return undefined
  const numbers = readNumbers(buffer, NUMBERS[kind])
  const facts = factsFrom(text, numbers)
  if (text.stored === undefined) return { ...facts, kind: 'slice', bytes: payload }
  return { ...facts, kind: 'head', stored: storedFrom(text.stored, numbers) }
}

/**
 * GMAC under a key that is no secret. It is meant against damage, not against anyone, and taken for
 * its speed: of a 1 MiB slice it is made in less than a fifth of the time that CRC-32 takes. It is a
 * seventh of what a hit on disk costs, and is made at every read all the same: what a device gave well
 * once it may give damaged when the kernel has to ask it again, and no mark of a file tells of that.
 */
function checksumOf(payload: Uint8Array): Buffer {
  if (payload.length === 0) return CHECKSUM_OF_NOTHING
  const cipher = createCipheriv('aes-128-gcm', CHECKSUM_KEY, CHECKSUM_NONCE)
  cipher.setAAD(payload)
  cipher.final()
  return cipher.getAuthTag()
}

function textOf(entry: Entry): Text {
  const { bucket, objectKey, tags } = entry
  if (entry.kind === 'slice') return { bucket, objectKey, tags }
  const { outcome, head, bytesName, isAlwaysValidated, isNeverStale, selecting } = entry.stored
  const own = { tags: entry.stored.tags, selecting }
  const stored = { outcome, head, bytesName, isAlwaysValidated, isNeverStale, ...own }
  return { bucket, objectKey, tags, stored }
}

function numbersOf(entry: Entry): number[] {
  const facts = [entry.objectBytes, entry.receivedAt, entry.keepUntil]
  if (entry.kind === 'slice') return facts
  const { stored } = entry
  return [
    ...facts,
    stored.receivedAt,
    stored.dateAt,
    stored.initialAgeMs,
    stored.freshUntil,
    stored.staleWhileRevalidateUntil,
    stored.staleIfErrorUntil,
    stored.keepUntil,
  ]
}

function readNumbers({ buffer, byteOffset }: Buffer, count: number): number[] {
  const view = new DataView(buffer, byteOffset + NUMBERS_AT, count * NUMBER_BYTES)
  const numbers: number[] = []
  for (let offset = 0; offset < view.byteLength; offset += NUMBER_BYTES) {
    numbers.push(view.getFloat64(offset))
  }
  return numbers
}

function factsFrom({ bucket, objectKey, tags }: Text, numbers: readonly number[]): EntryFacts {
  const [objectBytes = 0, receivedAt = 0, keepUntil = 0] = numbers
  return { bucket, objectKey, tags, objectBytes, receivedAt, keepUntil }
}

function storedFrom(text: StoredText, numbers: readonly number[]): StoredHead {
  const [
    receivedAt = 0,
    dateAt = 0,
    initialAgeMs = 0,
    freshUntil = 0,
    staleWhileRevalidateUntil = 0,
    staleIfErrorUntil = 0,
    keepUntil = 0,
  ] = numbers.slice(FACT_NUMBERS)
  return {
    outcome: text.outcome,
    head: headFrom(text.head),
    bytesName: text.bytesName,
    receivedAt,
    dateAt,
    initialAgeMs,
    freshUntil,
    staleWhileRevalidateUntil,
    staleIfErrorUntil,
    isAlwaysValidated: text.isAlwaysValidated,
    isNeverStale: text.isNeverStale,
    selecting: text.selecting,
    tags: text.tags,
    keepUntil,
  }
}

/** JSON leaves out what is undefined; every head has all the fields, in one order. */
function headFrom(head: HeadText): ObjectHead {
  return {
    size: head.size,
    etag: head.etag,
    lastModified: head.lastModified,
    contentType: head.contentType,
    fields: head.fields ?? [],
    metadata: head.metadata ?? [],
    checksums: head.checksums ?? [],
    versionId: head.versionId,
    caching: cachingFrom(head.caching),
    redirectLocation: head.redirectLocation,
  }
}

function cachingFrom(caching: Partial<CachingFields>): CachingFields {
  return {
    cacheControl: caching.cacheControl,
    cdnCacheControl: caching.cdnCacheControl,
    pragma: caching.pragma,
    expires: caching.expires,
    date: caching.date,
    age: caching.age,
    vary: caching.vary,
    hasSetCookie: caching.hasSetCookie ?? false,
  }
}
