import assert from 'node:assert/strict'
import { test } from 'node:test'

import { acceptRequestId, RequestIds } from './request-id.ts'

test("a caller's harmless id is kept", () => {
  for (const id of ['a', 'Zz09_-', 'x'.repeat(128)]) assert.equal(acceptRequestId(id), id)
})

test("a caller's id that could speak elsewhere is not kept", () => {
  const refused = [undefined, '', 'x'.repeat(129), 'a b', 'a\n', 'a.b', 'a/b', 'é', '@', '[', '`']
  for (const id of refused) assert.equal(acceptRequestId(id), undefined, String(id))
})

test('ids are 22 url-safe characters, never twice the same, over many draws of randomness', () => {
  const ids = new RequestIds()
  const created = new Set(Array.from({ length: 5000 }, () => ids.create()))
  assert.equal(created.size, 5000)
  for (const id of created) {
    assert.equal(id.length, 22)
    assert.equal(acceptRequestId(id), id)
  }
})

test('randomness is drawn for 4096 at a time', () => {
  let draws = 0
  const ids = new RequestIds((size) => Buffer.alloc(size, ++draws))
  const first = Array.from({ length: 4096 }, () => ids.create())
  assert.equal(draws, 1)
  assert.equal(new Set(first).size, 4096)
  assert.equal(ids.create().slice(0, 20), Buffer.alloc(15, 2).toString('base64url'))
})
