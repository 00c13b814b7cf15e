import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Event } from './event.ts'
import { LoadGuard } from './load-guard.ts'
import { Refusal } from './refusal.ts'

const TURN_MS = 400

interface Guarded {
  readonly guard: LoadGuard
  readonly told: Event[]
  /** Draws this from now on. */
  draw(lot: number): void
  /** So many looks that come so late. */
  look(count: number, delayMs: number): void
}

function guarded(maxEventLoopDelayMs = 250): Guarded {
  const told: Event[] = []
  let lot = 0
  let now = 0
  const guard = new LoadGuard({ random: () => lot, emit: (event) => told.push(event) })
  guard.follow({ maxEventLoopDelayMs })
  const look = (count: number, delayMs: number): void => {
    for (let looked = 0; looked < count; looked += 1) {
      const elapsedMs = delayMs + 25
      now += elapsedMs
      guard.look({ delayMs, elapsedMs, now })
    }
  }
  return { guard, told, draw: (next) => (lot = next), look }
}

function isTurnedAway(admit: () => void): boolean {
  try {
    admit()
    return false
  } catch (error) {
    assert.ok(error instanceof Refusal)
    assert.deepEqual([error.code, error.headers], ['too_busy', ['Retry-After', '1']])
    return true
  }
}

test('requests that need the origin are turned away first, then up to half of all', () => {
  const { guard, look, draw } = guarded()
  assert.deepEqual(guard.shed, { origin: 0, all: 0 })
  look(3, TURN_MS)
  const { origin, all } = guard.shed
  assert.ok(origin > 0 && origin < 0.95 && all === 0, JSON.stringify(guard.shed))
  assert.ok(isTurnedAway(() => guard.admitToOrigin()))
  assert.ok(!isTurnedAway(() => guard.admit()))
  look(20, TURN_MS)
  assert.deepEqual(guard.shed, { origin: 0.95, all: 0.5 })
  assert.ok(isTurnedAway(() => guard.admit()))
  draw(0.5)
  assert.ok(!isTurnedAway(() => guard.admit()))
  assert.ok(isTurnedAway(() => guard.admitToOrigin()))
  draw(0.95)
  assert.ok(!isTurnedAway(() => guard.admitToOrigin()))
})

test('who is turned away is counted, and its beginning and its end are told once', () => {
  const { guard, told, look } = guarded()
  look(20, TURN_MS)
  for (let asked = 0; asked < 3; asked += 1) isTurnedAway(() => guard.admit())
  guard.count('server_places')
  const { turnedAway, delays } = guard.counts()
  assert.deepEqual(Object.fromEntries(turnedAway), { event_loop_delay: 3, server_places: 1 })
  assert.equal(Math.round(delays.sum * 1000), 20 * TURN_MS)
  look(200, 0)
  assert.ok(!isTurnedAway(() => guard.admitToOrigin()))
  assert.deepEqual(told, [
    { kind: 'overload', state: 'shedding', event_loop_delay_ms: TURN_MS },
    { kind: 'overload', state: 'back', event_loop_delay_ms: 0 },
  ])
})

test('without a bound nobody is turned away, and one that is taken away lets all in', () => {
  const never = guarded(0)
  never.look(50, TURN_MS)
  assert.deepEqual(never.guard.shed, { origin: 0, all: 0 })
  const { guard, look } = guarded()
  look(20, TURN_MS)
  guard.follow({ maxEventLoopDelayMs: 0 })
  look(1, TURN_MS)
  assert.deepEqual(guard.shed, { origin: 0, all: 0 })
})
