// An entry as Redis keeps it: a label and the entry, both in the codec's checksummed bytes. The
// label is short enough to be read alone by a walk over everything, and holds the whole key.

import { createHash } from 'node:crypto'

import { decodeEntry, encodeEntry } from './codec.ts'
import type { Entry, EntryFacts } from './tier.ts'

/** Longer keys cost every server memory beside the value, so they are hashed. */
const MAX_KEY_BYTES = 256
const LENGTH_BYTES = 4

/** Where an entry stands. The key itself where that can be read, so that operators can look. */
export function redisKey(prefix: string, key: string): string {
  const isPlain = key.isWellFormed() && Buffer.byteLength(key) <= MAX_KEY_BYTES
  return isPlain ? `${prefix}e:${key}` : `${prefix}e#${hashOf(key)}`
}

/** Matches what `redisKey` gives, whatever stands in the prefix. */
export function redisKeyPattern(prefix: string): string {
  return `${prefix.replace(/[\\*?[\]]/g, String.raw`\$&`)}e[:#]*`
}

export function packEntry(key: string, entry: Entry): Buffer {
  const { bucket, objectKey, tags, objectBytes, receivedAt, keepUntil } = entry
  const facts = { bucket, objectKey, tags, objectBytes, receivedAt, keepUntil }
  const label = encodeEntry({ ...facts, kind: 'slice', bytes: bytesOf(key) })
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32BE(label.reduce((sum, { byteLength }) => sum + byteLength, 0))
  return Buffer.concat([length, ...label, ...encodeEntry(entry)])
}

/** Undefined for whatever `packEntry` did not make of an entry with this key. */
export function unpackEntry(key: string, value: Buffer): Entry | undefined {
  const labelEnd = labelEndOf(value)
  if (labelEnd === undefined) return undefined
  const label = decodeEntry(value.subarray(LENGTH_BYTES, labelEnd))
  if (label?.kind !== 'slice' || !bytesOf(key).equals(label.bytes)) return undefined
  return decodeEntry(value.subarray(labelEnd))
}

/** Where the label ends, as soon as its length is there. */
export function labelEndOf(start: Buffer): number | undefined {
  return start.length < LENGTH_BYTES ? undefined : LENGTH_BYTES + start.readUInt32BE(0)
}

/** From a value's start, as long as `labelEndOf` says. */
export function factsIn(start: Buffer): EntryFacts | undefined {
  const labelEnd = labelEndOf(start)
  if (labelEnd === undefined) return undefined
  const label = decodeEntry(start.subarray(LENGTH_BYTES, labelEnd))
  if (label?.kind !== 'slice') return undefined
  const { kind: _kind, bytes: _bytes, ...facts } = label
  return facts
}

function hashOf(key: string): string {
  return createHash('sha256').update(bytesOf(key)).digest('base64url')
}

/** UTF-16, since a key may hold halves of characters, which UTF-8 cannot tell apart. */
function bytesOf(key: string): Buffer {
  return Buffer.from(key, 'utf16le')
}
