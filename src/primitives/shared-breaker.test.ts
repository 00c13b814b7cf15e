import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'

import { admit, createBreaker, settle } from './breaker.ts'
import type { Admission, Breaker, BreakerPolicy, Outcome } from './breaker.ts'
import { allocateBreaker, SharedBreaker } from './shared-breaker.ts'

const POLICY: BreakerPolicy = {
  failureThreshold: 2,
  successThreshold: 2,
  openMs: 10,
  halfOpenMaxRequests: 1,
}

function openTwo(): readonly [one: SharedBreaker, other: SharedBreaker] {
  const memory = allocateBreaker(2)
  return [new SharedBreaker(memory, 0, () => 0.25), new SharedBreaker(memory, 1, () => 0.75)]
}

function enter(breaker: SharedBreaker, now: number): Admission | undefined {
  return breaker.change((own) => admit(own, POLICY, now))
}

function end(breaker: SharedBreaker, admission: Admission, outcome: Outcome, now = 0): void {
  breaker.change((own) => settle(own, POLICY, { admission, outcome, now }))
}

function fail(breaker: SharedBreaker): void {
  const admission = enter(breaker, 0)
  assert.ok(admission)
  end(breaker, admission, 'failure')
}

test('failures in two threads open it for both', () => {
  const [one, other] = openTwo()
  fail(one)
  fail(other)
  assert.deepEqual([one.state, other.state], ['open', 'open'])
  assert.equal(enter(one, 9), undefined)
  assert.equal(enter(other, 9), undefined)
})

test('one of two threads may try when its time is up', () => {
  const [one, other] = openTwo()
  fail(one)
  fail(one)
  const trial = enter(other, 10)
  assert.ok(trial)
  assert.equal(enter(one, 10), undefined)
  end(other, trial, 'neutral', 10)
  assert.ok(enter(one, 10))
})

test('what a thread tried that has ended is free, and the trial of another is not', () => {
  const [one, other] = openTwo()
  fail(one)
  fail(one)
  assert.ok(enter(one, 10))
  other.clear()
  assert.equal(enter(other, 10), undefined)
  one.clear()
  assert.ok(enter(other, 10))
  assert.equal(one.probesInFlight, 1)
})

const step = fc.record({
  lane: fc.constantFrom(0, 1),
  waitMs: fc.constantFrom(0, 5, 10),
  outcome: fc.constantFrom<Outcome>('success', 'failure', 'neutral'),
  isKept: fc.boolean(),
})

test('however two threads use it, it is as one breaker of one thread', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const plain: Breaker = createBreaker()
      const both = openTwo()
      const kept: { lane: number; of: Admission; like: Admission }[] = []
      let now = 0
      for (const { lane, waitMs, outcome, isKept } of steps) {
        now += waitMs
        const breaker = both[lane === 0 ? 0 : 1]
        const of = enter(breaker, now)
        const like = admit(plain, POLICY, now)
        assert.deepEqual(of, like)
        if (of !== undefined && like !== undefined) kept.push({ lane, of, like })
        const ended = isKept ? undefined : kept.shift()
        if (ended === undefined) continue
        end(both[ended.lane === 0 ? 0 : 1], ended.of, outcome, now)
        settle(plain, POLICY, { admission: ended.like, outcome, now })
        const { state, failures, successes, probesInFlight, openUntil, epoch } = breaker
        assert.deepEqual(
          { state, failures, successes, probesInFlight, openUntil, epoch },
          { ...plain },
        )
      }
    }),
  )
})
