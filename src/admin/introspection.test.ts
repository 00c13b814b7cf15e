import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { KeySetDescription } from '../access/access.ts'
import type { RouteDescription } from '../live/live.ts'
import { authAnswer, replicasAnswer } from './introspection.ts'

type Replica = RouteDescription['replicas'][number]

const replica: Replica = {
  name: 'r',
  isTried: true,
  bucket: 'b',
  keyPrefix: '',
  priority: 1,
  weight: 1,
  health: 'healthy',
  breaker: 'closed',
  openForMs: 0,
  inFlight: 1,
  latencyMs: 5,
  lastFailure: undefined,
}

const keySet: KeySetDescription = {
  url: 'https://issuer.test/jwks',
  keys: [{ id: 'one', algorithms: ['RS256'] }],
  lastRefresh: { outcome: 'changed', at: 2000, reason: undefined },
  nextRefreshAt: 5000,
  unknownKeyRefreshAt: 3000,
}

function view(own: Partial<Replica>, keys: Partial<KeySetDescription>): RouteDescription {
  return {
    bucket: 'a',
    pathPrefix: '/a',
    hosts: [],
    isCached: false,
    cors: undefined,
    access: {
      ipFilter: { allowed: 0, blocked: 0 },
      signatures: { keyIds: ['k1'], revoked: 1 },
      policy: { url: 'http://opa', path: 'a/allow', failMode: 'closed', remembered: 4 },
      tokens: {
        algorithms: ['RS256'],
        issuers: [],
        audiences: [],
        sources: ['bearer'],
        claimRules: 0,
        keys: [],
        keySet: { ...keySet, ...keys },
        remembered: 2,
      },
    },
    balance: 'priority',
    replicas: [{ ...replica, ...own }],
  }
}

function lookAt(...views: readonly RouteDescription[]) {
  return { routes: async () => views.map((one) => [one]), config: () => ({}) }
}

/** As it leaves. */
async function told(answer: Promise<{ value: object }>): Promise<Record<string, unknown>> {
  const { value } = await answer
  const { buckets }: { buckets: [Record<string, unknown>] } = JSON.parse(JSON.stringify(value))
  return buckets[0]
}

test('of a replica the worst is told that a thread thinks of it, and of its requests the sum', async () => {
  const bad = { health: 'unhealthy', breaker: 'open', openForMs: 1500.2, latencyMs: 9 } as const
  const look = lookAt(view({ health: 'probing' }, {}), view({ ...bad, lastFailure: 'timeout' }, {}))
  const { replicas } = await told(replicasAnswer(look))
  assert.deepEqual(replicas, [
    {
      name: 'r',
      bucket: 'b',
      key_prefix: '',
      priority: 1,
      weight: 1,
      health: 'unhealthy',
      breaker: 'open',
      open_for_ms: 1501,
      in_flight: 2,
      latency_ms: 9,
      last_failure: 'timeout',
    },
  ])
})

const never = { keys: undefined, lastRefresh: undefined }
const failed = { lastRefresh: { outcome: 'failed', at: 3000, reason: 'gone' } } as const
const older = { lastRefresh: { outcome: 'unchanged', at: 1000, reason: undefined } } as const
const sets: readonly (readonly [string, Partial<KeySetDescription>, Partial<KeySetDescription>])[] =
  [
    ['that has no keys', {}, never],
    ['that failed last', older, failed],
    ['that has no keys, though another failed', failed, never],
    ['that asked longest ago', {}, older],
  ]

for (const [which, better, worse] of sets) {
  test(`of the keys of an issuer the thread is told ${which}, in whichever order`, async () => {
    const expected = await told(authAnswer(lookAt(view({}, worse), view({}, worse))))
    for (const views of [
      [view({}, better), view({}, worse)],
      [view({}, worse), view({}, better)],
    ]) {
      assert.deepEqual(await told(authAnswer(lookAt(...views))), expected)
    }
  })
}

test('remembered tokens of all threads are summed, and without a thread there is no answer', async () => {
  const { tokens, authorization } = await told(
    authAnswer(lookAt(view({}, {}), view({}, {}), view({}, {}))),
  )
  assert.equal(Object(tokens).remembered, 6)
  assert.equal(Object(authorization).remembered, 12)
  assert.equal((await authAnswer(lookAt())).status, 503)
})
