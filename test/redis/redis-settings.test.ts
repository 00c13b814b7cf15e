// What each setting of `cache.redis` does, through the real port: Redis is the only layer, so that a
// hit was in it.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { TestContext } from 'node:test'

import { callAt, TOKEN } from '../support/cached-front.ts'
import { openCached, xCacheOf } from '../support/cached.ts'
import type { Cached, CachedOptions } from '../support/cached.ts'
import { createCertificate } from '../support/certificates.ts'
import type { Answer } from '../support/http.ts'
import { partMissing } from '../support/parts.ts'
import { openRedis, openSentinel, openTwoNodeCluster } from '../support/redis.ts'
import type { RedisServer } from '../support/redis.ts'
import type { ConfigObject } from '../support/sluice.ts'
import { until } from '../support/until.ts'
import { serverFor } from './world.ts'

const KIB = 1024
const skip = partMissing('redis-server')

/** Wide, so that a busy machine is not taken for a hanging Redis. */
const PATIENT = '10s'

async function openWith(
  t: TestContext,
  redis: ConfigObject,
  options: Omit<CachedOptions, 'cache'> = {},
): Promise<Cached> {
  const settings = { enabled: true, timeout: PATIENT, ...redis }
  const cache = { cache_layers: ['redis'], slice_size: '64KiB', redis: settings }
  const cached = await openCached({ cache, ...options })
  t.after(() => cached[Symbol.asyncDispose]())
  return cached
}

function isOutOfRedis({ headers }: Answer): boolean {
  return /^sluice; hit;.* detail=redis$/.test(String(headers['cache-status']))
}

/** Redis is met in the background: until then it is done without. */
async function untilHit(cached: Cached, key = 'k'): Promise<void> {
  cached.put('b', key, `the body of ${key}`)
  await until('a hit out of Redis', () => cached.ask(`/b/${key}`), isOutOfRedis)
}

async function keysIn(server: RedisServer, pattern = '*'): Promise<readonly string[]> {
  const answer = await server.command('KEYS', pattern)
  return [...answer.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map(([, key = '']) => key)
}

/** Of the databases that hold anything. */
async function databasesOf(server: RedisServer): Promise<readonly string[]> {
  const keyspace = await server.command('INFO', 'keyspace')
  return [...keyspace.matchAll(/^db(\d+):/gm)].map(([, db = '']) => db)
}

describe('in one Redis', { skip }, () => {
  let shared: Promise<RedisServer> | undefined
  after(async () => (await shared)?.close())
  const emptied = async (): Promise<RedisServer> => {
    shared ??= openRedis()
    await (await shared).command('FLUSHALL')
    return shared
  }

  for (const threads of [1, 2]) {
    test(`redis_db is the only database touched, by ${threads === 1 ? 'one thread' : 'two threads'}`, async (t) => {
      const server = await emptied()
      await untilHit(
        await openWith(
          t,
          { redis_url: server.url, redis_db: 3 },
          { settings: { server: { threads } } },
        ),
      )
      assert.deepEqual(await databasesOf(server), ['3'])
    })
  }

  test('the database may stand in redis_url', async (t) => {
    const server = await emptied()
    await untilHit(await openWith(t, { redis_url: `${server.url}/4` }))
    assert.deepEqual(await databasesOf(server), ['4'])
  })

  test('redis_key_prefix begins every key', async (t) => {
    const server = await emptied()
    await untilHit(await openWith(t, { redis_url: server.url, redis_key_prefix: 'cdn*7/' }))
    const keys = await keysIn(server)
    assert.ok(keys.length >= 2)
    for (const key of keys) assert.ok(key.startsWith('cdn*7/'), key)
  })

  test('redis_ttl_seconds is the longest that Redis keeps an entry', async (t) => {
    const server = await emptied()
    await untilHit(await openWith(t, { redis_url: server.url, redis_ttl_seconds: 600 }))
    const entries = await keysIn(server, 'sluice:e*')
    assert.ok(entries.length >= 2)
    for (const key of entries) {
      const ttlMs = Number((await server.command('PTTL', key)).slice(1))
      assert.ok(ttlMs > 500_000 && ttlMs <= 600_000, `${ttlMs} ms`)
    }
  })

  test('max_item_size is the largest object of which Redis keeps any bytes', async (t) => {
    const server = await emptied()
    const cached = await openWith(t, { redis_url: server.url, max_item_size: '100KiB' })
    await untilHit(cached)
    cached.put('b', 'fits', { seed: 'fits', size: 100 * KIB })
    cached.put('b', 'larger', { seed: 'larger', size: 100 * KIB + 1 })
    await until('a hit out of Redis', () => cached.ask('/b/fits'), isOutOfRedis)
    assert.equal(xCacheOf(await cached.ask('/b/larger')), 'MISS')
    await untilHit(cached, 'later')
    assert.equal(xCacheOf(await cached.ask('/b/larger')), 'MISS')
    const kept = await keysIn(server, 'sluice:e:s*larger')
    assert.deepEqual(kept, [])
  })

  test('enabled: false connects to none, whatever else is said of it', async (t) => {
    const server = await emptied()
    const redis = { enabled: false, redis_url: server.url }
    await using cached = await openCached({ cache: { cache_layers: ['memory', 'redis'], redis } })
    // Another that does connect, so that this one had the time to.
    await untilHit(await openWith(t, { redis_url: server.url, redis_key_prefix: 'other:' }))
    cached.put('b', 'k', 'x')
    for (const result of ['MISS', 'HIT']) assert.equal(xCacheOf(await cached.ask('/b/k')), result)
    assert.deepEqual(await keysIn(server, 'sluice:*'), [])
  })

  test('purges travel through it where it is no layer, too', async () => {
    const server = await emptied()
    const cache = { cache_layers: ['memory'], redis: { enabled: true, redis_url: server.url } }
    const settings = { admin: { token: TOKEN } }
    await using one = await openCached({ cache, settings })
    await using other = await openCached({ cache, settings })
    const nodes = (): Promise<string> => server.command('HLEN', 'sluice:nodes')
    await until('both in the fleet', nodes, (answer) => answer.startsWith(':2'))
    other.put('b', 'k', 'x')
    const result = async (): Promise<string> => xCacheOf(await other.ask('/b/k'))
    // What is held is not believed before all purges are known.
    await until('a hit', result, (now) => now === 'HIT')
    const body = JSON.stringify({ bucket: 'b', key: 'k' })
    const purged = await callAt(one.sluice().opsUrl, 'POST', '/admin/cache/purge', { body })
    assert.deepEqual(purged.json['nodes'], { acknowledged: 2, known: 2 })
    assert.equal(await result(), 'MISS')
    assert.doesNotMatch(await server.command('INFO', 'keyspace'), /keys=[3-9]/)
  })

  test('timeout is how long a request waits for Redis', async (t) => {
    const server = await serverFor(t)
    const patient = await openWith(t, { redis_url: server.url, timeout: PATIENT })
    const hasty = await openWith(t, { redis_url: server.url, timeout: '500ms' })
    for (const cached of [patient, hasty]) await untilHit(cached)
    server.pause()
    t.after(() => server.resume())
    const waiting = patient.ask('/b/k')
    const answer = await hasty.ask('/b/k')
    server.resume()
    assert.deepEqual([answer.text, xCacheOf(answer)], ['the body of k', 'MISS'])
    assert.ok(isOutOfRedis(await waiting))
  })
})

describe('a Redis that asks who comes', { skip }, () => {
  const PASSWORD = 'p@ss/wörd:1'
  const encoded = encodeURIComponent(PASSWORD)
  let shared: Promise<RedisServer> | undefined
  after(async () => (await shared)?.close())
  /** It knows `alice`, and nobody without a name. */
  const guarded = (): Promise<RedisServer> => {
    const settings = [
      ['user', `alice on >${PASSWORD} ~* &* +@all`],
      ['user', 'default off'],
    ] as const
    return (shared ??= openRedis({ settings }))
  }

  test('is given redis_password', async (t) => {
    const server = await serverFor(t, { password: PASSWORD })
    await untilHit(await openWith(t, { redis_url: server.url, redis_password: PASSWORD }))
  })

  test('is given redis_username and redis_password', async (t) => {
    const { url } = await guarded()
    const who = { redis_username: 'alice', redis_password: PASSWORD }
    await untilHit(await openWith(t, { redis_url: url, ...who }))
  })

  test('is given the name and password of redis_url', async (t) => {
    const { port } = await guarded()
    const redis_url = `redis://alice:${encoded}@127.0.0.1:${port}`
    await untilHit(await openWith(t, { redis_url }))
  })

  test('and says no, is done without, and the log tells why and no secret', async (t) => {
    const { url } = await guarded()
    const who = { redis_username: 'alice', redis_password: 'not the password' }
    const cached = await openWith(t, { redis_url: url, ...who })
    cached.put('b', 'k', 'the body')
    const line = await cached.sluice().logLine(({ tier }) => tier === 'redis')
    assert.equal(line['state'], 'aside')
    assert.match(String(line['reason']), /WRONGPASS/)
    for (let i = 0; i < 2; i += 1) {
      const answer = await cached.ask('/b/k')
      assert.deepEqual([answer.text, xCacheOf(answer)], ['the body', 'MISS'])
    }
    assert.doesNotMatch(cached.sluice().stdout(), /not the password/)
  })
})

describe('a Redis behind TLS', { skip }, () => {
  const certificate = createCertificate('localhost')
  const trusting = { NODE_EXTRA_CA_CERTS: certificate.certPath }
  let shared: Promise<RedisServer> | undefined
  after(async () => {
    await (await shared)?.close()
    certificate[Symbol.dispose]()
  })
  const sealed = (): Promise<RedisServer> => {
    const settings = [
      ['tls-cert-file', certificate.certPath],
      ['tls-key-file', certificate.keyPath],
      ['tls-auth-clients', 'no'],
    ] as const
    return (shared ??= openRedis({ isTls: true, settings }))
  }

  test('is reached by rediss:// where its certificate is trusted', async (t) => {
    const redis_url = `rediss://localhost:${(await sealed()).port}`
    await untilHit(await openWith(t, { redis_url }, { env: trusting }))
  })

  test('is reached by tls: true, too', async (t) => {
    const redis_url = `redis://localhost:${(await sealed()).port}`
    await untilHit(await openWith(t, { redis_url, tls: true }, { env: trusting }))
  })

  test('is done without where its certificate is not trusted, or is another’s', async (t) => {
    const { port } = await sealed()
    for (const [host, env, reason] of [
      ['localhost', {}, /self-signed certificate/],
      ['127.0.0.1', trusting, /IP: 127\.0\.0\.1 is not in the cert/],
    ] as const) {
      const cached = await openWith(t, { redis_url: `rediss://${host}:${port}` }, { env })
      cached.put('b', 'k', 'the body')
      const line = await cached.sluice().logLine(({ tier }) => tier === 'redis')
      assert.match(String(line['reason']), reason)
      assert.equal((await cached.ask('/b/k')).text, 'the body')
      assert.equal(xCacheOf(await cached.ask('/b/k')), 'MISS')
    }
  })
})

describe('several Redis servers', { skip }, () => {
  test('sentinel: the master of that name is asked for, and redis_db is a database of it', async (t) => {
    const [master, other] = [await serverFor(t), await serverFor(t)]
    const sentinel = await openSentinel(master, 'fleet')
    t.after(() => sentinel.close())
    const { port } = other
    await sentinel.command('SENTINEL', 'MONITOR', 'other', '127.0.0.1', String(port), '1')
    // The first answers nobody: one that does is enough.
    const hosts = ['127.0.0.1:1', `127.0.0.1:${sentinel.port}`]
    await untilHit(await openWith(t, { sentinel: { name: 'fleet', hosts }, redis_db: 2 }))
    assert.deepEqual([await databasesOf(master), await databasesOf(other)], [['2'], []])
  })

  test('cluster: nodes that are not named are learned of, used, and purged', async (t) => {
    const nodes = await openTwoNodeCluster()
    t.after(() => Promise.all(nodes.map((node) => node.close())))
    const settings = { admin: { token: TOKEN } }
    const cached = await openWith(t, { cluster: [`127.0.0.1:${nodes[0].port}`] }, { settings })
    const keys = Array.from({ length: 8 }, (_, index) => `k${index}`)
    for (const key of keys) await untilHit(cached, key)
    const held = async (): Promise<readonly number[]> =>
      Promise.all(nodes.map(async (node) => (await keysIn(node, 'sluice:e*')).length))
    for (const entries of await held()) assert.ok(entries > 0)
    const body = JSON.stringify({ all: true })
    const purged = await callAt(cached.sluice().opsUrl, 'POST', '/admin/cache/purge', { body })
    assert.equal(purged.status, 200)
    await until('both nodes are swept', held, ([one, two]) => one === 0 && two === 0)
  })
})
