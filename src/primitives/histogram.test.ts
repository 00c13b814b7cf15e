import assert from 'node:assert/strict'
import { test } from 'node:test'

import { addValue, createHistogram } from './histogram.ts'

test('a value counts in the first range that reaches to it, its end included', () => {
  const histogram = createHistogram([1, 10])
  for (const value of [0, 1, 1.5, 10, 10.5, 1000]) addValue(histogram, value)
  assert.deepEqual(histogram.counts, [2, 2, 2])
})

test('the sum is that of all values', () => {
  const histogram = createHistogram([1])
  for (const value of [0.25, 0.5, 100]) addValue(histogram, value)
  assert.equal(histogram.sum, 100.75)
})

test('two histograms over the same bounds count apart', () => {
  const bounds = [1]
  const [one, other] = [createHistogram(bounds), createHistogram(bounds)]
  addValue(one, 0)
  assert.deepEqual(
    [one.counts, other.counts],
    [
      [1, 0],
      [0, 0],
    ],
  )
})
