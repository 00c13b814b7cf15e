import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'

import { anyEntry } from './any-entry.contract.ts'
import { decodeEntry, encodeEntry } from './codec.ts'
import { assertSameEntry, headEntry, patternBytes, sliceEntry } from './entries.contract.ts'
import type { Entry } from './tier.ts'

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
      fc.property(anyEntry, (entry) => assertSameEntry(decodeEntry(bytesOf(entry)), plain(entry))),
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

  test('comes back under its own key, and under no other', () => {
    const keys = ['', 'key', 'kez', 'h\u0000origin\u0000\u0000ü', '\ud83e', '\ufffd', undefined]
    for (const entry of samples) {
      for (const key of keys) {
        const bytes = Buffer.concat(encodeEntry(entry, key))
        for (const other of keys) {
          const found = decodeEntry(bytes, other)
          if (other === key) assertSameEntry(found, entry)
          else assert.equal(found, undefined, `${key} as ${other}`)
        }
      }
    }
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
