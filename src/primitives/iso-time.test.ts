import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isoTime } from './iso-time.ts'

test('an instant is written as a Date writes it', () => {
  const instants = [0, 7, 77, 777, 999, 1000, 1_795_262_400_123, 1_795_262_400_004, -1, -62e12, 5.5]
  for (const ms of [...instants, ...instants.toReversed()]) {
    assert.equal(isoTime(ms), new Date(Math.floor(ms)).toISOString())
  }
})
