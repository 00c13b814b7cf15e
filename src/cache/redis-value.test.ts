import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import {
  assertSameEntry,
  factsOf,
  headEntry,
  patternBytes,
  sliceEntry,
} from './entries.contract.ts'
import { factsIn, labelEndOf, packEntry, redisKey, unpackEntry } from './redis-value.ts'

const anyKey = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((c) => String.fromCharCode(c)) }),
  fc.string({ unit: 'grapheme', minLength: 200, maxLength: 400 }),
)

test('an entry comes back under its own key, and under no other', () => {
  const bytes = fc.uint8Array({ maxLength: 100 })
  const property = fc.property(anyKey, anyKey, bytes, (key, other, bytes) => {
    const value = packEntry(key, sliceEntry(bytes))
    assertSameEntry(unpackEntry(key, value), sliceEntry(bytes))
    assert.equal(unpackEntry(other, value) !== undefined, key === other)
  })
  fc.assert(property, { seed: 1 })
  const value = packEntry('key', headEntry())
  assertSameEntry(unpackEntry('key', value), headEntry())
})

test('two keys never stand in one place', () => {
  const property = fc.property(anyKey, anyKey, (one, other) => {
    assert.equal(redisKey('p', one) === redisKey('p', other), one === other)
    assert.ok(Buffer.byteLength(redisKey('p', one)) <= 300)
    const place = Buffer.from(redisKey('p', one)).toString()
    assert.equal(place, redisKey('p', one))
  })
  fc.assert(property, { seed: 1 })
  assert.notEqual(redisKey('p', '\ud83e'), redisKey('p', '\ufffd'))
})

test('the facts are read from the label alone', () => {
  const entry = sliceEntry(patternBytes(100_000, 1), { objectKey: 'ü'.repeat(500), tags: ['a'] })
  const value = packEntry('key', entry)
  const labelEnd = labelEndOf(value)
  assert.ok(labelEnd !== undefined && labelEnd < 2000)
  assert.deepEqual(factsIn(value.subarray(0, labelEnd)), factsOf(entry))
  assert.equal(factsIn(value.subarray(0, labelEnd - 1)), undefined)
})

test('a value with any byte changed, or cut anywhere, is no entry', () => {
  const value = packEntry('key', sliceEntry(patternBytes(50, 1)))
  for (let at = 0; at < value.length; at += 1) {
    assert.equal(unpackEntry('key', value.subarray(0, at)), undefined, `cut at ${at}`)
    const changed = Buffer.from(value)
    changed[at] = (changed[at] ?? 0) ^ 0x10
    assert.equal(unpackEntry('key', changed), undefined, `changed at ${at}`)
  }
})
