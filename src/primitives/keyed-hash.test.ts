import assert from 'node:assert/strict'
import { test } from 'node:test'

import { KeyedHash } from './keyed-hash.ts'

function hashOf(key: readonly [number, number], ...texts: readonly string[]): string {
  const hash = new KeyedHash()
  hash.begin(...key)
  for (const text of texts) hash.add(text)
  hash.end()
  return `${hash.low} ${hash.high}`
}

test('a text has one hash under a key, and another under another', () => {
  assert.equal(hashOf([1, 2], '192.0.2.1'), hashOf([1, 2], '192.0.2.1'))
  assert.notEqual(hashOf([1, 2], '192.0.2.1'), hashOf([1, 3], '192.0.2.1'))
  assert.notEqual(hashOf([1, 2], '192.0.2.1'), hashOf([2, 2], '192.0.2.1'))
})

test('where one text ends and the next begins is part of it', () => {
  const hashes = [['ab', 'c'], ['a', 'bc'], ['abc'], ['abc', ''], ['', 'abc']].map((texts) =>
    hashOf([1, 2], ...texts),
  )
  assert.equal(new Set(hashes).size, hashes.length)
})

test('a hundred thousand addresses share no hash, and fill a thousand places evenly', () => {
  const hash = new KeyedHash()
  const seen = new Set<bigint>()
  const places = new Uint32Array(1000)
  for (let index = 0; index < 100_000; index += 1) {
    hash.begin(0x1234_5678, 0x0bad_cafe)
    hash.add(`10.0.${index >> 8}.${index & 255}`)
    hash.end()
    seen.add((BigInt(hash.high >>> 0) << 32n) | BigInt(hash.low >>> 0))
    const place = (hash.low >>> 0) % places.length
    places[place] = (places[place] ?? 0) + 1
  }
  assert.equal(seen.size, 100_000)
  assert.ok(Math.max(...places) < 160 && Math.min(...places) > 50)
})
