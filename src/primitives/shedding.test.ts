import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { LOOK_MS } from './loop-delay.ts'
import { CALM, nextShedding } from './shedding.ts'
import type { Shedding } from './shedding.ts'

const BOUND_MS = 250

/** One look after another, each as late as it says. Gives what came of each. */
function looks(delays: readonly number[], boundMs = BOUND_MS, from = CALM): Shedding[] {
  let [state, now] = [from, 0]
  return delays.map((delayMs) => {
    const elapsedMs = LOOK_MS + delayMs
    now += elapsedMs
    state = nextShedding(state, { delayMs, elapsedMs, now }, boundMs)
    return state
  })
}

function times(count: number, delayMs: number): number[] {
  return Array.from({ length: count }, () => delayMs)
}

function pressureAfter(delays: readonly number[], boundMs = BOUND_MS): number {
  return looks(delays, boundMs).at(-1)?.pressure ?? 0
}

const HEALTHY: readonly (readonly [what: string, delays: readonly number[]])[] = [
  ['a loop that is on time', times(1000, 1)],
  ['a loop that is always late by the bound, and not by more', times(1000, BOUND_MS)],
  ['one long stall', [...times(10, 1), 3000, ...times(10, 1)]],
  ['a stall and another behind it', [...times(10, 1), 400, 300, ...times(10, 1)]],
  ['stalls with time between them', Array.from({ length: 100 }, () => [600, 1]).flat()],
  ['a stall that is caught up with', [1, 3000, 1500, 750, 375, 180, 90, 1]],
  ['a program that gets a tenth of a core', times(1000, 90)],
]
for (const [what, delays] of HEALTHY) {
  test(`${what} turns nobody away`, () => {
    assert.deepEqual(
      looks(delays).filter(({ pressure }) => pressure > 0),
      [],
    )
  })
}

test('what stays late turns requests away, the harder the longer it stays', () => {
  const pressures = looks(times(8, 400)).map(({ pressure }) => pressure)
  assert.equal(pressures[0], 0)
  assert.ok(pressures.at(-1) === 1)
  assert.deepEqual(
    pressures,
    pressures.toSorted((a, b) => a - b),
  )
})

test('a bound of 0 is none', () => {
  assert.equal(pressureAfter(times(100, 10_000), 0), 0)
  const [off] = looks([10_000], 0, { pressure: 1, delayMs: 10_000, lateSince: 0 })
  assert.equal(off?.pressure, 0)
})

test('it lets go within seconds of being on time again, and not at once', () => {
  const after = looks([...times(8, 400), ...times(200, 0)])
  const [first] = after.slice(8)
  assert.ok(first !== undefined && first.pressure > 0)
  assert.equal(after.at(-1)?.pressure, 0)
})

test('what has let go needs as long as before to begin again', () => {
  const calm = [...times(8, 400), ...times(200, 0)]
  assert.equal(pressureAfter([...calm, 400]), 0)
  assert.ok(pressureAfter([...calm, ...times(4, 400)]) > 0)
})

test('half the bound lets go, but slower than none', () => {
  const lateness = times(8, 400)
  const slow = pressureAfter([...lateness, ...times(4, 125)])
  assert.ok(slow > 0 && slow < 1)
})

test('whatever the delays, it is between nothing and all, and nobody is turned away on time', () => {
  const delays = fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 200 })
  fc.assert(
    fc.property(delays, fc.integer({ min: 1, max: 2000 }), (all, boundMs) => {
      for (const { pressure } of looks(all, boundMs)) assert.ok(pressure >= 0 && pressure <= 1)
      const calm = [...all, ...times(500, 0)]
      assert.equal(pressureAfter(calm, boundMs), 0)
    }),
  )
})

interface Load {
  /** Of the load: requests that come in a ms. */
  readonly perMs: number
  /** Of one that is served, and of one that is turned away, in ms. */
  readonly costMs: number
  readonly noMs: number
}

/** Requests that come whatever becomes of them, served in turns of a loop. */
function overload({ perMs, costMs, noMs }: Load, seconds: number): number[] {
  let [state, now, waiting] = [CALM, 0, 0]
  const delays: number[] = []
  while (now < seconds * 1000) {
    const elapsedMs = Math.max(
      LOOK_MS,
      waiting * (costMs * (1 - state.pressure) + noMs * state.pressure),
    )
    now += elapsedMs
    waiting = elapsedMs * perMs
    const delayMs = elapsedMs - LOOK_MS
    state = nextShedding(state, { delayMs, elapsedMs, now }, BOUND_MS)
    delays.push(delayMs)
  }
  return delays
}

for (const factor of [1.2, 1.5, 2, 3]) {
  test(`at ${factor} times what can be served the delay comes to rest at the bound`, () => {
    const delays = overload({ perMs: factor / 0.06, costMs: 0.06, noMs: 0.016 }, 40)
    const late = delays.slice(delays.length / 2)
    assert.ok(Math.max(...late) < 1.5 * BOUND_MS, `${Math.max(...late)} ms`)
    // Nor is more turned away than has to be.
    assert.ok(Math.max(...late) > BOUND_MS / 2, `${Math.max(...late)} ms`)
  })
}
