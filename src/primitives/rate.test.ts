import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import fc from 'fast-check'

import { ALGORITHMS, giveBack, PARTS, shareOf, standingOf, take } from './rate.ts'
import type { Rate, Spent } from './rate.ts'

/** A whole number of the windows used here. */
const START = Math.floor(Date.UTC(2026, 5, 1) / 60_000) * 60_000

function nothing(): Spent {
  return { at: 0, count: 0, past: new Int32Array(PARTS) }
}

function copyOf({ at, count, past }: Spent): Spent {
  return { at, count, past: past.slice() }
}

/** What is said to requests that come so many ms after the start: `.` for a yes, else the wait. */
function said(rate: Rate, ...offsets: readonly number[]): readonly (number | '.')[] {
  const spent = nothing()
  return offsets.map((offset) => take(spent, rate, START + offset) || '.')
}

describe('a token bucket', () => {
  const rate: Rate = { algorithm: 'token_bucket', quota: 3, windowMs: 3000 }

  test('gives its burst at once, and then one after the other', () => {
    assert.deepEqual(said(rate, 0, 0, 0, 0, 999, 1000, 1000), ['.', '.', '.', 1000, 1, '.', 1000])
  })

  test('is full again when the window has gone by, and never fuller', () => {
    const late = said(rate, 0, 0, 0, 3000, 3000, 3000, 3000, 99_000, 99_000, 99_000, 99_000)
    assert.deepEqual(late, ['.', '.', '.', '.', '.', '.', 1000, '.', '.', '.', 1000])
  })

  test('may give one in ten seconds', () => {
    const slow: Rate = { algorithm: 'token_bucket', quota: 1, windowMs: 10_000 }
    assert.deepEqual(said(slow, 0, 1, 9999, 10_000, 10_001), ['.', 9999, 1, '.', 9999])
  })

  test('loses nothing to intervals that are no whole ms', () => {
    const thirds: Rate = { algorithm: 'token_bucket', quota: 3, windowMs: 1000 }
    const spent = nothing()
    let given = 0
    for (let ms = 0; ms <= 3_600_100; ms += 100) {
      while (take(spent, thirds, START + ms) === 0) given += 1
    }
    assert.equal(given, 3 + 3 * 3600)
  })

  test('makes nobody wait for longer than a bucket when the clock goes back', () => {
    const spent = nothing()
    for (let index = 0; index < 3; index += 1) take(spent, rate, START)
    assert.equal(take(spent, rate, START - 3_600_000), 1000)
    assert.equal(take(spent, rate, START - 3_600_000 + 1000), 0)
  })
})

describe('a fixed window', () => {
  const rate: Rate = { algorithm: 'fixed_window', quota: 2, windowMs: 60_000 }

  test('gives its number in each window of the clock', () => {
    const asked = said(rate, 59_998, 59_999, 59_999, 60_000, 60_000, 60_001, 120_000)
    assert.deepEqual(asked, ['.', '.', 1, '.', '.', 59_999, '.'])
  })
})

describe('a sliding window', () => {
  const rate: Rate = { algorithm: 'sliding_window', quota: 4, windowMs: 80_000 }
  const sliding = fc.record({
    algorithm: fc.constant('sliding_window' as const),
    quota: fc.integer({ min: 1, max: 12 }),
    windowMs: fc.integer({ min: 1000, max: 60_000 }),
  })
  /** Bursts, pauses, and what comes at an even pace; of a window. */
  const parts = (min: number, max: number) => fc.double({ min, max, noNaN: true })
  const pauses = fc.array(fc.oneof(fc.constant(0), parts(0, 0.3), parts(0.8, 1.2)), {
    minLength: 20,
    maxLength: 200,
  })

  test('counts what came in an eighth of it until the last of that is a window ago', () => {
    const first = [0, 0, 9999, 10_000, 10_000]
    assert.deepEqual(said(rate, ...first), ['.', '.', '.', '.', 80_000])
    const next = said(rate, ...first, 89_999, 90_000, 90_000, 90_000, 90_000, 100_000)
    assert.deepEqual(next.slice(5), [1, '.', '.', '.', 10_000, '.'])
  })

  test('forgets all of it after a pause', () => {
    const late = said(rate, 0, 0, 0, 0, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000)
    assert.deepEqual(late.slice(4), ['.', '.', '.', '.', 90_000])
  })

  test('never admits more in any window, and refuses by an eighth of it too early at most', () => {
    fc.assert(
      fc.property(sliding, pauses, fc.nat(60_000), (limit, waits, offset) => {
        const { quota, windowMs } = limit
        const spent = nothing()
        const admitted: number[] = []
        const since = (at: number): number => admitted.filter((one) => one > at).length
        let at = START + offset
        for (const wait of waits) {
          at += Math.round(wait * windowMs)
          if (take(spent, limit, at) === 0) admitted.push(at)
          else assert.ok(since(at - windowMs - windowMs / PARTS) >= quota, 'too early')
          assert.ok(since(at - windowMs) <= quota, 'too many')
        }
      }),
      { seed: 3, numRuns: 500 },
    )
  })

  test('neither admits more nor makes anyone wait for ever when the clock goes back', () => {
    const spent = nothing()
    for (let index = 0; index < 4; index += 1) assert.equal(take(spent, rate, START + 10_000), 0)
    // A little, as it is between two threads; then an hour.
    assert.equal(take(spent, rate, START + 9990), 90_010)
    assert.equal(take(spent, rate, START + 10_000), 90_000)
    assert.equal(take(spent, rate, START - 3_600_000), 90_000)
    assert.equal(take(spent, rate, START - 3_600_000 + 90_000), 0)
  })

  test('is given back what was taken in the part before', () => {
    const spent = nothing()
    for (let index = 0; index < 4; index += 1) take(spent, rate, START + 9999)
    assert.notEqual(take(spent, rate, START + 10_000), 0)
    giveBack(spent, rate, START + 9999)
    assert.equal(take(spent, rate, START + 10_000), 0)
    assert.deepEqual([spent.count, spent.past[0]], [1, 3])
  })
})

const rates = fc.record({
  algorithm: fc.constantFrom(...ALGORITHMS),
  quota: fc.integer({ min: 1, max: 50 }),
  windowMs: fc.integer({ min: 1000, max: 600_000 }),
})
const gaps = fc.array(fc.nat(20_000), { maxLength: 80 })

describe('every algorithm', () => {
  test('admits whoever waits as long as was said, and not a ms sooner', () => {
    fc.assert(
      fc.property(rates, gaps, (rate, waits) => {
        const spent = nothing()
        let at = START
        for (const gap of waits) {
          at += gap
          const waitMs = take(spent, rate, at)
          if (waitMs === 0) continue
          assert.equal(take(copyOf(spent), rate, at + waitMs), 0)
          assert.notEqual(take(copyOf(spent), rate, at + waitMs - 1), 0)
        }
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  test('tells how many remain, and those can be had', () => {
    fc.assert(
      fc.property(rates, gaps, (rate, waits) => {
        const spent = nothing()
        let at = START
        for (const gap of waits) {
          at += gap
          take(spent, rate, at)
          const { remaining, restoredMs } = standingOf(spent, rate, at)
          const trial = copyOf(spent)
          for (let index = 0; index < remaining; index += 1) assert.equal(take(trial, rate, at), 0)
          assert.notEqual(take(trial, rate, at), 0)
          assert.equal(standingOf(spent, rate, at + restoredMs).remaining, rate.quota)
        }
      }),
      { seed: 2, numRuns: 300 },
    )
  })

  test('takes back what was given back', () => {
    for (const algorithm of ALGORITHMS) {
      const rate: Rate = { algorithm, quota: 1, windowMs: 60_000 }
      const spent = nothing()
      assert.equal(take(spent, rate, START), 0)
      giveBack(spent, rate, START)
      assert.equal(take(spent, rate, START), 0, algorithm)
      assert.notEqual(take(spent, rate, START), 0, algorithm)
    }
  })
})

test('shares make the whole, however many there are', () => {
  const rate: Rate = { algorithm: 'token_bucket', quota: 10, windowMs: 60_000 }
  assert.deepEqual(shareOf(rate, 2), { ...rate, quota: 5 })
  for (const sharers of [1, 2, 3, 7, 10, 30]) {
    const { quota, windowMs } = shareOf(rate, sharers)
    assert.ok(quota >= 1)
    assert.ok(Math.abs((sharers * quota) / windowMs - 10 / 60_000) < 1e-7, String(sharers))
  }
})
