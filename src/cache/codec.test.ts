import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'

import { decodeEntry, encodeEntry } from './codec.ts'
import { assertSameEntry, headEntry, patternBytes, sliceEntry } from './entries.contract.ts'
import type { Entry, HeadEntry, SliceEntry } from './tier.ts'

const latin1 = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)) })
const text = fc.oneof(latin1, fc.string({ unit: 'binary' }))
const maybe = fc.option(latin1, { nil: undefined })
const instant = fc.oneof(fc.double(), fc.integer({ min: 0, max: 2 ** 45 }))

const facts = {
  bucket: text,
  objectKey: text,
  tags: fc.array(text, { maxLength: 4 }),
  objectBytes: fc.oneof(fc.nat(), fc.constant(5 * 2 ** 40)),
  receivedAt: instant,
  keepUntil: instant,
}

const head = fc.record({
  size: fc.option(fc.nat(), { nil: undefined }),
  etag: maybe,
  lastModified: maybe,
  contentType: maybe,
  fields: fc.array(latin1),
  metadata: fc.array(latin1),
  checksums: fc.array(latin1),
  versionId: maybe,
  caching: fc.record({
    cacheControl: maybe,
    cdnCacheControl: maybe,
    pragma: maybe,
    expires: maybe,
    date: maybe,
    age: maybe,
    vary: maybe,
    hasSetCookie: fc.boolean(),
  }),
  redirectLocation: maybe,
})

const stored = fc.record({
  outcome: fc.constantFrom('object', 'absent'),
  head,
  receivedAt: instant,
  dateAt: instant,
  initialAgeMs: instant,
  freshUntil: instant,
  staleWhileRevalidateUntil: instant,
  staleIfErrorUntil: instant,
  isAlwaysValidated: fc.boolean(),
  isNeverStale: fc.boolean(),
  bytesName: latin1,
  selecting: fc.array(fc.tuple(latin1, latin1), { maxLength: 4 }),
  tags: fc.array(text, { maxLength: 4 }),
  keepUntil: instant,
})

const heads: fc.Arbitrary<HeadEntry> = fc.record(
  { ...facts, kind: fc.constant('head'), stored },
  { noNullPrototype: true },
)
const slices: fc.Arbitrary<SliceEntry> = fc.record(
  { ...facts, kind: fc.constant('slice'), bytes: fc.uint8Array({ maxLength: 5000 }) },
  { noNullPrototype: true },
)
const entries: fc.Arbitrary<Entry> = fc.oneof(heads, slices)

const samples: readonly Entry[] = [
  headEntry(),
  sliceEntry(patternBytes(700, 1)),
  sliceEntry(patternBytes(0, 1)),
]

function bytesOf(entry: Entry): Buffer {
  return Buffer.concat(encodeEntry(entry))
}

describe('an entry as bytes', () => {
  test('comes back as it was, every character of it', () => {
    fc.assert(
      fc.property(entries, (entry) => assertSameEntry(decodeEntry(bytesOf(entry)), plain(entry))),
      { seed: 3, numRuns: 300 },
    )
  })

  test('is the slice itself after a header, without a copy', () => {
    const entry = sliceEntry(patternBytes(100_000, 1))
    const [header, payload, ...rest] = encodeEntry(entry)
    assert.ok(header !== undefined && header.length < 500)
    assert.equal(payload, entry.bytes)
    assert.deepEqual(rest, [])

    const bytes = bytesOf(entry)
    const decoded = decodeEntry(bytes)
    assert.ok(decoded?.kind === 'slice')
    assert.equal(decoded.bytes.buffer, bytes.buffer)
  })

  test('is found wherever in a larger buffer it stands', () => {
    const bytes = bytesOf(sliceEntry(patternBytes(50, 1)))
    const larger = new Uint8Array(bytes.length + 11)
    larger.set(bytes, 7)
    const decoded = decodeEntry(larger.subarray(7, 7 + bytes.length))
    assertSameEntry(decoded, sliceEntry(patternBytes(50, 1)))
  })
})

describe('damaged bytes are no entry', () => {
  test('with any one byte changed', () => {
    for (const entry of samples) {
      const bytes = bytesOf(entry)
      for (let index = 0; index < bytes.length; index += 1) {
        for (const flip of [0x01, 0x80, 0xff]) {
          bytes[index] = (bytes[index] ?? 0) ^ flip
          assert.equal(decodeEntry(bytes), undefined, `byte ${index} of a ${entry.kind}`)
          bytes[index] = (bytes[index] ?? 0) ^ flip
        }
      }
    }
  })

  test('cut short or with something after them', () => {
    for (const entry of samples) {
      const bytes = bytesOf(entry)
      for (let length = 0; length < bytes.length; length += 1) {
        assert.equal(decodeEntry(bytes.subarray(0, length)), undefined)
      }
      assert.equal(decodeEntry(Buffer.concat([bytes, Buffer.alloc(1)])), undefined)
    }
  })

  test('with pieces of two entries', () => {
    const [header] = encodeEntry(sliceEntry(patternBytes(500, 1)))
    const [, payload] = encodeEntry(sliceEntry(patternBytes(500, 2)))
    assert.ok(header && payload)
    const mixed = Buffer.concat([header, payload])
    assert.equal(decodeEntry(mixed), undefined)
  })

  test('when they were never an entry', () => {
    const start = bytesOf(headEntry()).subarray(0, 12)
    const garbage = fc.uint8Array({ maxLength: 300 })
    fc.assert(
      fc.property(garbage, (bytes) => {
        assert.equal(decodeEntry(bytes), undefined)
        assert.equal(decodeEntry(Buffer.concat([start, bytes])), undefined)
      }),
      { seed: 3, numRuns: 1000 },
    )
  })
})

/** Without the prototypes and the negative zeros of the generator. */
function plain(entry: Entry): Entry {
  return structuredClone(entry)
}
