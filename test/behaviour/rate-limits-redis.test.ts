// Two nodes and the Redis in which they count together; and what each does while it is away.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { callAt } from '../support/cached-front.ts'
import { openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { TOKEN } from '../support/cached-front.ts'
import { request } from '../support/http.ts'
import { partMissing } from '../support/parts.ts'
import { openRedis } from '../support/redis.ts'
import type { RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'

const skip = partMissing('redis-server')
const few = (requests: number) => ({ requests, window: '24h' })

let redis: RedisServer
let nodes: readonly [Front, Front]

before(async () => {
  if (skip !== false) return
  redis = await openRedis()
  nodes = await Promise.all([openNode(), openNode()])
})
after(async () => {
  for (const node of nodes ?? []) await node[Symbol.asyncDispose]()
  await redis?.close()
})

async function openNode(limiting: object = {}): Promise<Front> {
  const node = await openFront({
    server: { trusted_proxies: ['127.0.0.1'] },
    admin: { address: '127.0.0.1:0', token: TOKEN },
    cache: {
      cache_layers: ['memory'],
      redis: { enabled: true, redis_url: redis.url, timeout: '1s' },
    },
    rate_limiting: {
      store: 'redis',
      headers: true,
      limits: [
        { name: 'per-ip', key: 'ip', ...few(4) },
        { name: 'slow', key: 'ip', algorithm: 'sliding_window', ...few(1000) },
        { name: 'fixed', key: 'route', algorithm: 'fixed_window', ...few(1000) },
      ],
      ...limiting,
    },
  })
  node.put('a', 'body')
  return node
}

function isTogether(count: number): (node: Front) => Promise<unknown> {
  return (node) =>
    until(
      `${count} nodes count together`,
      () => callAt(node.opsUrl, 'GET', '/admin/limits'),
      ({ json }) => json['degraded'] === false && json['nodes'] === count,
    )
}

function isAlone(node: Front): Promise<unknown> {
  return until(
    'the node counts for itself',
    () => callAt(node.opsUrl, 'GET', '/admin/limits'),
    ({ json }) => json['degraded'] === true,
  )
}

async function ask(node: Front, address: string): Promise<number> {
  const headers = { 'X-Forwarded-For': address }
  return (await request(`${node.url}/files/a`, { headers })).status
}

/** Of so many that come at once at each of them. */
async function admitted(count: number, address: string): Promise<number> {
  const all = Array.from({ length: count }, () => nodes.map((node) => ask(node, address)))
  return (await Promise.all(all.flat())).filter((status) => status === 200).length
}

test('two nodes share a limit, to the request', { skip }, async () => {
  await Promise.all(nodes.map(isTogether(2)))
  assert.equal(await admitted(10, '192.0.2.1'), 4)
  const refused = await request(`${nodes[1].url}/files/a`, {
    headers: { 'X-Forwarded-For': '192.0.2.1' },
  })
  const wait = Number(refused.headers['retry-after'])
  assert.ok(wait > 21_000 && wait <= 21_600, String(wait))
  assert.match(
    String(refused.headers['ratelimit']),
    new RegExp(`^"per-ip";r=0;t=${wait}, "slow";r=996;t=\\d+, "fixed";r=\\d+;t=\\d+$`),
  )
})

test('Redis knows neither addresses nor whose they are', { skip }, async () => {
  await Promise.all(nodes.map(isTogether(2)))
  await ask(nodes[0], '192.0.2.77')
  const keys = await redis.command('KEYS', '*')
  assert.match(keys, /sluice:\{limits\}:\/per-ip\/token_bucket\/[\w-]{43}/)
  assert.doesNotMatch(keys, /192\.0\.2/)
  const ttl = await redis.command(
    'EVAL',
    "return redis.call('PTTL', redis.call('KEYS', '*slow*')[1])",
    '0',
  )
  assert.match(ttl, /^:[1-9]\d+/)
})

test('a Redis that has forgotten the script is told it again', { skip }, async () => {
  await Promise.all(nodes.map(isTogether(2)))
  await redis.command('SCRIPT', 'FLUSH')
  assert.equal(await admitted(4, '192.0.2.2'), 4)
})

test(
  'while Redis is gone each node keeps to its share, and comes back by itself',
  { skip },
  async () => {
    await Promise.all(nodes.map(isTogether(2)))
    await redis.kill()
    await Promise.all(nodes.map(isAlone))
    // Two of the four each.
    assert.equal(await admitted(10, '192.0.2.3'), 4)
    await redis.start()
    await Promise.all(nodes.map(isTogether(2)))
    assert.equal(await admitted(10, '192.0.2.4'), 4)
    const [line] = nodes[0].sluice.logLines().filter(({ event }) => event === 'rate-limits')
    assert.equal(line?.['state'], 'aside')
  },
)

test('a Redis that hangs is waited for once, and then no more', { skip }, async () => {
  await Promise.all(nodes.map(isTogether(2)))
  redis.pause()
  try {
    assert.equal(await ask(nodes[0], '192.0.2.5'), 200)
    await isAlone(nodes[0])
    const startedAt = performance.now()
    assert.equal(await ask(nodes[0], '192.0.2.5'), 200)
    assert.ok(performance.now() - startedAt < 900)
    assert.equal(await ask(nodes[0], '192.0.2.5'), 429)
  } finally {
    redis.resume()
  }
  await Promise.all(nodes.map(isTogether(2)))
})

test('a fleet is as large as is said', { skip }, async () => {
  await using node = await openNode({ fleet_size: 4 })
  await isTogether(4)(node)
  await redis.kill()
  await isAlone(node)
  assert.equal(await ask(node, '192.0.2.6'), 200)
  assert.equal(await ask(node, '192.0.2.6'), 429)
  await redis.start()
})
