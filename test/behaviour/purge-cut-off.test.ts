// A purge at a node that is cut off from Redis: what it says of itself is true, and the others hear of
// it when there is a way to them again, whatever became of that node meanwhile.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { callAt, openCachedFront, TOKEN } from '../support/cached-front.ts'
import type { Called, CachedFront } from '../support/cached-front.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import { inspect, INSPECTED } from '../support/inspector.ts'
import { partMissing } from '../support/parts.ts'
import { openRedis } from '../support/redis.ts'
import type { RedisServer } from '../support/redis.ts'
import { openRelay } from '../support/relay.ts'
import type { Relay } from '../support/relay.ts'
import { openSluice } from '../support/sluice.ts'
import type { ConfigObject, LogLine, Sluice } from '../support/sluice.ts'
import { until } from '../support/until.ts'

const skip = partMissing('redis-server')
const folder = mkdtempSync(join(tmpdir(), 'sluice-cut-off-'))
let redis: RedisServer
let relay: Relay

before(async () => {
  if (skip !== false) return
  redis = await openRedis()
  relay = await openRelay(redis.port)
})
after(async () => {
  await relay?.[Symbol.asyncDispose]()
  await redis?.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Pair {
  /** Reaches Redis by the relay, and has come last. */
  readonly near: Sluice
  readonly far: CachedFront
  /** Of the near one. */
  readonly settings: ConfigObject
}

function cacheAt(port: number, prefix: string, layers: readonly string[]): object {
  return {
    cache_layers: layers,
    disk: { cache_dir: join(folder, prefix, String(port)) },
    redis: { enabled: true, redis_url: `redis://127.0.0.1:${port}`, redis_key_prefix: prefix },
  }
}

async function openPair(prefix: string, layers: readonly string[]): Promise<Pair> {
  relay.mend()
  const far = await openCachedFront({ cache: cacheAt(redis.port, prefix, layers) })
  far.put('a', 'first')
  const settings = {
    buckets: [bucketAt(far.s3.endpoint, { name: 'files' })],
    cache: cacheAt(relay.port, prefix, layers),
    admin: { token: TOKEN },
  }
  return { far, near: await openSluice(settings), settings }
}

function purgeAt({ opsUrl }: Sluice): Promise<Called> {
  const body = JSON.stringify({ bucket: 'files', key: 'a' })
  return callAt(opsUrl, 'POST', '/admin/cache/purge', { body })
}

async function text(node: { readonly url: string }): Promise<string> {
  return (await request(`${node.url}/files/a`)).text
}

function nodesOf(count: number): (json: object) => boolean {
  const all = JSON.stringify({ acknowledged: count, known: count })
  return (json) => 'nodes' in json && JSON.stringify(json.nodes) === all
}

function untilNodes(node: { readonly opsUrl: string }, count: number): Promise<unknown> {
  const body = JSON.stringify({ bucket: 'files', key: 'warm-up' })
  return until(
    `${count} nodes know of each other`,
    async () => (await callAt(node.opsUrl, 'POST', '/admin/cache/purge', { body })).json,
    nodesOf(count),
  )
}

/** Both hold the first of two versions, and the other has just been put. */
async function fillAndChange({ near, far }: Pair): Promise<void> {
  await untilNodes(far, 2)
  assert.equal(await text(near), 'first')
  await until(
    'the far node has it from Redis',
    async () => (await request(`${far.url}/files/a`)).headers['x-cache'],
    (result) => result === 'HIT',
  )
  far.put('a', 'second')
}

test(
  'a purge that neither Redis nor a disk has taken is not called durable',
  { skip },
  async () => {
    const pair = await openPair('none:', ['memory', 'redis'])
    await using near = pair.near
    await using far = pair.far
    await fillAndChange(pair)
    relay.cut()
    const { status, json } = await purgeAt(near)
    assert.deepEqual([status, json['status']], [503, 'not_durable'])
    // It has published nothing before: that there is another it has learned by itself.
    assert.deepEqual(json['nodes'], { acknowledged: 1, known: 2 })
    assert.deepEqual([await text(near), await text(far)], ['second', 'first'])

    relay.mend()
    await until(
      'the other hears of it',
      () => text(far),
      (body) => body === 'second',
    )
    assert.equal(await text(near), 'second')
    await until(
      'it can be relied upon',
      async () => (await purgeAt(near)).json,
      (told) => told['status'] === 'ok' && nodesOf(2)(told),
    )
  },
)

test(
  'a purge that the disk has taken outlives kill -9, and is told when Redis is back',
  { skip },
  async () => {
    const pair = await openPair('disk:', ['memory', 'disk', 'redis'])
    await using near = pair.near
    await using far = pair.far
    await fillAndChange(pair)
    relay.cut()
    const { status, json } = await purgeAt(near)
    near.kill('SIGKILL')
    assert.deepEqual([status, json['status']], [200, 'ok'])
    assert.deepEqual(json['nodes'], { acknowledged: 1, known: 2 })
    await near.exited
    assert.equal(await text(far), 'first')

    await using again = await openSluice(pair.settings)
    assert.equal(await text(again), 'second')
    relay.mend()
    await until(
      'the other hears of it',
      () => text(far),
      (body) => body === 'second',
    )
    assert.equal(await text(again), 'second')
  },
)

test('a thread that begins after such a purge knows it, too', { skip }, async () => {
  relay.mend()
  const cache = cacheAt(relay.port, 'threads:', ['memory', 'redis'])
  await using front = await openCachedFront({ cache, server: { threads: 2 } }, { env: INSPECTED })
  using inspector = await inspect(front.sluice)
  front.put('a', 'first')
  await untilNodes(front, 2)
  assert.equal(await text(front), 'first')
  await until(
    'it is in Redis',
    () => redis.command('KEYS', 'threads:e*'),
    (keys) => keys.split('threads:e').length - 1 === 2,
  )
  front.put('a', 'second')
  relay.cut()
  const { json } = await front.purge({ bucket: 'files', key: 'a' })
  assert.deepEqual([json['status'], json['nodes']], ['not_durable', { acknowledged: 2, known: 2 }])
  const victims = await until(
    'both threads',
    async () => inspector.workers(),
    (all) => all.length === 2,
  )
  for (const [index, victim] of victims.entries()) {
    await inspector.evaluate(victim, `setTimeout(() => { throw new Error('died in a test') }); 1`)
    await front.sluice.logLine(
      ({ event, deaths }) => event === 'worker-died' && deaths === index + 1,
    )
  }
  const tiers = ({ event, tier }: LogLine): boolean => event === 'tier' && tier === 'redis'
  const turns = (): LogLine[] => front.sluice.logLines().filter(tiers)
  await until(
    'two have lost Redis, and two begun without',
    async () => turns().length,
    (count) => count === 4,
  )
  relay.mend()
  await until(
    'Redis is back for both',
    async () => turns().length,
    (count) => count === 6,
  )
  await until(
    'both have read all bans',
    async () => (await front.purge({ bucket: 'files', key: 'warm-up' })).json['nodes'],
    (nodes) => (nodes as { acknowledged: number }).acknowledged === 2,
  )
  for (let times = 0; times < 8; times += 1) assert.equal(await text(front), 'second')
})
