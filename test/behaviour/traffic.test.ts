// What passes through, told to operators: /admin/traffic and /admin/top.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { callAt, openCachedFront, TOKEN } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { request } from '../support/http.ts'
import { INSPECTED, inspect } from '../support/inspector.ts'
import { eventually } from '../support/peer.ts'
import { SECRET } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const VIEWER = 'viewer-2pQz8rXw5Tn1Kb7c'
const opened = new AsyncDisposableStack()
after(() => opened.disposeAsync())
const admin = { token: TOKEN, roles: { viewer: { token: VIEWER } } }
const front = opened.use(await openCachedFront({ admin }))

interface Told {
  readonly in_flight: number
  readonly connections: number
  readonly threads: number
  readonly rss_bytes: number
  readonly config_generation: number
  readonly uptime_seconds: number
  readonly event_loop_delay_ms: Readonly<Record<string, number | null>>
  readonly window: {
    readonly requests: number
    readonly bytes: number
    readonly bytes_from_cache: number
    readonly bytes_from_origin: number
    readonly bytes_saved: number
    readonly statuses: Readonly<Record<string, number>>
    readonly duration_ms: Readonly<Record<string, number | null>>
    readonly first_byte_ms: Readonly<Record<string, number | null>>
    readonly cache: {
      readonly hit_ratio: number | null
      readonly hit_ratio_by_tier: Readonly<Record<string, number | null>>
      readonly miss: number
      readonly bypass: number
    }
  }
  readonly since_start: Readonly<Record<string, number>>
  readonly series: Readonly<Record<string, readonly number[]>>
  readonly tiers: Readonly<Record<string, { readonly entries: number }>>
  readonly buckets: readonly {
    readonly bucket: string
    readonly replicas: readonly { readonly health: string; readonly breaker: string }[]
  }[]
}

async function trafficOf(one: CachedFront, query = ''): Promise<Told> {
  const { status, json } = await one.call('GET', `/admin/traffic${query}`)
  assert.equal(status, 200, JSON.stringify(json))
  // The cast: what this file is about.
  return json as unknown as Told
}

/** The second in which it ended has to be over. */
function told(one: CachedFront, isIt: (told: Told) => boolean): Promise<Told> {
  return until('it is told', () => trafficOf(one), isIt)
}

interface Top {
  readonly hottest: readonly { bucket: string; key: string; requests: number; hits: number }[]
  readonly slowest: readonly {
    key: string
    first_byte_ms: number
    status: number
    cache: string
    replica: string
  }[]
}

async function topOf(one: CachedFront, query = ''): Promise<Top> {
  const { status, json } = await one.call('GET', `/admin/top${query}`)
  assert.equal(status, 200, JSON.stringify(json))
  return json as unknown as Top
}

test('requests, bytes, hits and statuses of the last minute are told', async () => {
  front.put('counted', 'x'.repeat(1000))
  for (let turn = 0; turn < 4; turn += 1) await front.look('counted')
  await front.look('missing')
  const {
    window,
    since_start: all,
    series,
    tiers,
  } = await told(front, (one) => one.window.requests === 5 && one.window.bytes_from_origin > 0)
  assert.deepEqual(
    [window.statuses['2xx'], window.statuses['4xx'], window.statuses['5xx']],
    [4, 1, 0],
  )
  assert.equal(window.cache.hit_ratio, 3 / 5)
  assert.equal(window.cache.hit_ratio_by_tier['memory'], 3 / 5)
  assert.equal(window.cache.miss, 2)
  assert.equal(window.bytes_from_cache, 3000)
  assert.ok(window.bytes >= 4000 && window.bytes_from_origin >= 1000)
  assert.equal(window.bytes_saved, window.bytes - window.bytes_from_origin)
  assert.equal(all['requests'], 5)
  assert.equal(series['requests']?.length, 60)
  assert.equal(
    series['requests']?.reduce((sum, count) => sum + count, 0),
    5,
  )
  assert.ok((tiers['memory']?.entries ?? 0) >= 2)
})

test('how long it takes is told in percentiles, and how the process is', async () => {
  front.put('timed', 'body')
  await front.look('timed')
  const traffic = await told(
    front,
    ({ event_loop_delay_ms: late, window }) =>
      late['p99'] !== null && window.duration_ms['p99'] !== null,
  )
  const { duration_ms: whole, first_byte_ms: first } = traffic.window
  for (const percentiles of [whole, first]) {
    const [p50 = null, p95 = null, p99 = null] = ['p50', 'p95', 'p99'].map((at) => percentiles[at])
    assert.ok(p50 !== null && p95 !== null && p99 !== null && 0 < p50 && p50 <= p95 && p95 <= p99)
    assert.ok(p99 < 20_000)
  }
  assert.equal(traffic.threads, 1)
  assert.equal(traffic.config_generation, 1)
  assert.ok(traffic.rss_bytes > 2 ** 24 && traffic.uptime_seconds > 0)
})

test('what runs now is told, and the replicas with their breakers', async () => {
  front.put('held', { size: 50_000_000, seed: 'held' })
  const leave = new AbortController()
  const slow = fetch(`${front.url}/files/held`, { signal: leave.signal })
  const response = await slow
  const { in_flight: running, connections, buckets } = await trafficOf(front)
  assert.ok(running >= 1 && connections >= 1, `${running} ${connections}`)
  assert.deepEqual(
    buckets.map(({ bucket, replicas }) => [bucket, ...replicas.map((one) => one.breaker)]),
    [['files', 'closed']],
  )
  leave.abort()
  await response.body?.cancel().catch(() => undefined)
  await told(front, ({ in_flight: left }) => left === 0)
})

test('the hottest and the slowest objects are told, never with a query', async () => {
  front.put('hot/a b', 'body')
  front.put('cold', 'body')
  front.s3.fault({ kind: 'delay', delayMs: 150, match: { key: 'slow' }, times: 1 })
  front.put('slow', 'body')
  for (let turn = 0; turn < 12; turn += 1) {
    await request(`${front.url}/files/hot/a%20b?token=secret-in-a-query`)
  }
  await front.look('cold')
  await front.look('slow')
  const { hottest, slowest } = await topOf(front)
  const [first] = hottest
  assert.deepEqual([first?.bucket, first?.key], ['files', 'hot/a b'])
  assert.ok((first?.requests ?? 0) > 11 && (first?.hits ?? 0) > 10, JSON.stringify(first))
  const slow = slowest.find(({ key }) => key === 'slow')
  assert.ok((slow?.first_byte_ms ?? 0) >= 140, JSON.stringify(slowest))
  assert.deepEqual([slow?.status, slow?.cache, slow?.replica], [200, 'MISS', 'primary'])
  assert.ok(!JSON.stringify([hottest, slowest]).includes('secret'))
  assert.equal((await topOf(front, '?limit=1')).hottest.length, 1)
})

test('what was refused makes nothing hot', async () => {
  await using guarded = await openCachedFront(
    { admin, jwt: { secret: SECRET } },
    {
      buckets: (endpoint) => [
        {
          name: 'private',
          path_prefix: '/private',
          s3: { bucket: 'x', endpoint },
          auth: { enabled: true },
        },
      ],
    },
  )
  for (let turn = 0; turn < 5; turn += 1) await request(`${guarded.url}/private/planted`)
  await told(guarded, ({ since_start: all }) => all['requests'] === 5)
  assert.deepEqual((await topOf(guarded)).hottest, [])
})

test('all threads are told of as one', async () => {
  await using threads = await openCachedFront({ admin, server: { threads: 2 } })
  threads.put('shared', 'body')
  for (let turn = 0; turn < 30; turn += 1) await threads.look('shared')
  const traffic = await told(threads, ({ window }) => window.requests === 30)
  assert.equal(traffic.threads, 2)
  assert.ok((traffic.window.cache.hit_ratio ?? 0) >= 28 / 30)
  const [hot] = (await topOf(threads)).hottest
  assert.ok(hot?.key === 'shared' && hot.requests > 28 && hot.requests < 31, JSON.stringify(hot))
})

test('what has passed since the start does not become less when a thread dies', async () => {
  const settings = { admin, server: { threads: 2 } }
  await using threads = await openCachedFront(settings, { env: INSPECTED })
  using inspector = await inspect(threads.sluice)
  await eventually(() => inspector.workers().length === 2, 'two workers')
  threads.put('shared', 'body')
  for (let turn = 0; turn < 40; turn += 1) await threads.look('shared')
  await told(threads, ({ since_start: all }) => all['requests'] === 40)
  for (const victim of inspector.workers()) {
    await inspector.evaluate(victim, `setTimeout(() => { throw new Error('died in a test') }); 1`)
  }
  await threads.sluice.logLine(({ event, deaths }) => event === 'worker-died' && deaths === 2)
  await eventually(() => inspector.workers().length === 2, 'two workers again')
  const { since_start: all } = await told(threads, ({ threads: many }) => many === 2)
  assert.equal(all['requests'], 40)
})

test('what is asked for amiss is refused with a sentence', async () => {
  for (const path of [
    '/admin/traffic?seconds=0',
    '/admin/traffic?seconds=121',
    '/admin/traffic?seconds=ten',
    '/admin/traffic?minutes=1',
    '/admin/traffic?seconds=1&seconds=2',
    '/admin/top?limit=0',
    '/admin/top?limit=101',
    '/admin/whoami?x=1',
  ]) {
    const { status, json } = await front.call('GET', path)
    assert.deepEqual([status, json['error']], [400, 'invalid_request'], path)
  }
  const { series } = await trafficOf(front, '?seconds=120')
  assert.equal(series['requests']?.length, 120)
})

test('a viewer may look, and is told who he is; nobody else is told anything', async () => {
  for (const path of ['/admin/traffic', '/admin/top', '/admin/whoami']) {
    assert.equal((await front.call('GET', path, { token: VIEWER })).status, 200, path)
    assert.equal((await front.call('GET', path, { token: '' })).status, 401, path)
    assert.equal((await front.call('GET', path, { token: `${VIEWER}x` })).status, 401, path)
    assert.equal((await front.call('POST', path, { token: VIEWER })).status, 405, path)
  }
  const who = await front.call('GET', '/admin/whoami', { token: VIEWER })
  assert.deepEqual(who.json, { role: 'viewer', subject: 'token:viewer' })
  const operator = await front.call('GET', '/admin/whoami')
  assert.deepEqual(operator.json, { role: 'operator', subject: 'token:operator' })
})

test('where nobody has a role there is nothing to be asked', async () => {
  await using bare = await openCachedFront({ admin: {} })
  for (const path of ['/admin/traffic', '/admin/top', '/admin/whoami']) {
    assert.equal((await callAt(bare.opsUrl, 'GET', path)).status, 404, path)
  }
})

test('whoever watches is told of in the log once, and not each second', async () => {
  await using watched = await openCachedFront({ admin })
  for (let turn = 0; turn < 5; turn += 1) await watched.call('GET', '/admin/traffic')
  await watched.call('GET', '/admin/traffic', { token: VIEWER })
  await watched.call('GET', '/admin/traffic?seconds=0')
  await watched.call('GET', '/admin/routes')
  await watched.sluice.logLine(({ event, call }) => event === 'admin' && call === 'routes')
  const calls = watched.sluice.logLines().filter(({ event }) => event === 'admin')
  assert.deepEqual(
    calls.map(({ call, role, status }) => [call, role, status]),
    [
      ['traffic', 'operator', 200],
      ['traffic', 'viewer', 200],
      ['traffic', 'operator', 400],
      ['routes', 'operator', 200],
    ],
  )
})
