import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts'

const durations: readonly [string | number, number | undefined][] = [
  ['250ms', 250],
  ['30s', 30_000],
  ['2m', 120_000],
  ['1h', 3_600_000],
  ['30d', 2_592_000_000],
  ['1.5s', 1500],
  ['2.3s', 2300],
  ['0s', 0],
  ['20', 20_000],
  [20, 20_000],
  [0.05, 50],
  [0, 0],
  ['', undefined],
  ['s', undefined],
  ['-1s', undefined],
  ['1 s', undefined],
  ['1S', undefined],
  ['1w', undefined],
  ['1h30m', undefined],
  ['0.5ms', undefined],
  ['1e3s', undefined],
  [-1, undefined],
  [Number.NaN, undefined],
  [Number.POSITIVE_INFINITY, undefined],
  ['99999999999999999999d', undefined],
]

for (const [input, ms] of durations) {
  test(`the duration ${JSON.stringify(input)} is ${ms ?? 'no duration'}`, () => {
    assert.equal(parseDuration(input), ms)
  })
}

const sizes: readonly [string | number, number | undefined][] = [
  ['64KB', 65_536],
  ['64KiB', 65_536],
  ['64k', 65_536],
  ['1MiB', 1_048_576],
  ['1.5MB', 1_572_864],
  ['10GB', 10_737_418_240],
  ['1TiB', 1_099_511_627_776],
  ['512B', 512],
  ['512', 512],
  [512, 512],
  [0, 0],
  ['', undefined],
  ['KB', undefined],
  ['-1KB', undefined],
  ['1 KB', undefined],
  ['1PB', undefined],
  ['iB', undefined],
  ['0.3B', undefined],
  [1.5, undefined],
  [-1, undefined],
  ['9999999999TB', undefined],
]

for (const [input, bytes] of sizes) {
  test(`the size ${JSON.stringify(input)} is ${bytes ?? 'no size'}`, () => {
    assert.equal(parseSize(input), bytes)
  })
}

test('a printed duration reads back as the same milliseconds', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (ms) => parseDuration(formatDuration(ms)) === ms),
    { seed: 1 },
  )
})

test('a printed size reads back as the same bytes', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (bytes) => parseSize(formatSize(bytes)) === bytes),
    { seed: 1 },
  )
})

test('a duration is printed in the largest unit that holds it whole', () => {
  assert.deepEqual([0, 250, 30_000, 60_000, 90_000, 86_400_000].map(formatDuration), [
    '0s',
    '250ms',
    '30s',
    '1m',
    '90s',
    '1d',
  ])
})

test('any text is a duration of whole milliseconds, or none', () => {
  const text = fc.stringMatching(/^[\d.]{0,6}(ms|s|m|h|d|x)?$/)
  fc.assert(
    fc.property(text, (input) => {
      const ms = parseDuration(input)
      return ms === undefined || (Number.isSafeInteger(ms) && ms >= 0)
    }),
    { seed: 1 },
  )
})
