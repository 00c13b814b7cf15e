import assert from 'node:assert/strict'
import { test } from 'node:test'

import { backoffMs } from './backoff.ts'

const policy = { initialBackoffMs: 50, maxBackoffMs: 1000 }

test('each wait may be twice as long as the one before, up to the longest', () => {
  const longest = [0, 1, 2, 3, 4, 5, 50].map((repeat) => backoffMs(policy, repeat, 0.999999))
  assert.deepEqual(longest.map(Math.round), [50, 100, 200, 400, 800, 1000, 1000])
})

test('chance takes away up to half of a wait', () => {
  assert.equal(backoffMs(policy, 1, 0), 50)
  assert.equal(backoffMs(policy, 1, 0.5), 75)
})

test('no wait is asked for where none is set', () => {
  assert.equal(backoffMs({ initialBackoffMs: 0, maxBackoffMs: 0 }, 3, 0.7), 0)
})
