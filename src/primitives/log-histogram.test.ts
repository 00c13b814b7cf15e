import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { LOG_RANGES, percentileOf, rangeOf } from './log-histogram.ts'

function counted(durations: readonly number[]): Uint32Array {
  const counts = new Uint32Array(LOG_RANGES)
  for (const duration of durations) counts[rangeOf(duration)] = (counts[rangeOf(duration)] ?? 0) + 1
  return counts
}

test('a longer duration never stands before a shorter one, and each has a place', () => {
  const duration = fc.double({ min: 0, max: 1e9, noNaN: true })
  fc.assert(
    fc.property(duration, duration, (a, b) => {
      const [first, second] = [rangeOf(Math.min(a, b)), rangeOf(Math.max(a, b))]
      assert.ok(first >= 0 && first <= second && second < LOG_RANGES)
    }),
    { seed: 7 },
  )
})

test('what is no duration stands in the first place', () => {
  assert.deepEqual([rangeOf(-1), rangeOf(Number.NaN), rangeOf(0)], [0, 0, 0])
  assert.equal(rangeOf(Number.POSITIVE_INFINITY), LOG_RANGES - 1)
})

test('a percentile is off by no more than an eighth of what it says', () => {
  for (const value of [0.02, 0.5, 3, 47, 900, 61_000]) {
    const found = percentileOf(counted(Array.from({ length: 100 }, () => value)), 0.5) ?? 0
    assert.ok(Math.abs(found - value) <= value / 8, `${found} for ${value}`)
  }
})

test('the percentiles of a spread are where they should be', () => {
  const counts = counted(Array.from({ length: 1000 }, (_, index) => index + 1))
  const found = [0.5, 0.95, 0.99].map((fraction) => percentileOf(counts, fraction) ?? 0)
  for (const [index, wanted] of [500, 950, 990].entries()) {
    assert.ok(Math.abs((found[index] ?? 0) - wanted) < wanted / 8, String(found))
  }
})

test('of nothing there is no percentile', () => {
  assert.equal(percentileOf(new Uint32Array(LOG_RANGES), 0.5), undefined)
})
