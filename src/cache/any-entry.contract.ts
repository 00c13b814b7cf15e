// Entries of every kind, for what must give back each as it was.

import fc from 'fast-check'

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
export const anyEntry: fc.Arbitrary<Entry> = fc.oneof(heads, slices)
