import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createPace, takePlace } from './pace.ts'

test('places are taken at even distances', () => {
  const pace = createPace(10)
  takePlace(pace, 0)
  const waits = [1, 2, 3].map(() => takePlace(pace, 0))
  assert.deepEqual(waits, [80, 180, 280])
})

test('what was not used is lost', () => {
  const pace = createPace(10)
  takePlace(pace, 0)
  assert.equal(takePlace(pace, 10_000), 0)
  assert.deepEqual([takePlace(pace, 10_000), takePlace(pace, 10_000)], [80, 180])
})

test('who comes a little late costs nobody after it', () => {
  const pace = createPace(100)
  takePlace(pace, 0)
  assert.equal(takePlace(pace, 5), 0)
  assert.equal(takePlace(pace, 5), 5)
})

test('no second has more places than the pace says, but for the moment it may be late', () => {
  for (const perSecond of [0.5, 1, 7, 100, 2500]) {
    const pace = createPace(perSecond)
    const taken: number[] = []
    for (let now = 0; taken.length < 3 * perSecond + 3;) {
      now += takePlace(pace, now)
      taken.push(now)
    }
    for (const from of taken) {
      const within = taken.filter((at) => at >= from && at < from + 1000).length
      assert.ok(within <= perSecond * 1.02 + 1, `${within} at ${perSecond} a second`)
    }
  }
})
