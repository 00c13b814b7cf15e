import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { Cancellation } from '../primitives/cancel.ts'
import type { S3Config } from '../config/s3.ts'
import { OriginFailure } from './failure.ts'
import type { FailureKind } from './failure.ts'
import type { ObjectAnswer } from './question.ts'
import type { ReplicaSet } from './replica-set.ts'
import { base, createWorld, found, object } from './replica-world.contract.ts'
import type { Answering, World } from './replica-world.contract.ts'
import { createTrail } from './trail.ts'

const fails =
  (kind: FailureKind): Answering =>
  () => {
    throw new OriginFailure(kind, kind)
  }
const missing: Answering = () => ({ kind: 'not-found' })

const lagging = { failoverOnNotFound: true }

function attempts(maxAttempts: number, budgetPercent = 100): Partial<S3Config> {
  return { retry: { ...base.retry, maxAttempts, budgetPercent } }
}

function failsAs(kind: FailureKind): (error: unknown) => boolean {
  return (error) => error instanceof OriginFailure && error.kind === kind
}

/** What stands in the way of an answer, who is asked then, and what comes of it. */
const table: readonly (readonly [
  says: string,
  script: Record<string, Answering>,
  asked: string,
  end: FailureKind | ObjectAnswer['kind'],
  settings?: Partial<S3Config>,
])[] = [
  ['the first answers', { a: found, b: found }, 'a', 'object'],
  ['a failure is overcome', { a: fails('reset'), b: fails('dns'), c: found }, 'abc', 'object'],
  [
    'each is asked once, however few attempts there are',
    { a: fails('reset'), b: fails('reset'), c: fails('timeout') },
    'abc',
    'timeout',
    attempts(1),
  ],
  [
    'only when all failed is one asked again',
    { a: fails('reset'), b: fails('reset') },
    'abab',
    'reset',
    attempts(4),
  ],
  [
    'without an allowance nobody is asked again',
    { a: fails('reset'), b: fails('throttled') },
    'ab',
    'throttled',
    attempts(9, 0),
  ],
  ['an object that does not exist is an answer', { a: missing, b: found }, 'a', 'not-found'],
  ['unless replicas may lag behind', { a: missing, b: found }, 'ab', 'object', lagging],
  ['what nobody has does not exist', { a: missing, b: missing }, 'ab', 'not-found', lagging],
  [
    'with the rest out of order nobody knows whether it exists',
    { a: missing, b: fails('reset') },
    'ab',
    'reset',
    { ...lagging, ...attempts(1) },
  ],
]

describe('who is asked', () => {
  for (const [says, script, asked, end, settings] of table) {
    test(says, async () => {
      const world = createWorld(script, settings)
      const ended = await world.ask().then(
        ({ answer }) => answer.kind,
        (error: unknown) => (error instanceof OriginFailure ? error.kind : error),
      )
      assert.equal(ended, end)
      assert.equal(world.asked.join(''), asked)
    })
  }

  test('one that probes call unhealthy only when no healthy one is left', async () => {
    const world = createWorld({ a: found, b: fails('reset') })
    const { a } = world.replicas
    assert.ok(a)
    a.probed = 'unhealthy'
    const { lease } = await world.ask()
    assert.equal(lease.replica.name, 'a')
    assert.equal(world.asked.join(''), 'ba')
  })

  test('after a body broke, the others before the one that broke', async () => {
    const world = createWorld({ a: found, b: fails('reset') })
    const { a } = world.replicas
    assert.ok(a)
    await world.ask({ phase: 'body', broken: [a] })
    assert.equal(world.asked.join(''), 'ba')
  })

  test('of those whose bodies broke, the one that broke least', async () => {
    const world = createWorld({ a: found, b: found }, attempts(9))
    const { a, b } = world.replicas
    assert.ok(a && b)
    await world.ask({ phase: 'body', broken: [a, b, a] })
    assert.equal(world.asked.join(''), 'b')
  })

  test('nobody for a body that broke as often as may be tried', async () => {
    const world = createWorld({ a: found, b: found })
    const { a, b } = world.replicas
    assert.ok(a && b)
    const context = { phase: 'body', broken: [a, b, a] } as const
    await assert.rejects(world.ask(context), failsAs('unavailable'))
    assert.equal(world.asked.join(''), '')
  })

  test('a body goes on at its own replica without an allowance', async () => {
    const world = createWorld({ a: found }, attempts(2, 0))
    const { a } = world.replicas
    assert.ok(a)
    await world.ask({ phase: 'body', broken: [a] })
    assert.equal(world.asked.join(''), 'a')
  })

  test('nobody twice for an answer that will not do', async () => {
    const discarded: string[] = []
    const world = createWorld({
      a: () => object(() => void discarded.push('a')),
      b: () => object(() => void discarded.push('b')),
    })
    const reject = (): OriginFailure => new OriginFailure('other-version', 'another')
    await assert.rejects(world.ask({ reject }), failsAs('other-version'))
    assert.equal(world.asked.join(''), 'ab')
    assert.deepEqual(discarded, ['a', 'b'])
  })
})

describe('a place at a replica', () => {
  const inFlight = ({ replicas }: World): number[] =>
    Object.values(replicas).map((replica) => replica.inFlight)

  test('is held until the body of an object has ended', async () => {
    const world = createWorld({ a: fails('reset'), b: found })
    const { lease } = await world.ask()
    assert.deepEqual(inFlight(world), [0, 1])
    lease.settle('success')
    lease.settle('success')
    assert.deepEqual(inFlight(world), [0, 0])
  })

  test('is given back with an answer that has no body', async () => {
    const world = createWorld({ a: missing })
    await world.ask()
    assert.deepEqual(inFlight(world), [0])
  })

  test('is given back by a caller who left, and nobody else is asked', async () => {
    const world = createWorld({ a: fails('cancelled'), b: found })
    await assert.rejects(world.ask(), failsAs('cancelled'))
    assert.deepEqual(inFlight(world), [0, 0])
    assert.equal(world.asked.join(''), 'a')
  })
})

describe('a breaker', () => {
  const openAtOnce = { ...base.circuitBreaker, failureThreshold: 1 }

  test('keeps a failing replica out of the next search', async () => {
    const world = createWorld({ a: fails('reset'), b: found }, { circuitBreaker: openAtOnce })
    await world.ask()
    await world.ask()
    assert.equal(world.asked.join(''), 'abb')
  })

  test('that is open everywhere tells how long it is going to be', async () => {
    const world = createWorld({ a: fails('reset') }, { circuitBreaker: openAtOnce })
    await assert.rejects(world.ask(), failsAs('reset'))
    await assert.rejects(world.ask(), (error) => {
      assert.ok(error instanceof OriginFailure && error.kind === 'unavailable')
      assert.ok(error.retryAfterMs > 0 && error.retryAfterMs <= openAtOnce.openMs)
      return true
    })
    assert.equal(world.asked.join(''), 'a')
  })

  test('counts no version that differs', async () => {
    const world = createWorld({ a: found, b: found }, { circuitBreaker: openAtOnce })
    const reject = (): OriginFailure => new OriginFailure('other-version', 'another')
    await assert.rejects(world.ask({ reject }), failsAs('other-version'))
    await world.ask()
    assert.equal(world.asked.join(''), 'aba')
  })
})

describe('time', () => {
  test('one attempt has what its replica allows, or what is left of the budget', async () => {
    const given: number[] = []
    const noting: Answering = ({ timeoutMs }) => {
      given.push(timeoutMs)
      return missing({ timeoutMs, signal: undefined })
    }
    await createWorld({ a: noting }).ask()
    await createWorld({ a: noting }, { firstByteBudgetMs: 50 }).ask()
    assert.equal(given[0], 20_000)
    assert.ok((given[1] ?? 0) <= 50)
  })

  test('when the budget is used up no further replica is asked', async () => {
    const slow: Answering = ({ timeoutMs }) =>
      new Promise((_resolve, reject) => {
        setTimeout(() => reject(new OriginFailure('timeout', 'slow')), timeoutMs + 5)
      })
    const world = createWorld({ a: slow, b: found }, { firstByteBudgetMs: 10 })
    await assert.rejects(world.ask(), failsAs('timeout'))
    assert.equal(world.asked.join(''), 'a')
  })

  test('a caller who leaves does not wait for the next attempt', async () => {
    const caller = new Cancellation()
    const retry = { ...base.retry, initialBackoffMs: 3_600_000, maxBackoffMs: 3_600_000 }
    let tries = 0
    const failsAndLeaves: Answering = () => {
      tries += 1
      setImmediate(() => caller.cancel())
      throw new OriginFailure(tries === 1 ? 'reset' : 'cancelled', 'failed')
    }
    const world = createWorld({ a: failsAndLeaves }, { retry, firstByteBudgetMs: 3_600_000 })
    await assert.rejects(world.ask({ signal: caller }), failsAs('cancelled'))
  })
})

describe('a hedge', () => {
  const hedging = { hedge: { after: { kind: 'fixed', ms: 1 }, budgetPercent: 100 } } as const

  /** Answers nothing until it is cancelled. */
  const hangs: Answering = ({ signal }) =>
    new Promise((_resolve, reject) => {
      const leave = (): void => reject(new OriginFailure('cancelled', 'left'))
      signal?.onCancel(leave)
    })

  test('asks another replica when the first is slow, and lets the first one go', async () => {
    const world = createWorld({ a: hangs, b: found }, hedging)
    const trail = createTrail()
    const { lease } = await world.ask({ trail })
    assert.equal(lease.replica.name, 'b')
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(world.replicas['a']?.inFlight, 0)
    assert.deepEqual([trail.replica, trail.attempts, trail.failed], ['b', 2, []])
  })

  test('needs an allowance', async () => {
    const slow: Answering = () =>
      new Promise((resolve) => {
        setTimeout(() => resolve({ kind: 'not-found' }), 20)
      })
    const hedge = { ...hedging.hedge, budgetPercent: 0 }
    const world = createWorld({ a: slow, b: found }, { hedge })
    await world.ask()
    assert.equal(world.asked.join(''), 'a')
  })

  test('tells of the replica that won, even if the other answers too', async () => {
    const late = Promise.withResolvers<ObjectAnswer>()
    const discarded: string[] = []
    const second: Answering = () => {
      queueMicrotask(() => late.resolve(object(() => void discarded.push('a'))))
      return object()
    }
    const world = createWorld({ a: () => late.promise, b: second }, hedging)
    const trail = createTrail()
    const { lease } = await world.ask({ trail })
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(trail.replica, lease.replica.name)
    assert.equal(discarded.length, lease.replica.name === 'b' ? 1 : 0)
    assert.equal(world.replicas['a']?.inFlight, lease.replica.name === 'a' ? 1 : 0)
  })
})

test('the trail tells which attempts failed, and how', async () => {
  const world = createWorld({ a: fails('reset'), b: fails('throttled'), c: found })
  const trail = createTrail()
  await world.ask({ trail })
  assert.equal(trail.attempts, 3)
  assert.equal(trail.replica, 'c')
  assert.deepEqual(
    trail.failed.map(({ replica, kind, phase }) => [replica, kind, phase]),
    [
      ['a', 'reset', 'head'],
      ['b', 'throttled', 'head'],
    ],
  )
})

describe('a search that is only foreseen', () => {
  const names = (set: ReplicaSet): string[] => set.foresee().order.map(({ name }) => name)

  test('tries each once, in the order the next real one does, and takes no turn', async () => {
    const world = createWorld({ a: found, b: found, c: found }, { balance: 'round_robin' })
    for (let round = 0; round < 4; round += 1) {
      const [first, ...others] = names(world.set)
      assert.deepEqual(names(world.set), [first, ...others])
      assert.equal(others.length, 2)
      await world.ask()
      assert.equal(world.asked.at(-1), first)
    }
  })

  test('leaves out whose breaker is open, puts the unhealthy last, and tells of nobody', () => {
    const world = createWorld({ a: found, b: found, c: found })
    const { a, b, c } = world.replicas
    assert.ok(a && b && c)
    a.probed = 'unhealthy'
    assert.deepEqual(names(world.set), ['b', 'c', 'a'])
    b.wouldAdmit = () => false
    assert.deepEqual(names(world.set), ['c', 'a'])
    a.wouldAdmit = () => false
    c.wouldAdmit = () => false
    const { order, failure } = world.set.foresee()
    assert.deepEqual([order, failure?.kind], [[], 'unavailable'])
    assert.deepEqual(world.asked, [])
  })
})
