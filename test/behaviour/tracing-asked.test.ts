// Whom else a request makes Sluice ask: a policy is told of the trace, and is in it; Redis is.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { openOtlp } from '../support/otlp.ts'
import type { OtlpReceiver, SeenSpan } from '../support/otlp.ts'
import { partMissing } from '../support/parts.ts'
import { openRedis } from '../support/redis.ts'
import { openScriptedPolicy, saying } from '../support/scripted-policy.ts'
import type { ScriptedPolicy } from '../support/scripted-policy.ts'
import { until } from '../support/until.ts'

const TRACE = '6'.repeat(32)
const PARENT = 'b7ad6b7169203331'
const carried = (flags: string): Record<string, string> => ({
  traceparent: `00-${TRACE}-${PARENT}-${flags}`,
  tracestate: 'rojo=1',
  baggage: 'tenant=acme',
})

interface Asked extends AsyncDisposable {
  readonly otlp: OtlpReceiver
  readonly policy: ScriptedPolicy
  readonly front: Front
}

async function openAsked(tracing: object): Promise<Asked> {
  const otlp = await openOtlp()
  const policy = await openScriptedPolicy()
  const authorization = { type: 'opa', url: policy.url, policy_path: 'a/b', timeout_ms: 10_000 }
  const front = await openFront(
    { observability: { tracing: { enabled: true, otlp_endpoint: otlp.httpUrl, ...tracing } } },
    { buckets: (endpoint) => [bucketAt(endpoint, { name: 'asked', authorization })] },
  )
  front.put('a.txt', 'hello')
  return {
    otlp,
    policy,
    front,
    [Symbol.asyncDispose]: async () => {
      await front[Symbol.asyncDispose]()
      await policy[Symbol.asyncDispose]()
      await otlp[Symbol.asyncDispose]()
    },
  }
}

const named = (spans: readonly SeenSpan[], name: string): SeenSpan | undefined =>
  spans.find((span) => span.name === name)

test('a policy is told of the trace, and its question is a span within access', async () => {
  await using world = await openAsked({})
  const { front, policy, otlp } = world
  const ask = (id: string, headers: Readonly<Record<string, string>>) =>
    request(`${front.url}/asked/a.txt`, { headers: { 'X-Request-ID': id, ...headers } })
  await ask('asking', carried('01'))
  const spans = await otlp.exchange('asking')
  const question = named(spans, 'policy')
  assert.deepEqual(
    [question?.kind, question?.parentId, question?.attributes['sluice.policy.decision']],
    ['CLIENT', named(spans, 'access')?.spanId, 'allow'],
  )
  const [told] = policy.headers
  assert.equal(told?.['traceparent'], `00-${TRACE}-${question?.spanId}-01`)
  assert.deepEqual([told?.['tracestate'], told?.['baggage']], ['rojo=1', 'tenant=acme'])
  assert.deepEqual(policy.faults, [])

  // What is remembered is asked of nobody.
  await ask('remembered', {})
  assert.equal(named(await otlp.exchange('remembered'), 'policy'), undefined)
})

test('a policy that says no is told of, with the refusal', async () => {
  await using world = await openAsked({})
  world.policy.answer = saying({ result: false })
  const headers = { 'X-Request-ID': 'denied' }
  const { status } = await request(`${world.front.url}/asked/a.txt`, { headers })
  assert.equal(status, 403)
  const spans = await world.otlp.exchange('denied')
  assert.equal(named(spans, 'policy')?.attributes['sluice.policy.decision'], 'deny')
  assert.equal(named(spans, 'GET asked')?.attributes['sluice.error'], 'policy_denied')
})

test('of a trace that is not sampled the policy is told as much, and without propagation nothing', async () => {
  {
    await using world = await openAsked({})
    await request(`${world.front.url}/asked/a.txt`, { headers: carried('00') })
    assert.equal(world.policy.headers[0]?.['traceparent'], `00-${TRACE}-${PARENT}-00`)
  }
  await using world = await openAsked({ propagate_context: false })
  await request(`${world.front.url}/asked/a.txt`, { headers: carried('01') })
  const names = Object.keys(world.policy.headers[0] ?? {})
  assert.ok(names.length > 0)
  assert.deepEqual(
    names.filter((name) => /^trace|^baggage/.test(name)),
    [],
  )
})

test(
  'what lies in Redis is looked up within the lookup',
  { skip: partMissing('redis-server') },
  async () => {
    await using redis = await openRedis()
    await using otlp = await openOtlp()
    const settings = {
      cache: {
        cache_layers: ['redis'],
        redis: { enabled: true, redis_url: redis.url, timeout: '2s' },
      },
      observability: { tracing: { enabled: true, otlp_endpoint: otlp.httpUrl } },
    }
    await using front = await openFront(settings)
    front.put('a.txt', 'hello')
    let asked = 0
    const look = async (): Promise<string> => {
      const headers = { 'X-Request-ID': `redis-${(asked += 1)}` }
      return String((await request(`${front.url}/files/a.txt`, { headers })).headers['x-cache'])
    }
    await until('it to lie in Redis', look, (result) => result === 'HIT')
    const spans = await otlp.exchange(`redis-${asked}`)
    assert.equal(named(spans, 'GET files')?.attributes['sluice.cache.tier'], 'redis')
    const lookup = named(spans, 'lookup')
    assert.ok(lookup !== undefined && lookup.endedAt - lookup.startedAt > 10_000n)
    assert.equal(named(spans, 'origin'), undefined)
  },
)
