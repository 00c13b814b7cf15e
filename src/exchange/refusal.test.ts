import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Refusal, retryAfter } from './refusal.ts'

test('a refusal knows its status and its public sentence from its code', () => {
  const refusal = new Refusal('not_found')
  assert.equal(refusal.status, 404)
  assert.equal(refusal.message, 'The object does not exist.')
  assert.deepEqual(refusal.headers, [])
  assert.equal(refusal.cause, undefined)
})

test('a truer sentence, headers and a cause are kept', () => {
  const cause = new Error('inside')
  const headers = ['Retry-After', '3']
  const refusal = new Refusal('origin_failed', { cause, headers, message: 'Try later.' })
  assert.equal(refusal.status, 502)
  assert.equal(refusal.message, 'Try later.')
  assert.deepEqual(refusal.headers, headers)
  assert.equal(refusal.cause, cause)
})

for (const [ms, seconds] of [
  [-5, '1'],
  [0, '1'],
  [1, '1'],
  [1000, '1'],
  [1001, '2'],
  [29_999.5, '30'],
] as const) {
  test(`${ms} ms are up after ${seconds} whole seconds, and never sooner`, () => {
    assert.deepEqual(retryAfter(ms), ['Retry-After', seconds])
  })
}
