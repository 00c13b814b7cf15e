import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'

import { admit, createBreaker, openForMs, settle, wouldAdmit } from './breaker.ts'
import type { Admission, Breaker, BreakerPolicy, Outcome } from './breaker.ts'

const policy: BreakerPolicy = {
  failureThreshold: 3,
  successThreshold: 2,
  openMs: 1000,
  halfOpenMaxRequests: 2,
}

function enter(breaker: Breaker, now = 0): Admission {
  const admission = admit(breaker, policy, now)
  assert.ok(admission, 'it was to be admitted')
  return admission
}

/** One request after the other, each with its outcome. */
function run(breaker: Breaker, outcomes: readonly Outcome[], now = 0): void {
  for (const outcome of outcomes) {
    settle(breaker, policy, { admission: enter(breaker, now), outcome, now })
  }
}

function opened(): Breaker {
  const breaker = createBreaker()
  run(breaker, ['failure', 'failure', 'failure'])
  return breaker
}

describe('a closed breaker', () => {
  const cases: readonly (readonly [outcomes: readonly Outcome[], state: Breaker['state']])[] = [
    [[], 'closed'],
    [['failure', 'failure'], 'closed'],
    [['failure', 'failure', 'failure'], 'open'],
    [['failure', 'failure', 'success', 'failure', 'failure'], 'closed'],
    [['failure', 'failure', 'neutral', 'failure'], 'open'],
    [['neutral', 'neutral', 'neutral', 'neutral'], 'closed'],
  ]
  for (const [outcomes, state] of cases) {
    test(`is ${state} after ${outcomes.join(', ') || 'nothing'}`, () => {
      const breaker = createBreaker()
      run(breaker, outcomes)
      assert.equal(breaker.state, state)
    })
  }

  test('tells which outcome changed it', () => {
    const breaker = createBreaker()
    const told = [1, 2, 3].map(() =>
      settle(breaker, policy, { admission: enter(breaker), outcome: 'failure', now: 0 }),
    )
    assert.deepEqual(told, [false, false, true])
  })
})

describe('an open breaker', () => {
  test('lets nobody in until its time is up, and says how long that is', () => {
    const breaker = opened()
    assert.equal(openForMs(breaker, 0), 1000)
    assert.equal(openForMs(breaker, 400), 600)
    assert.equal(wouldAdmit(breaker, policy, 999), false)
    assert.equal(admit(breaker, policy, 999), undefined)
    assert.equal(breaker.state, 'open')
    assert.equal(openForMs(breaker, 1000), 0)
    assert.equal(wouldAdmit(breaker, policy, 1000), true)
  })

  test('is not closed by a request that began before it opened', () => {
    const breaker = createBreaker()
    const early = enter(breaker)
    run(breaker, ['failure', 'failure', 'failure'])
    assert.equal(settle(breaker, policy, { admission: early, outcome: 'success', now: 5 }), false)
    assert.equal(breaker.state, 'open')
  })
})

describe('a half-open breaker', () => {
  test('lets in so many probes at once and no more', () => {
    const breaker = opened()
    enter(breaker, 1000)
    enter(breaker, 1000)
    assert.equal(breaker.state, 'half-open')
    assert.equal(admit(breaker, policy, 1000), undefined)
  })

  for (const outcome of ['success', 'neutral'] as const) {
    test(`has a place again after a probe ended with ${outcome}`, () => {
      const breaker = opened()
      const first = enter(breaker, 1000)
      enter(breaker, 1000)
      settle(breaker, policy, { admission: first, outcome, now: 1001 })
      assert.ok(admit(breaker, policy, 1001))
    })
  }

  test('closes after enough successes', () => {
    const breaker = opened()
    run(breaker, ['success'], 1000)
    assert.equal(breaker.state, 'half-open')
    run(breaker, ['success'], 1000)
    assert.equal(breaker.state, 'closed')
  })

  test('opens again at the first failure, for the whole time', () => {
    const breaker = opened()
    run(breaker, ['success', 'failure'], 1500)
    assert.equal(breaker.state, 'open')
    assert.equal(openForMs(breaker, 1500), 1000)
  })

  test('does not count a probe of its last time', () => {
    const breaker = opened()
    const slow = enter(breaker, 1000)
    run(breaker, ['failure'], 1000)
    run(breaker, ['success'], 2000)
    settle(breaker, policy, { admission: slow, outcome: 'success', now: 2000 })
    assert.equal(breaker.state, 'half-open')
    assert.equal(breaker.probesInFlight, 0)
  })
})

interface Step {
  readonly act: 'enter' | 'leave'
  readonly outcome: Outcome
  readonly pick: number
  readonly passedMs: number
}

const steps = fc.array(
  fc.record<Step>({
    act: fc.constantFrom('enter', 'leave'),
    outcome: fc.constantFrom('success', 'failure', 'neutral'),
    pick: fc.nat(1000),
    passedMs: fc.nat(700),
  }),
  { maxLength: 200 },
)

const policies = fc.record<BreakerPolicy>({
  failureThreshold: fc.integer({ min: 1, max: 4 }),
  successThreshold: fc.integer({ min: 1, max: 4 }),
  openMs: fc.integer({ min: 1, max: 1000 }),
  halfOpenMaxRequests: fc.integer({ min: 1, max: 3 }),
})

/** Lives through the steps; `look` sees the breaker, and who is inside, after each. */
function live(
  given: BreakerPolicy,
  path: readonly Step[],
  look: (breaker: Breaker, inside: readonly Admission[]) => void,
): { breaker: Breaker; inside: Admission[]; now: number } {
  const breaker = createBreaker()
  const inside: Admission[] = []
  let now = 0
  for (const { act, outcome, pick, passedMs } of path) {
    now += passedMs
    if (act === 'enter') {
      const admission = admit(breaker, given, now)
      if (admission !== undefined) inside.push(admission)
    } else {
      const [admission] = inside.splice(pick % Math.max(1, inside.length), 1)
      if (admission !== undefined) settle(breaker, given, { admission, outcome, now })
    }
    look(breaker, inside)
  }
  return { breaker, inside, now }
}

describe('whatever happens', () => {
  test('there are never more probes at once than allowed, and each is counted once', () => {
    fc.assert(
      fc.property(policies, steps, (given, path) => {
        live(given, path, (breaker, inside) => {
          const probes = inside.filter(({ epoch }) => epoch === breaker.epoch).length
          if (breaker.state !== 'half-open') return
          assert.equal(breaker.probesInFlight, probes)
          assert.ok(probes <= given.halfOpenMaxRequests)
        })
      }),
      { seed: 20, numRuns: 500 },
    )
  })

  test('when all have left and time has passed, somebody is let in', () => {
    fc.assert(
      fc.property(policies, steps, fc.infiniteStream(fc.nat(2)), (given, path, ends) => {
        const { breaker, inside, now } = live(given, path, () => undefined)
        const outcomes: readonly Outcome[] = ['success', 'failure', 'neutral']
        for (const admission of inside) {
          const outcome = outcomes[ends.next().value ?? 0] ?? 'neutral'
          settle(breaker, given, { admission, outcome, now })
        }
        assert.ok(admit(breaker, given, now + given.openMs))
      }),
      { seed: 20, numRuns: 500 },
    )
  })
})
