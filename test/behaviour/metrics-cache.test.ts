// What the metrics tell of the cache: each moves when its subject happens, and only then.

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { openCached } from '../support/cached.ts'
import { openDictatedOrigin } from '../support/dictated-origin.ts'
import type { DictatedOrigin } from '../support/dictated-origin.ts'
import { bucketAt } from '../support/front.ts'
import { download, request } from '../support/http.ts'
import { assertMoves, scrape, untilMetrics } from '../support/metrics.ts'
import type { Move } from '../support/metrics.ts'
import { partMissing } from '../support/parts.ts'
import { openRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const RESULTS = 'sluice_cache_requests_total'
const FIRST_BYTE = 'sluice_time_to_first_byte_seconds_count'
const KIB = 1024
const MIB = 1024 * KIB
let origin: DictatedOrigin
let front: CachedFront

before(async () => {
  origin = await openDictatedOrigin()
  const s3 = { health_check: { enabled: false }, retry: { max_attempts: 1 } }
  const told = bucketAt(origin.endpoint, { name: 'told', s3, cache: { stale_while_revalidate: 0 } })
  const uncached = { cache: { enabled: false }, s3 }
  front = await openCachedFront(
    {},
    {
      s3,
      buckets: (endpoint) => [told, bucketAt(endpoint, { name: 'uncached', ...uncached })],
    },
  )
})
after(async () => {
  await front?.[Symbol.asyncDispose]()
  await origin?.[Symbol.asyncDispose]()
})
beforeEach(() => front.s3.clearFaults())

/** The only result that a request for the bucket had. */
function result(bucket: string, name: string): Move[] {
  return [
    [RESULTS, { bucket, result: name }, 1],
    [RESULTS, {}, 1],
  ]
}

function told(key: string, headers = {}): Promise<unknown> {
  return request(`${front.url}/told/${key}`, { headers })
}

describe('results', () => {
  test('a miss, and then a hit', async () => {
    front.put('k', 'hello')
    await assertMoves(front.opsUrl, () => front.look('k'), [
      ...result('files', 'miss'),
      [FIRST_BYTE, { source: 'origin' }, 1],
      ['sluice_origin_requests_total', { bucket: 'files', outcome: 'object' }, 1],
      ['sluice_origin_response_bytes_total', { bucket: 'files' }, 5],
    ])
    await assertMoves(front.opsUrl, () => front.look('k'), [
      ...result('files', 'hit'),
      [FIRST_BYTE, { source: 'memory' }, 1],
      [FIRST_BYTE, {}, 1],
      ['sluice_origin_requests_total', {}, 0],
      ['sluice_http_response_bytes_total', { bucket: 'files' }, 5],
    ])
  })

  test('a miss whose origin fails is a miss all the same', async () => {
    front.s3.fault({ kind: 'status', status: 500 })
    await assertMoves(front.opsUrl, () => front.look('failing'), result('files', 'miss'))
  })

  test('an absence that is remembered is a hit', async () => {
    await assertMoves(front.opsUrl, () => front.look('absent'), result('files', 'miss'))
    await assertMoves(front.opsUrl, () => front.look('absent'), result('files', 'hit'))
  })

  test('what is confirmed by a 304 is revalidated, and what is taken stale is stale', async () => {
    const headers = { ETag: '"v"', 'Cache-Control': 'max-age=0' }
    origin.dictate('k', [{ headers, isConditional: true }])
    await assertMoves(front.opsUrl, () => told('k'), result('told', 'miss'))
    await assertMoves(front.opsUrl, () => told('k'), [
      ...result('told', 'revalidated'),
      ['sluice_origin_requests_total', { bucket: 'told', outcome: 'not-modified' }, 1],
    ])
    const stale = { 'Cache-Control': 'max-stale' }
    await assertMoves(front.opsUrl, () => told('k', stale), result('told', 'stale'))
  })

  test('what is asked for past the cache is bypassed', async () => {
    front.put('parts', 'hello')
    const act = (): Promise<unknown> => request(`${front.url}/files/parts?partNumber=1`)
    await assertMoves(front.opsUrl, act, result('files', 'bypass'))
  })

  test('a bucket without a cache has none', async () => {
    front.put('k', 'hello')
    const act = (): Promise<unknown> => request(`${front.url}/uncached/k`)
    await assertMoves(front.opsUrl, act, [[RESULTS, {}, 0]])
    const { labels } = await scrape(front.opsUrl)
    assert.deepEqual(
      new Set(labels(RESULTS).map(({ bucket }) => bucket)),
      new Set(['files', 'told']),
    )
  })
})

describe('collapsed', () => {
  const COLLAPSED = 'sluice_cache_collapsed_total'

  test('are those who wait for one question, but not who asked it', async () => {
    front.put('wanted', 'hello')
    front.s3.fault({ kind: 'delay', delayMs: 700, match: { key: 'wanted' } })
    const act = (): Promise<unknown> =>
      Promise.all(Array.from({ length: 5 }, () => front.look('wanted')))
    await assertMoves(front.opsUrl, act, [
      [COLLAPSED, { bucket: 'files' }, 4],
      [COLLAPSED, {}, 4],
      [RESULTS, { result: 'miss' }, 5],
      ['sluice_origin_requests_total', {}, 1],
    ])
  })

  test('are those who follow bytes on their way to another', async () => {
    front.put('flowing', { seed: 'flowing', size: 512 * KIB })
    front.s3.fault({ kind: 'slow', bytesPerSecond: 512 * KIB, match: { key: 'flowing' } })
    const url = `${front.url}/files/flowing`
    const act = async (): Promise<void> => {
      const begun = Promise.withResolvers<void>()
      const first = download(url, { onChunk: () => begun.resolve() })
      await begun.promise
      await Promise.all([first, download(url)])
    }
    await assertMoves(front.opsUrl, act, [
      [COLLAPSED, {}, 1],
      ['sluice_origin_requests_total', {}, 1],
      ['sluice_origin_response_bytes_total', { bucket: 'files' }, 512 * KIB],
    ])
  })
})

test('what arriving slices hold is told while they arrive', async () => {
  front.put('arriving', { seed: 'arriving', size: MIB })
  front.s3.fault({ kind: 'stall', afterBytes: KIB, match: { key: 'arriving' } })
  const held = ({ sum }: Awaited<ReturnType<typeof scrape>>): number =>
    sum('sluice_cache_fill_bytes')
  const leaving = new AbortController()
  const left = request(`${front.url}/files/arriving`, { signal: leaving.signal }).catch(() => {})
  await untilMetrics(front.opsUrl, 'a fill', (metrics) => held(metrics) >= MIB)
  front.s3.clearFaults()
  await front.s3.kill()
  await front.s3.restart()
  leaving.abort()
  await left
  await untilMetrics(front.opsUrl, 'no fill', (metrics) => held(metrics) === 0)
})

describe('purges', () => {
  const PURGES = 'sluice_cache_purges_total'

  test('count by the kind of their rule, and a dry run does not', async () => {
    const act = async (): Promise<void> => {
      await front.purge({ bucket: 'files', key: 'k' })
      await request(`${front.url}/files/k`, {
        method: 'PURGE',
        headers: { authorization: 'Bearer Rk3v-9qLwPz7_tYd2XcB' },
      })
      await front.purge({ prefix: 'k' })
      await front.purge({ pattern: '*.css' })
      await front.purge({ tag: 't' })
      await front.purge({ bucket: 'files', all: true })
      await front.purge({ all: true, soft: true })
      await front.purge({ all: true, dry_run: true })
      await front.purge({ unknown: true })
    }
    await assertMoves(front.opsUrl, act, [
      [PURGES, { kind: 'key' }, 2],
      [PURGES, { kind: 'prefix' }, 1],
      [PURGES, { kind: 'glob' }, 1],
      [PURGES, { kind: 'tag' }, 1],
      [PURGES, { kind: 'bucket' }, 1],
      [PURGES, { kind: 'all' }, 1],
      [PURGES, {}, 7],
      ['sluice_http_requests_total', { method: 'PURGE', bucket: 'files', status: '200' }, 1],
    ])
  })
})

describe('tiers', () => {
  const HITS = 'sluice_cache_tier_hits_total'
  const MISSES = 'sluice_cache_tier_misses_total'
  const ENTRIES = 'sluice_cache_tier_entries'
  const BYTES = 'sluice_cache_tier_bytes'

  test('count what they had and had not, and what they hold', async () => {
    await using cached = await openCached()
    cached.put('b', 'k', { seed: 'k', size: 64 * KIB })
    const { opsUrl } = cached.sluice()
    await assertMoves(opsUrl, () => cached.ask('/b/k'), [
      [HITS, { tier: 'disk' }, 0],
      [MISSES, { tier: 'memory' }, 2],
      [MISSES, { tier: 'disk' }, 2],
    ])
    const held = await untilMetrics(
      opsUrl,
      'both on disk',
      ({ sum }) => sum(ENTRIES, { tier: 'disk' }) === 2,
    )
    assert.equal(held.sum(ENTRIES, { tier: 'memory' }), 2)
    for (const tier of ['memory', 'disk']) {
      const bytes = held.sum(BYTES, { tier })
      assert.ok(bytes > 64 * KIB && bytes < 80 * KIB, `${tier}: ${bytes}`)
    }
    await cached.restart()
    const after = cached.sluice().opsUrl
    await assertMoves(after, () => cached.ask('/b/k'), [
      [HITS, { tier: 'disk' }, 2],
      [MISSES, { tier: 'disk' }, 0],
      [HITS, { tier: 'memory' }, 0],
      [FIRST_BYTE, { source: 'disk' }, 1],
      [FIRST_BYTE, {}, 1],
    ])
    await assertMoves(after, () => cached.ask('/b/k'), [
      [HITS, { tier: 'memory' }, 2],
      [HITS, { tier: 'disk' }, 0],
    ])
  })

  test('count what goes to make room', async () => {
    const memory = { max_cache_size_mb: 1 }
    const cache = { cache_layers: ['memory'], memory, slice_size: '64KiB' }
    await using cached = await openCached({ cache })
    const EVICTIONS = 'sluice_cache_tier_evictions_total'
    const { opsUrl } = cached.sluice()
    cached.put('b', 'first', { seed: 'first', size: 256 * KIB })
    const fits = (): Promise<unknown> => cached.ask('/b/first')
    await assertMoves(opsUrl, fits, [[EVICTIONS, { tier: 'memory' }, 0]])
    cached.put('b', 'second', { seed: 'second', size: 4 * MIB })
    await cached.ask('/b/second')
    const { sum } = await scrape(opsUrl)
    assert.ok(sum(EVICTIONS, { tier: 'memory' }) > 40, `${sum(EVICTIONS)}`)
    assert.ok(sum(BYTES, { tier: 'memory' }) <= MIB)
  })

  test('count what fails', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-metrics-'))
    const cache = { memory: { enabled: false }, disk: { cache_dir: folder } }
    await using cached = await openCached({ cache })
    const { opsUrl } = cached.sluice()
    const HIT = [[HITS, { tier: 'disk' }, 2]] as const
    const errors = (by: number): Move[] => [
      ['sluice_cache_tier_errors_total', { tier: 'disk' }, by],
    ]
    cached.put('b', 'k', { seed: 'k', size: 512 * KIB })
    const act = (): Promise<unknown> => cached.ask('/b/k')
    await assertMoves(opsUrl, act, errors(0))
    await untilMetrics(opsUrl, 'all on disk', ({ sum }) => sum(ENTRIES, { tier: 'disk' }) === 2)
    await assertMoves(opsUrl, act, [...HIT, ...errors(0)])
    damageFiles(folder, 256 * KIB)
    await assertMoves(opsUrl, act, errors(1))
    rmSync(folder, { recursive: true })
  })

  test('say nothing of what cannot happen in them', async () => {
    const { labels } = await scrape(front.opsUrl)
    assert.deepEqual(labels('sluice_cache_tier_errors_total'), [])
    assert.deepEqual(labels(ENTRIES), [{ tier: 'memory' }])
  })

  test('without a cache there are none', async () => {
    await using cached = await openCached({ cache: { enabled: false } })
    const { text } = await scrape(cached.sluice().opsUrl)
    assert.doesNotMatch(text, /^sluice_cache_(tier|fill|requests|collapsed)/m)
  })
})

test('Redis is a tier that counts too', { skip: partMissing('redis-server') }, async () => {
  await using redis = await openRedis()
  const cache = {
    cache_layers: ['redis'],
    redis: { enabled: true, redis_url: redis.url, timeout: '1s' },
  }
  await using cached = await openCached({ cache })
  cached.put('b', 'k', 'hello')
  const { opsUrl } = cached.sluice()
  const moved = async (what: string, name: string): Promise<unknown> =>
    until(
      what,
      async () => {
        await cached.ask(`/b/${what}`)
        return (await scrape(opsUrl)).sum(name, { tier: 'redis' })
      },
      (sum) => sum > 0,
    )
  await moved('k', 'sluice_cache_tier_hits_total')
  await moved('missing', 'sluice_cache_tier_misses_total')
  const { labels } = await scrape(opsUrl)
  assert.deepEqual(labels('sluice_cache_tier_evictions_total'), [])
  assert.deepEqual(labels('sluice_cache_tier_errors_total'), [{ tier: 'redis' }])
})

/** Other bytes in every file of some size. */
function damageFiles(folder: string, leastBytes: number): void {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  for (const path of paths.map((name) => join(folder, name))) {
    const { size } = statSync(path)
    if (statSync(path).isFile() && size >= leastBytes && !path.includes('sqlite')) {
      writeFileSync(path, Buffer.alloc(size, 7))
    }
  }
}
