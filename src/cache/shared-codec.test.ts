import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'

import { anyEntry } from './any-entry.contract.ts'
import { Arena } from './arena.ts'
import { assertSameEntry, headEntry, patternBytes, sliceEntry } from './entries.contract.ts'
import { readEntry, writeEntry } from './shared-codec.ts'
import { draftOf, RecordView, takeRoom, writeRecord } from './shared-record.ts'
import type { Entry, HeadEntry } from './tier.ts'

const arena = Arena.of(16 * 1024 * 1024)

/** By the codec alone, in the middle of something else. */
function through(entry: Entry): Entry {
  const { numbers, words, text } = writeEntry(entry)
  return readEntry({
    numbers: Float64Array.from([7, ...numbers, 7]),
    numbersAt: 1,
    words: Int32Array.from([7, 7, ...words, 7]),
    wordsAt: 2,
    text: `before${text}after`,
    textAt: 'before'.length,
  })
}

/** As it lies in an arena. */
function recordOf(key: string, entry: Entry): RecordView {
  const draft = draftOf(key, entry)
  const room = takeRoom(draft, arena)
  assert.ok(room !== undefined)
  writeRecord(draft, room, arena)
  return new RecordView(room.block, arena)
}

function throughRecord(key: string, entry: Entry): Entry {
  const record = recordOf(key, entry)
  const found = record.decode()
  return found.kind === 'head' ? found : { ...found, bytes: Buffer.concat(record.parts) }
}

function headWith(given: Partial<HeadEntry['stored']['head']>): HeadEntry {
  const entry = headEntry()
  return { ...entry, stored: { ...entry.stored, head: { ...entry.stored.head, ...given } } }
}

function withoutBytes(entry: Entry): Entry {
  return entry.kind === 'head' ? entry : { ...entry, bytes: new Uint8Array(0) }
}

describe('an entry in the memory of all threads', () => {
  test('comes back as it was, every character and every number of it', () => {
    fc.assert(
      fc.property(anyEntry, (given) => {
        const entry = structuredClone(given)
        assertSameEntry(through(entry), withoutBytes(entry))
      }),
      { seed: 3, numRuns: 500 },
    )
  })

  test('lies beside its key, whichever characters either has', () => {
    const anyKey = fc.oneof(fc.string(), fc.string({ unit: 'binary' }))
    fc.assert(
      fc.property(anyKey, anyEntry, (key, given) => {
        const entry = structuredClone(given)
        assertSameEntry(throughRecord(key, entry), entry)
        const record = recordOf(key, entry)
        assert.equal(record.key, key)
        assert.ok(record.isOf(key) && !record.isOf(`${key} `) && !record.isOf(`x${key.slice(1)}x`))
      }),
      { seed: 3, numRuns: 300 },
    )
  })

  test('is not taken for one of another key of the same length', () => {
    for (const [key, other] of [
      ['abc', 'abd'],
      ['日本', '日木'],
      ['é', 'e'],
    ] as const) {
      const record = recordOf(key, headEntry({ objectKey: key }))
      assert.ok(record.isOf(key) && !record.isOf(other))
    }
  })

  test('tells what is empty from what is not there', () => {
    for (const value of ['', undefined]) {
      const entry = headWith({ etag: value, versionId: value, redirectLocation: value })
      assert.deepEqual(through(entry), entry)
    }
    for (const size of [0, undefined, 5 * 2 ** 40]) {
      const entry = headWith({ size })
      assert.deepEqual(through(entry), entry)
    }
  })

  test('has the tags of its head apart where they are others', () => {
    for (const tags of [[], ['red', 'blue'], ['日本', '']]) {
      const entry = headEntry()
      const apart = { ...entry, stored: { ...entry.stored, tags } }
      assert.deepEqual(through(apart), apart)
    }
  })

  test('may have fields that are long, and many', () => {
    const fields = Array.from({ length: 2000 }, (_, index) => `x-${index}-${'y'.repeat(index)}`)
    const entry = headWith({ fields, contentType: 'z'.repeat(100_000) })
    assert.deepEqual(through(entry), entry)
    const wide = { ...headEntry(), objectKey: '日'.repeat(1024), tags: ['本'.repeat(2000)] }
    assert.deepEqual(throughRecord('key', wide), wide)
  })

  test('has its bytes with it, or beside it where they are many', () => {
    for (const length of [0, 1, 16 * 1024, 16 * 1024 + 1, 300_000]) {
      const entry = sliceEntry(patternBytes(length, 1), { objectKey: 'ключ' })
      assertSameEntry(throughRecord('key', entry), entry)
    }
  })
})
