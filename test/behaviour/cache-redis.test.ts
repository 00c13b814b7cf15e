// Two nodes and the Redis between them, through their real ports: what one fetched the other has, and
// what is purged at one is purged at both, whatever the other was doing meanwhile.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'

import { openS3Server } from '../../dev/s3-server.ts'
import type { S3Server } from '../../dev/s3-server.ts'
import { callAt, TOKEN } from '../support/cached-front.ts'
import type { Called } from '../support/cached-front.ts'
import { request } from '../support/http.ts'
import { partMissing } from '../support/parts.ts'
import { openRedis } from '../support/redis.ts'
import type { RedisServer } from '../support/redis.ts'
import { openSluice } from '../support/sluice.ts'
import type { Sluice } from '../support/sluice.ts'
import { until } from '../support/until.ts'

const KEYS = { accessKeyId: 'AKIDREDIS', secretAccessKey: 'a secret of the tests' }
const skip = partMissing('redis-server')
const folder = mkdtempSync(join(tmpdir(), 'sluice-redis-'))

let s3: S3Server
let redis: RedisServer
let nodes: readonly Sluice[]
let count = 0

before(async () => {
  if (skip !== false) return
  s3 = await openS3Server({ credentials: [KEYS] })
  s3.createBucket('b')
  redis = await openRedis()
  nodes = [await openNode(), await openNode()]
})
after(async () => {
  for (const node of nodes ?? []) await node.close()
  await redis?.[Symbol.asyncDispose]()
  await s3?.close()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => {
  count += 1
})

function openNode(): Promise<Sluice> {
  return openSluice({
    admin: { address: '127.0.0.1:0', token: TOKEN },
    cache: {
      cache_layers: ['memory', 'redis'],
      disk: { cache_dir: folder },
      redis: { enabled: true, redis_url: redis.url, timeout: '200ms' },
    },
    buckets: [
      {
        name: 'b',
        path_prefix: '/b',
        s3: {
          bucket: 'b',
          endpoint: s3.endpoint,
          access_key: KEYS.accessKeyId,
          secret_key: KEYS.secretAccessKey,
        },
      },
    ],
  })
}

function node(index: 0 | 1): Sluice {
  const found = nodes[index]
  assert.ok(found !== undefined)
  return found
}

function put(body: string): string {
  const key = `k${count}`
  s3.putObject('b', key, body)
  return key
}

async function ask(index: 0 | 1, key: string): Promise<{ result: string; text: string }> {
  const { headers, text } = await request(`${node(index).url}/b/${key}`)
  return { result: String(headers['x-cache']), text }
}

async function entriesInRedis(): Promise<number> {
  const keys = await redis.command('KEYS', 'sluice:e*')
  return keys.split('sluice:e').length - 1
}

function purge(key: string): Promise<Called> {
  const body = JSON.stringify({ bucket: 'b', key })
  return callAt(node(0).opsUrl, 'POST', '/admin/cache/purge', { body })
}

function asked(key: string): number {
  return s3.requests.filter((logged) => logged.key === key).length
}

test('a second node has what the first fetched, without the origin', { skip }, async () => {
  let tries = 0
  // Each node meets Redis in its own time; until then it does without.
  const fetchedElsewhere = async (): Promise<string> => {
    tries += 1
    const key = `shared${tries}`
    s3.putObject('b', key, 'hello')
    const held = await entriesInRedis()
    await ask(0, key)
    await until('head and slice in Redis', entriesInRedis, (now) => now >= held + 2)
    const { headers, text } = await request(`${node(1).url}/b/${key}`)
    assert.equal(text, 'hello')
    return String(headers['cache-status'])
  }
  await until('a hit out of Redis', fetchedElsewhere, (status) => /hit;.*detail=redis/.test(status))
  assert.equal(asked(`shared${tries}`), 1)
})

test('info and explain count the slices in Redis, and count as no use', { skip }, async () => {
  const held = await entriesInRedis()
  const key = put('told')
  await ask(0, key)
  await until('head and slice in Redis', entriesInRedis, (now) => now >= held + 2)
  const tell = (path: string): Promise<Called> => callAt(node(1).opsUrl, 'GET', path)
  const counts = async (): Promise<unknown> => {
    const { redis: ofRedis } = (await tell('/admin/cache/stats')).json
    const { hits, misses, errors } = ofRedis as Readonly<Record<string, number>>
    return { hits, misses, errors }
  }
  const before = await counts()
  const { json } = await tell(`/admin/cache/info?bucket=b&key=${key}`)
  const { held: slices } = json['slices'] as { held: object }
  assert.deepEqual([slices, json['tiers']], [{ memory: 0, redis: 1 }, ['redis']])
  const explained = (await tell(`/admin/explain?path=/b/${key}`)).json
  const { status, cache_status: told } = explained['summary'] as Record<string, unknown>
  assert.equal(status, 200)
  assert.match(String(told), /^sluice; hit; ttl=\d+; detail=redis$/)
  assert.deepEqual(await counts(), before)
})

test('a purge at one node is a purge at both, and both are counted', { skip }, async () => {
  const key = put('first')
  for (const index of [0, 1] as const) await ask(index, key)
  s3.putObject('b', key, 'second')
  const { status, json } = await purge(key)
  assert.equal(status, 200)
  assert.deepEqual(json['nodes'], { acknowledged: 2, known: 2 })
  assert.equal((await ask(1, key)).text, 'second')
  assert.equal((await ask(0, key)).text, 'second')
})

test(
  'a node that slept through a purge serves nothing purged when it wakes',
  { skip },
  async () => {
    const key = put('first')
    for (const index of [0, 1] as const) await ask(index, key)
    assert.equal((await ask(1, key)).result, 'HIT')
    node(1).kill('SIGSTOP')
    s3.putObject('b', key, 'second')
    const { json } = await purge(key)
    assert.deepEqual(json['nodes'], { acknowledged: 1, known: 2 })
    // Asked while it sleeps: the question waits in its socket, and is the first that it hears.
    const early = ask(1, key)
    node(1).kill('SIGCONT')
    assert.equal((await early).text, 'second')
    assert.equal((await ask(1, key)).text, 'second')
  },
)

test(
  'a Redis that hangs costs no answer, and what is held goes on being served',
  { skip },
  async () => {
    const key = put('held')
    await ask(0, key)
    redis.pause()
    try {
      const cold = put('cold')
      s3.putObject('b', `${cold}-new`, 'new')
      assert.equal((await ask(0, `${cold}-new`)).text, 'new')
      assert.equal((await ask(0, key)).text, 'held')
    } finally {
      redis.resume()
    }
    const fresh = `after${count}`
    s3.putObject('b', fresh, 'after')
    const look = async (): Promise<string> => {
      await ask(0, fresh)
      return (await ask(1, fresh)).result
    }
    await until('the tier is back', look, (result) => result === 'HIT')
    assert.ok(asked(fresh) >= 1)
  },
)

test('a node that is ready has what was kept in its earlier life', { skip }, async () => {
  const keys = Array.from({ length: 6 }, (_, index) => `lives-${count}-${index}`)
  const one = await openNode()
  for (const key of keys) {
    s3.putObject('b', key, key)
    assert.equal((await request(`${one.url}/b/${key}`)).text, key)
  }
  await one.close()
  const again = await openNode()
  const answers = await Promise.all(keys.map((key) => request(`${again.url}/b/${key}`)))
  await again.close()
  assert.deepEqual(
    answers.map(({ headers }) => headers['x-cache']),
    keys.map(() => 'HIT'),
  )
})
