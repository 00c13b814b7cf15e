import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Faults } from './faults.ts'

const get = { method: 'GET', bucket: 'b', key: 'k', isRanged: false }

test('a fault strikes as often as it says, after those it lets pass, and counts', () => {
  const faults = new Faults()
  const fault = faults.add({ kind: 'hang', skip: 1, times: 2 })
  const kinds = [1, 2, 3, 4].map(() => faults.take(get)?.kind)
  assert.deepEqual(kinds, [undefined, 'hang', 'hang', undefined])
  assert.equal(fault.hits, 2)
})

test('a fault strikes only what it names', () => {
  const faults = new Faults()
  faults.add({ kind: 'hang', match: { bucket: 'b', key: 'k', method: 'GET', ranged: true } })
  assert.equal(faults.take(get), undefined)
  for (const other of [{ bucket: 'x' }, { key: 'x' }, { method: 'HEAD' }]) {
    assert.equal(faults.take({ ...get, isRanged: true, ...other }), undefined)
  }
  assert.equal(faults.take({ ...get, isRanged: true })?.kind, 'hang')
})

test('a fault in a body does not spend itself on a request that gets none', () => {
  const faults = new Faults()
  const cut = faults.add({ kind: 'cut', times: 1 })
  const reset = faults.add({ kind: 'reset', afterBytes: 5, times: 1 })
  assert.equal(faults.take({ ...get, method: 'HEAD' }), undefined)
  assert.equal(faults.take({ ...get, key: '' }), undefined)
  assert.equal(faults.take(get)?.kind, 'cut')
  assert.equal(faults.take(get)?.kind, 'reset')
  assert.deepEqual([cut.hits, reset.hits], [1, 1])
})

test('a fault in a range waits for one', () => {
  const faults = new Faults()
  faults.add({ kind: 'wrong-range' })
  assert.equal(faults.take(get), undefined)
  assert.equal(faults.take({ ...get, isRanged: true })?.kind, 'wrong-range')
})

test('the first rule that fits is the one that acts, and a removed one never does', () => {
  const faults = new Faults()
  const first = faults.add({ kind: 'hang' })
  faults.add({ kind: 'status' })
  assert.equal(faults.take(get)?.kind, 'hang')
  first.remove()
  assert.equal(faults.take(get)?.kind, 'status')
})

test('only a refusal that names no request closes connections as they open', () => {
  const faults = new Faults()
  faults.add({ kind: 'refuse', match: { key: 'k' } })
  assert.equal(faults.takeConnection(), false)
  faults.add({ kind: 'refuse', times: 1 })
  assert.equal(faults.takeConnection(), true)
  assert.equal(faults.takeConnection(), false)
})
