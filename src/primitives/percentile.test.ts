import assert from 'node:assert/strict'
import { test } from 'node:test'

import { RecentPercentile } from './percentile.ts'

function filled(percentile: number, samples: Iterable<number>): RecentPercentile {
  const recent = new RecentPercentile(percentile)
  for (const sample of samples) recent.add(sample)
  return recent
}

function* range(from: number, to: number): Generator<number> {
  for (let value = from; value <= to; value += 1) yield value
}

test('nothing is known from too few samples', () => {
  assert.equal(filled(95, range(1, 19)).value(), undefined)
  assert.notEqual(filled(95, range(1, 20)).value(), undefined)
})

test('it is the sample that so many percent lie below', () => {
  const cases: readonly (readonly [percentile: number, value: number])[] = [
    [50, 51],
    [95, 96],
    [99, 100],
    [99.9, 100],
    [1, 2],
  ]
  for (const [percentile, value] of cases) {
    assert.equal(filled(percentile, range(1, 100)).value(), value, `p${percentile}`)
  }
})

test('the order of the samples does not matter', () => {
  const upwards = filled(90, range(1, 100)).value()
  assert.equal(filled(90, [...range(1, 100)].toReversed()).value(), upwards)
})

test('old samples are forgotten', () => {
  const recent = filled(50, range(1, 1000))
  for (let sample = 0; sample < 256; sample += 1) recent.add(7)
  assert.equal(recent.value(), 7)
})

test('a change shows after a few more samples at the latest', () => {
  const recent = filled(
    50,
    Array.from({ length: 20 }, () => 10),
  )
  assert.equal(recent.value(), 10)
  for (let sample = 0; sample < 40; sample += 1) recent.add(500)
  assert.equal(recent.value(), 500)
})
