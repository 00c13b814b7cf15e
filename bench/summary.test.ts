import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Mark } from './marks.ts'
import { besideOf, isSpeedDoubtful, lowerQuartile, ratioOf } from './summary.ts'
import { summarize, upperQuartile } from './summary.ts'
import type { CountedRound, Line } from './summary.ts'

function round(given: Partial<CountedRound> = {}): CountedRound {
  return {
    requestsPerSecond: 1000,
    cpuUsPerRequest: 10,
    coreShare: 1,
    p50Ms: 1,
    p99Ms: 2,
    p999Ms: 3,
    rssMiB: 50,
    marks: [],
    ...given,
  }
}

function lineOf(server: string, rounds: readonly CountedRound[]): Line {
  return { road: 'memory', size: '1KB', server, figures: summarize(rounds), rounds }
}

test('a quartile is one of the values, on its side of the middle', () => {
  const cases = [
    { values: [7], lower: 7, upper: 7 },
    { values: [9, 4], lower: 4, upper: 9 },
    { values: [3, 1, 2], lower: 1, upper: 3 },
    { values: [4, 3, 2, 1], lower: 1, upper: 4 },
    { values: [5, 1, 4, 2, 3], lower: 2, upper: 4 },
    { values: [9, 8, 7, 6, 5, 4, 3, 2, 1], lower: 3, upper: 7 },
    { values: [-1, 1000, 10, 100, 2], lower: 2, upper: 100 },
  ]
  for (const { values, lower, upper } of cases) {
    assert.equal(lowerQuartile(values), lower, values.join())
    assert.equal(upperQuartile(values), upper, values.join())
  }
  assert.ok(Number.isNaN(lowerQuartile([])))
})

test('a figure is the quartile on its better side, and memory is the most there was', () => {
  const rounds = [1, 2, 3, 4, 5].map((one) =>
    round({
      requestsPerSecond: one * 100,
      cpuUsPerRequest: one,
      p50Ms: one * 2,
      p99Ms: one * 3,
      p999Ms: one * 4,
      coreShare: one / 10,
      rssMiB: one * 10,
    }),
  )
  assert.deepEqual(summarize(rounds), {
    requestsPerSecond: 400,
    cpuUsPerRequest: 2,
    p50Ms: 4,
    p99Ms: 6,
    p999Ms: 8,
    coreShare: 0.4,
    rssMiB: 50,
  })
})

test('rounds with a mark are left out while most have none', () => {
  const marked = round({ requestsPerSecond: 5000, marks: ['load'] })
  assert.equal(summarize([marked, round(), round()])?.requestsPerSecond, 1000)
  assert.equal(summarize([marked, round()])?.requestsPerSecond, 5000)
  assert.equal(summarize([marked])?.requestsPerSecond, 5000)
})

test('rounds that took another road are never counted', () => {
  const wrong = round({ marks: ['misses'] })
  assert.equal(summarize([wrong, wrong]), undefined)
  assert.equal(ratioOf(lineOf('sluice', [wrong]), lineOf('nginx', [round()])), undefined)
  assert.equal(ratioOf(lineOf('sluice', [round()]), lineOf('nginx', [wrong])), undefined)
  assert.equal(ratioOf(lineOf('sluice', [round()]), undefined), undefined)
})

test('a ratio is this one in multiples of the other', () => {
  const sluice = lineOf('sluice', [round({ requestsPerSecond: 900, cpuUsPerRequest: 11 })])
  assert.deepEqual(ratioOf(sluice, lineOf('do-nothing', [round()])), {
    speed: 0.9,
    cpu: 1.1,
    isSpeedDoubtful: false,
  })
})

test('a speed is in doubt where either of the two was not alone the limit', () => {
  const sound = lineOf('sluice', [round()])
  for (const mark of ['load', 'behind', 'starved', 'shared'] satisfies Mark[]) {
    const doubtful = lineOf('nginx', [round({ marks: [mark] })])
    assert.ok(isSpeedDoubtful(doubtful), mark)
    assert.equal(ratioOf(sound, doubtful)?.isSpeedDoubtful, true, mark)
    assert.equal(ratioOf(doubtful, sound)?.isSpeedDoubtful, true, mark)
  }
  assert.ok(!isSpeedDoubtful(lineOf('nginx', [round({ marks: ['load'] }), round(), round()])))
})

test('a line is set beside those of its road and size alone', () => {
  const line = lineOf('sluice', [round()])
  const elsewhere = { ...lineOf('nginx', [round()]), size: '1MB' }
  const here = lineOf('nginx', [round()])
  assert.equal(besideOf(line, 'nginx', [elsewhere, line, here]), here)
  assert.equal(besideOf(line, 'varnish', [elsewhere, line, here]), undefined)
})
