import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Currency } from './currency.ts'

function opened(): { currency: Currency; clock: { monotonic: number; date: number } } {
  const clock = { monotonic: 1000, date: 5_000_000 }
  const clocks = { now: () => clock.date, monotonic: () => clock.monotonic }
  return { currency: new Currency(clocks, { stopMs: 1000, maxLagMs: 3000 }), clock }
}

function pass(ms: number, clock: { monotonic: number; date: number }): void {
  clock.monotonic += ms
  clock.date += ms
}

test('nothing is current before the first proof', () => {
  const { currency } = opened()
  assert.equal(currency.isCurrent(), false)
  assert.equal(currency.lagMs(), Number.POSITIVE_INFINITY)
  currency.asking()()
  assert.equal(currency.isCurrent(), true)
  assert.equal(currency.lagMs(), 0)
})

test('a proof holds from when it was asked, for so long and no longer', () => {
  const { currency, clock } = opened()
  const prove = currency.asking()
  pass(900, clock)
  prove()
  assert.equal(currency.lagMs(), 900)
  for (let waited = 900; waited < 3000; waited += 700) {
    assert.equal(currency.isCurrent(), true)
    pass(700, clock)
  }
  pass(1, clock)
  assert.equal(currency.isCurrent(), false)
  assert.ok(currency.uncertainForMs() > 3000)
})

test('a process that stood still is in doubt until it has asked anew', () => {
  const { currency, clock } = opened()
  currency.asking()()
  const before = currency.asking()
  pass(1001, clock)
  assert.equal(currency.isCurrent(), false)
  assert.equal(currency.uncertainForMs(), 0)
  before()
  assert.equal(currency.isCurrent(), false)
  currency.asking()()
  assert.equal(currency.isCurrent(), true)
})

test('an answer that is the first thing to happen after a stop proves nothing', () => {
  const { currency, clock } = opened()
  const prove = currency.asking()
  pass(1001, clock)
  prove()
  assert.equal(currency.isCurrent(), false)
})

test('a machine that slept is noticed by the date, which went on', () => {
  const { currency, clock } = opened()
  currency.asking()()
  clock.date += 60_000
  assert.equal(currency.isCurrent(), false)
  currency.asking()()
  clock.date -= 60_000
  assert.equal(currency.isCurrent(), true)
})
