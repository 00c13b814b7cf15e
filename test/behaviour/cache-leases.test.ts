// Several nodes that miss the same object at once: one of them fetches it, and the others have it
// from Redis. Nobody waits long, nor for what cannot be shared.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'

import { generateBytes, openS3Server } from '../../dev/s3-server.ts'
import type { LoggedRequest, PutOptions, S3Server } from '../../dev/s3-server.ts'
import { bytesSent } from '../support/cached.ts'
import { callAt, TOKEN } from '../support/cached-front.ts'
import { request, sha256 } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { scrape } from '../support/metrics.ts'
import { partMissing } from '../support/parts.ts'
import { openRedis } from '../support/redis.ts'
import type { RedisServer } from '../support/redis.ts'
import { openSluice } from '../support/sluice.ts'
import type { ConfigObject, Sluice } from '../support/sluice.ts'
import { until } from '../support/until.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SIZE = 2 * MIB
const KEYS = { accessKeyId: 'AKIDLEASES', secretAccessKey: 'a secret of the tests' }
const skip = partMissing('redis-server')
/** Longer than any test takes: whoever waits so long has not been let go. */
const NEVER = '1m'

let s3: S3Server
let key: string
let count = 0

before(async () => {
  if (skip !== false) return
  s3 = await openS3Server({ credentials: [KEYS] })
  s3.createBucket('b')
})
after(() => s3?.close())
beforeEach(() => {
  count += 1
  key = `k${count}`
})
afterEach(() => s3?.clearFaults())

interface Nodes extends AsyncDisposable {
  readonly redis: RedisServer
  readonly one: Sluice
  readonly other: Sluice
}

/** Two nodes that know of each other. */
async function openNodes(leaseWait: string, settings: ConfigObject = {}): Promise<Nodes> {
  const redis = await openRedis()
  const one = await openNode(redis, leaseWait, settings)
  const other = await openNode(redis, leaseWait, settings)
  await meet(one, other)
  return {
    redis,
    one,
    other,
    [Symbol.asyncDispose]: async () => {
      await one.close()
      await other.close()
      await redis.close()
    },
  }
}

function openNode(
  redis: RedisServer,
  leaseWait: string,
  { cache: bucketCache = {}, server = {}, folder }: ConfigObject,
): Promise<Sluice> {
  return openSluice({
    server,
    admin: { address: '127.0.0.1:0', token: TOKEN },
    cache: {
      cache_layers: ['memory', ...(folder === undefined ? [] : ['disk']), 'redis'],
      ...(folder !== undefined && { disk: { cache_dir: folder } }),
      slice_size: '256KiB',
      redis: {
        enabled: true,
        redis_url: redis.url,
        max_item_size: SIZE,
        timeout: '2s',
        lease_wait: leaseWait,
      },
    },
    buckets: [
      {
        name: 'b',
        path_prefix: '/b',
        cache: bucketCache,
        s3: {
          bucket: 'b',
          endpoint: s3.endpoint,
          access_key: KEYS.accessKeyId,
          secret_key: KEYS.secretAccessKey,
          health_check: { enabled: false },
          retry: { max_attempts: 1 },
        },
      },
    ],
  })
}

/** Each meets Redis, and hears of the others, in its own time. */
async function meet(...nodes: readonly Sluice[]): Promise<void> {
  const all = JSON.stringify({ acknowledged: nodes.length, known: nodes.length })
  for (const node of nodes) {
    const body = JSON.stringify({ bucket: 'b', key: 'none' })
    const known = async (): Promise<unknown> => {
      const { json } = await callAt(node.opsUrl, 'POST', '/admin/cache/purge', { body })
      return json['nodes']
    }
    await until('all know all', known, (answer) => JSON.stringify(answer) === all)
  }
}

async function caching(node: Sluice, probe: string): Promise<string> {
  const { json } = await callAt(node.opsUrl, 'GET', `/admin/cache/info?bucket=b&key=${probe}`)
  return JSON.stringify(json)
}

function ask(
  node: Sluice,
  name = key,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Answer> {
  return request(`${node.url}/b/${name}`, { headers, ...(signal === undefined ? {} : { signal }) })
}

function isAnswered({ status }: LoggedRequest): boolean {
  return status > 0
}

function put(size = SIZE, options: PutOptions = {}): string {
  s3.putObject('b', key, { seed: key, size }, options)
  return sha256(generateBytes(key, 0, size))
}

function asked(name = key): readonly LoggedRequest[] {
  return s3.requests.filter((logged) => logged.key === name)
}

function askedAtLeast(times: number): Promise<unknown> {
  return until(
    'S3 is asked',
    async () => asked().length,
    (length) => length >= times,
  )
}

function statusOf({ headers }: Answer): string {
  return String(headers['cache-status'])
}

describe('two nodes that miss the same object at once', { skip }, () => {
  let nodes: Nodes
  before(async () => {
    if (skip === false) nodes = await openNodes(NEVER)
  })
  after(() => nodes?.[Symbol.asyncDispose]())

  test('fetch each slice once between them, for all their clients', async () => {
    const expected = put()
    s3.fault({ kind: 'delay', delayMs: 300, match: { key } })
    const { one, other } = nodes
    const counted = (await scrape(other.opsUrl)).sum('sluice_cache_collapsed_total')
    const first = ask(one)
    await askedAtLeast(1)
    const clients = Array.from({ length: 40 }, (_, index) => ask(index % 2 === 0 ? one : other))
    const answers = await Promise.all([first, ...clients])
    assert.deepEqual(new Set(answers.map(({ body }) => sha256(body))), new Set([expected]))
    assert.equal(bytesSent(asked()), SIZE)
    const ofOther = answers.slice(1).filter((_, index) => index % 2 === 1)
    for (const answer of ofOther) assert.match(statusOf(answer), /fwd=uri-miss;.*collapsed/)
    const now = (await scrape(other.opsUrl)).sum('sluice_cache_collapsed_total')
    assert.equal(now - counted, 20)
  })

  test('fetch once what one comes to late, and what it asks for alone', async () => {
    const expected = put()
    s3.fault({ kind: 'slow', bytesPerSecond: 2 * MIB, match: { key } })
    const { one, other } = nodes
    const first = ask(one)
    await until(
      'the head is in Redis',
      () => caching(other, key),
      (text) => text.includes('"redis"'),
    )
    const leaving = new AbortController()
    const left = ask(other, key, {}, leaving.signal).catch(() => undefined)
    const late = ask(other, key, { Range: `bytes=${MIB}-` })
    leaving.abort()
    await left
    assert.match(statusOf(await late), /fwd=partial;.*collapsed/)
    assert.deepEqual((await late).body, generateBytes(key, MIB, SIZE))
    assert.equal(sha256((await first).body), expected)
    assert.equal(bytesSent(asked()), SIZE)
  })

  test('share the slices that only one of them lacks', async () => {
    put()
    const { one, other } = nodes
    await ask(one, key, { Range: `bytes=${MIB}-${SIZE - 1}` })
    await until(
      'it is in Redis',
      () => caching(other, key),
      (text) => text.includes('"redis":4'),
    )
    const answer = await ask(other)
    assert.equal(sha256(answer.body), sha256(generateBytes(key, 0, SIZE)))
    assert.equal(bytesSent(asked()), SIZE)
  })

  test('renew what is stale once, and behind the answers', async () => {
    put(10, { cacheControl: 'max-age=1, stale-while-revalidate=60' })
    const { one, other } = nodes
    await ask(one)
    await ask(other)
    const requests = asked().length
    s3.fault({ kind: 'delay', delayMs: 700, match: { key } })
    const isStale = async (node: Sluice): Promise<unknown> =>
      until(
        'it is stale',
        () => ask(node),
        ({ headers }) => headers['x-cache'] === 'STALE',
      )
    await isStale(one)
    await isStale(other)
    for (const node of [one, other])
      await until(
        'it is fresh',
        () => ask(node),
        ({ headers }) => headers['x-cache'] === 'HIT',
      )
    assert.equal(asked().length, requests + 1)
  })

  test('do not wait for each other where nothing may be kept', async () => {
    const third = await openNode(nodes.redis, NEVER, {})
    await meet(nodes.one, nodes.other, third)
    try {
      put(10, { cacheControl: 'no-store' })
      await ask(nodes.one)
      s3.fault({ kind: 'delay', delayMs: 1500, match: { key } })
      const answers = [ask(nodes.other), ask(third)]
      await askedAtLeast(3)
      assert.deepEqual(asked().map(isAnswered), [true, false, false])
      await Promise.all(answers)
    } finally {
      await third.close()
    }
  })

  test('wait for no more than the head of what turns out not to be kept', async () => {
    put(SIZE, { cacheControl: 'no-store' })
    s3.fault({ kind: 'stall', afterBytes: MIB, match: { key }, times: 1 })
    const leaving = new AbortController()
    const first = ask(nodes.one, key, {}, leaving.signal).catch(() => undefined)
    await askedAtLeast(1)
    assert.equal((await ask(nodes.other)).body.length, SIZE)
    leaving.abort()
    await first
  })

  test('do not wait for a slice that is not kept in Redis', async () => {
    const expected = put(SIZE + 1)
    await ask(nodes.one, key, { Range: 'bytes=0-1' })
    s3.fault({ kind: 'stall', afterBytes: 1, match: { key }, times: 1 })
    const leaving = new AbortController()
    const range = { Range: `bytes=${MIB}-` }
    const stalled = ask(nodes.one, key, range, leaving.signal).catch(() => undefined)
    await askedAtLeast(2)
    assert.equal(sha256((await ask(nodes.other)).body), expected)
    leaving.abort()
    await stalled
  })

  test('tell who asks that an answer to the other is awaited', async () => {
    put(10)
    s3.fault({ kind: 'delay', delayMs: 1000, match: { key } })
    const first = ask(nodes.one)
    await askedAtLeast(1)
    const { json } = await callAt(nodes.other.opsUrl, 'GET', `/admin/explain?path=/b/${key}`)
    assert.match(JSON.stringify(json), /Another request has asked/)
    assert.match(JSON.stringify(json['summary']), /collapsed/)
    await first
    assert.equal(asked().length, 1)
  })

  test('never have what was purged while one waited for the other', async () => {
    put()
    s3.fault({ kind: 'stall', afterBytes: MIB, match: { key }, times: 1 })
    const first = ask(nodes.one).catch(() => undefined)
    await askedAtLeast(1)
    const second = ask(nodes.other)
    await until(
      'it is followed',
      () => caching(nodes.other, key),
      (text) => text.includes('"redis"'),
    )
    s3.putObject('b', key, { seed: 'younger', size: SIZE })
    const body = JSON.stringify({ bucket: 'b', key })
    await callAt(nodes.one.opsUrl, 'POST', '/admin/cache/purge', { body })
    nodes.one.kill('SIGKILL')
    await first
    await second.catch(() => undefined)
    const third = await ask(nodes.other)
    assert.equal(sha256(third.body), sha256(generateBytes('younger', 0, SIZE)))
  })
})

describe('one who waits for another node', { skip }, () => {
  test('goes on when that one dies', async () => {
    await using nodes = await openNodes(NEVER)
    const expected = put()
    s3.fault({ kind: 'stall', afterBytes: MIB + 1, match: { key }, times: 1 })
    const first = ask(nodes.one).catch(() => undefined)
    await askedAtLeast(1)
    const second = ask(nodes.other)
    nodes.one.kill('SIGKILL')
    await first
    const startedAt = performance.now()
    assert.equal(sha256((await second).body), expected)
    assert.ok(performance.now() - startedAt < 15_000)
  })

  test('waits no longer than lease_wait', async () => {
    await using nodes = await openNodes('200ms')
    const expected = put()
    s3.fault({ kind: 'hang', match: { key }, times: 1 })
    const first = ask(nodes.one).catch(() => undefined)
    await askedAtLeast(1)
    assert.equal(sha256((await ask(nodes.other)).body), expected)
    assert.equal(asked()[0]?.status, 0)
    nodes.one.kill('SIGKILL')
    await first
  })

  test('does not with a lease_wait of 0', async () => {
    await using nodes = await openNodes('0')
    put(10)
    s3.fault({ kind: 'delay', delayMs: 1500, match: { key } })
    const answers = [ask(nodes.one), ask(nodes.other)]
    await askedAtLeast(2)
    assert.deepEqual(asked().map(isAnswered), [false, false])
    await Promise.all(answers)
  })

  for (const [trouble, make] of [
    ['is killed', (redis: RedisServer) => redis.kill()],
    ['hangs', (redis: RedisServer) => redis.pause()],
  ] as const) {
    test(`goes on when Redis ${trouble}`, async () => {
      await using nodes = await openNodes(NEVER)
      const expected = put()
      s3.fault({ kind: 'hang', match: { key }, times: 1 })
      const first = ask(nodes.one).catch(() => undefined)
      await askedAtLeast(1)
      const second = ask(nodes.other)
      const explained = (): Promise<unknown> =>
        callAt(nodes.other.opsUrl, 'GET', `/admin/explain?path=/b/${key}`)
      await until('it waits', explained, (it) => JSON.stringify(it).includes('collapsed'))
      await make(nodes.redis)
      assert.equal(sha256((await second).body), expected)
      nodes.redis.resume()
      nodes.one.kill('SIGKILL')
      await first
    })
  }
})

test('threads of one process fetch each slice once between them', { skip }, async () => {
  const redis = await openRedis()
  const node = await openNode(redis, NEVER, { server: { threads: 2 } })
  try {
    await meet(node, node)
    s3.fault({ kind: 'delay', delayMs: 300, match: { bucket: 'b' } })
    const name = key
    let tries = 0
    const sent = async (): Promise<number> => {
      tries += 1
      key = `${name}-${tries}`
      const expected = put()
      const answers = await Promise.all(Array.from({ length: 40 }, () => ask(node)))
      assert.deepEqual(new Set(answers.map(({ body }) => sha256(body))), new Set([expected]))
      return bytesSent(asked())
    }
    // Each thread hears of the other in its own time.
    await until('each slice once', sent, (bytes) => bytes === SIZE, 5000)
  } finally {
    await node.close()
    await redis.close()
  }
})

test('threads of several nodes fetch each slice once between them', { skip }, async () => {
  const redis = await openRedis()
  const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'sluice-leases-')))
  const nodes = await Promise.all(
    folders.map((folder) => openNode(redis, NEVER, { server: { threads: 2 }, folder })),
  )
  try {
    await meet(...nodes.flatMap((node) => [node, node]))
    s3.fault({ kind: 'delay', delayMs: 300, match: { bucket: 'b' } })
    const name = key
    let tries = 0
    const sent = async (): Promise<number> => {
      tries += 1
      key = `${name}-${tries}`
      const expected = put()
      const answers = await Promise.all(
        Array.from({ length: 16 }, () => nodes.map((node) => ask(node))).flat(),
      )
      assert.deepEqual(new Set(answers.map(({ body }) => sha256(body))), new Set([expected]))
      return bytesSent(asked())
    }
    // Each thread hears of the others in its own time.
    await until('each slice once', sent, (bytes) => bytes === SIZE, 5000)
  } finally {
    await Promise.all(nodes.map((node) => node.close()))
    await redis.close()
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  }
})
