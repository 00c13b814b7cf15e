// The entries that the tiers are tested with.

import assert from 'node:assert/strict'

import type { Entry, EntryFacts, HeadEntry, SliceEntry } from './tier.ts'

/** When the tests' worlds begin. */
export const START = 1_700_000_000_000

export function headEntry(given: Partial<HeadEntry> = {}): HeadEntry {
  const facts = { ...factsOf(given), tags: given.tags ?? ['red', 'blue'] }
  return {
    ...facts,
    kind: 'head',
    stored: given.stored ?? {
      outcome: 'object',
      head: {
        size: 12,
        etag: '"a1b2"',
        lastModified: 'Tue, 14 Nov 2023 22:13:20 GMT',
        contentType: 'text/plain',
        fields: ['Content-Disposition', 'attachment; filename="\u00fc\u00ff.txt"'],
        metadata: ['x-amz-meta-owner', 'caf\u00e9'],
        checksums: ['x-amz-checksum-crc32', 'AAAAAA=='],
        versionId: undefined,
        caching: {
          cacheControl: 'max-age=60',
          cdnCacheControl: undefined,
          pragma: undefined,
          expires: undefined,
          date: 'Tue, 14 Nov 2023 22:13:19 GMT',
          age: undefined,
          vary: 'Accept-Language',
          hasSetCookie: false,
        },
        redirectLocation: undefined,
      },
      bytesName: 'AbCdEfGhIjKlMnOpQrStUv',
      receivedAt: facts.receivedAt,
      dateAt: facts.receivedAt - 1000,
      initialAgeMs: 1000,
      freshUntil: START + 60_000,
      staleWhileRevalidateUntil: START + 90_000,
      staleIfErrorUntil: START + 120_000,
      isAlwaysValidated: false,
      isNeverStale: false,
      selecting: [['accept-language', 'de']],
      tags: facts.tags,
      keepUntil: facts.keepUntil,
    },
  }
}

export function sliceEntry(bytes: Uint8Array, given: Partial<SliceEntry> = {}): SliceEntry {
  return { ...factsOf(given), kind: 'slice', bytes }
}

/** `length` bytes that tell whose they are: no two seeds share a run of them. */
export function patternBytes(length: number, seed: number): Uint8Array {
  const bytes = Buffer.alloc(length)
  let state = (Math.imul(seed, 2654435761) ^ 0x9e3779b9) >>> 0
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}

/** Equal in what they say; a slice's bytes may be of any Uint8Array class, and lent. */
export function assertSameEntry(found: Entry | undefined, wanted: Entry): void {
  assert.ok(found, 'there was no entry')
  if (wanted.kind === 'head') return assert.deepEqual(found, wanted)
  assert.ok(found.kind === 'slice')
  const { bytes, lender: _, ...facts } = found
  const { bytes: wantedBytes, ...wantedFacts } = wanted
  assert.deepEqual(facts, wantedFacts)
  assert.ok(Buffer.compare(bytes, wantedBytes) === 0, 'the bytes differ')
}

export function factsOf(given: Partial<EntryFacts>): EntryFacts {
  return {
    bucket: given.bucket ?? 'assets',
    objectKey: given.objectKey ?? 'folder/file.txt',
    tags: given.tags ?? [],
    objectBytes: given.objectBytes ?? 12,
    receivedAt: given.receivedAt ?? START,
    keepUntil: given.keepUntil ?? START + 3_600_000,
  }
}
