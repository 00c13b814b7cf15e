import assert from 'node:assert/strict'
import { test } from 'node:test'

import { acceptRequestId, createRandomPool, createRequestId } from './request-id.ts'

test("a caller's harmless id is kept", () => {
  for (const id of ['a', 'Zz09_-', 'x'.repeat(128)]) assert.equal(acceptRequestId(id), id)
})

test("a caller's id that could speak elsewhere is not kept", () => {
  const refused = [undefined, '', 'x'.repeat(129), 'a b', 'a\n', 'a.b', 'a/b', 'é', '@', '[', '`']
  for (const id of refused) assert.equal(acceptRequestId(id), undefined, String(id))
})

test('ids are 22 url-safe characters, never twice the same, over many draws of randomness', () => {
  const random = createRandomPool()
  const ids = new Set(Array.from({ length: 5000 }, () => createRequestId(random)))
  assert.equal(ids.size, 5000)
  for (const id of ids) {
    assert.equal(id.length, 22)
    assert.equal(acceptRequestId(id), id)
  }
})

test('an id is the randomness it was given', () => {
  let draws = 0
  const random = createRandomPool((bytes) => bytes.fill(++draws))
  assert.equal(createRequestId(random), Buffer.alloc(16, 1).toString('base64url'))
  const perDraw = random.bytes.length / 16
  for (let count = 1; count < perDraw; count++) createRequestId(random)
  assert.equal(createRequestId(random), Buffer.alloc(16, 2).toString('base64url'))
  assert.equal(draws, 2)
})
