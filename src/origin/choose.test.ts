import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Balance } from '../config/s3.ts'
import { createChooser } from './choose.ts'
import { Replica } from './replica.ts'

interface Traits {
  readonly name: string
  readonly priority?: number
  readonly weight?: number
  readonly inFlight?: number
  readonly latencyMs?: number
}

function createReplica(traits: Traits): Replica {
  const { name, priority = 1, weight = 1, inFlight = 0, latencyMs = 0 } = traits
  const replica = new Replica({
    config: {
      name,
      bucket: 'b',
      region: 'us-east-1',
      endpoint: 'http://127.0.0.1:1',
      addressing: 'path',
      credentials: { kind: 'anonymous' },
      keyPrefix: '',
      timeoutMs: 1000,
      connectTimeoutMs: 1000,
      stallTimeoutMs: 1000,
      connectionPoolSize: 1,
      priority,
      weight,
    },
    bucket: 'b',
    policy: { failureThreshold: 5, successThreshold: 2, openMs: 1000, halfOpenMaxRequests: 3 },
    isProbed: false,
    emit: () => undefined,
  })
  replica.inFlight = inFlight
  replica.latencyMs = () => latencyMs
  return replica
}

/** The names chosen one after the other. */
function choices(balance: Balance, traits: readonly Traits[], points: readonly number[]): string {
  let at = 0
  const choose = createChooser(balance, () => points[at] ?? 0)
  const replicas = traits.map(createReplica)
  return points
    .map((_, index) => {
      at = index
      return choose(replicas)?.name ?? '-'
    })
    .join('')
}

const evenly = (count: number): number[] => Array.from({ length: count }, (_, i) => i / count)

describe('among different priorities', () => {
  const balances: readonly Balance[] = [
    'priority',
    'round_robin',
    'random',
    'least_inflight',
    'peak_ewma',
  ]
  for (const balance of balances) {
    test(`${balance} asks the best one alone, wherever it stands and however busy it is`, () => {
      const traits = [
        { name: 'c', priority: 9 },
        { name: 'a', priority: 2, inFlight: 50, latencyMs: 900 },
        { name: 'b', priority: 3 },
      ]
      assert.equal(choices(balance, traits, [0, 0.5, 0.99]), 'aaa')
    })
  }

  test('nobody is chosen among none', () => {
    assert.equal(choices('round_robin', [], [0]), '-')
  })
})

test('priority takes the first of equals', () => {
  assert.equal(choices('priority', [{ name: 'a' }, { name: 'b', weight: 9 }], [0, 0.9]), 'aa')
})

describe('round_robin', () => {
  test('asks each in turn', () => {
    const traits = [{ name: 'a' }, { name: 'b' }, { name: 'c' }]
    assert.equal(choices('round_robin', traits, evenly(6)), 'abcabc')
  })

  test('visits heavy ones more often, but not in a burst', () => {
    const traits = [{ name: 'a', weight: 5 }, { name: 'b' }, { name: 'c' }]
    assert.equal(choices('round_robin', traits, evenly(7)), 'aabacaa')
  })

  test('goes on in turn while one is left out', () => {
    const choose = createChooser('round_robin', () => 0)
    const [a, b, c] = ['a', 'b', 'c'].map((name) => createReplica({ name }))
    assert.ok(a && b && c)
    const names = [
      [a, b, c],
      [a, c],
      [a, c],
      [a, b, c],
      [a, b, c],
      [a, b, c],
    ].map((candidates) => choose(candidates)?.name)
    assert.deepEqual(new Set(names.slice(3)), new Set(['a', 'b', 'c']))
  })
})

describe('random', () => {
  test('chooses in proportion to the weights', () => {
    const traits = [{ name: 'a', weight: 3 }, { name: 'b' }]
    assert.equal(choices('random', traits, evenly(8)), 'aaaaaabb')
  })
})

describe('least_inflight', () => {
  const table: readonly (readonly [says: string, traits: readonly Traits[], chosen: string])[] = [
    [
      'takes the one with the fewest requests running',
      [
        { name: 'a', inFlight: 3 },
        { name: 'b', inFlight: 1 },
      ],
      'bb',
    ],
    [
      'counts a request at a heavy one as less',
      [
        { name: 'a', inFlight: 3, weight: 4 },
        { name: 'b', inFlight: 1 },
      ],
      'aa',
    ],
    ['lets chance choose among the idle', [{ name: 'a' }, { name: 'b' }], 'ab'],
  ]
  for (const [says, traits, chosen] of table) {
    test(says, () => assert.equal(choices('least_inflight', traits, [0, 0.5]), chosen))
  }
})

describe('peak_ewma', () => {
  const table: readonly (readonly [says: string, traits: readonly Traits[], chosen: string])[] = [
    [
      'takes the fast one',
      [
        { name: 'a', latencyMs: 80 },
        { name: 'b', latencyMs: 20 },
      ],
      'bb',
    ],
    [
      'takes the slow one when too many wait at the fast one',
      [
        { name: 'a', latencyMs: 80 },
        { name: 'b', latencyMs: 20, inFlight: 4 },
      ],
      'aa',
    ],
    [
      'tries one of which nothing is known',
      [
        { name: 'a', latencyMs: 1 },
        { name: 'b', latencyMs: 0, inFlight: 9 },
      ],
      'bb',
    ],
    [
      'thinks a heavy one is quicker',
      [
        { name: 'a', latencyMs: 30, weight: 2 },
        { name: 'b', latencyMs: 20 },
      ],
      'aa',
    ],
  ]
  for (const [says, traits, chosen] of table) {
    test(says, () => assert.equal(choices('peak_ewma', traits, [0, 0.5]), chosen))
  }
})
