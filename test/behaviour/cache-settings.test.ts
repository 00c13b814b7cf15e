// How much each layer takes, which of them are used, and the other spellings of what is kept for how
// long: settings of `cache` and of a bucket's `cache`, through the real port.

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { generateBytes } from '../../dev/s3-server.ts'
import { callAt, TOKEN } from '../support/cached-front.ts'
import { openCached, xCacheOf } from '../support/cached.ts'
import type { Cached } from '../support/cached.ts'
import { sha256 } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { scrape, untilMetrics } from '../support/metrics.ts'

const KIB = 1024
const MIB = 1024 * KIB

const BYTES = 'sluice_cache_tier_bytes'
const ENTRIES = 'sluice_cache_tier_entries'
const EVICTIONS = 'sluice_cache_tier_evictions_total'

/** How long it is fresh from now on. */
function ttlOf({ headers }: Answer): number {
  return Number(/; ttl=(\d+)/.exec(String(headers['cache-status']))?.[1])
}

/** Objects of 100 KiB, each asked for twice; how often the second answer was a hit. */
async function hitsAmong(cached: Cached, count: number): Promise<number> {
  const keys = Array.from({ length: count }, (_, index) => `k${index}`)
  for (const key of keys) cached.put('b', key, { seed: key, size: 100 * KIB })
  for (const key of keys) await cached.ask(`/b/${key}`)
  let hits = 0
  for (const key of keys) {
    const answer = await cached.ask(`/b/${key}`)
    assert.equal(sha256(answer.body), sha256(generateBytes(key, 0, 100 * KIB)))
    if (xCacheOf(answer) === 'HIT') hits += 1
  }
  return hits
}

describe('the size of the memory', () => {
  for (const memory of [{ max_cache_size_mb: 2 }, { max_capacity: '2MiB' }]) {
    const [name = ''] = Object.keys(memory)
    test(`${name} is held, and used`, async () => {
      await using cached = await openCached({ cache: { cache_layers: ['memory'], memory } })
      const { opsUrl } = cached.sluice()
      assert.equal(await hitsAmong(cached, 15), 15)
      assert.equal((await scrape(opsUrl)).sum(EVICTIONS), 0)
      assert.ok((await hitsAmong(cached, 40)) < 40)
      const bytes = (await scrape(opsUrl)).sum(BYTES, { tier: 'memory' })
      assert.ok(bytes > MIB && bytes <= 2 * MIB, `${bytes}`)
    })
  }
})

describe('the size of the disk', () => {
  test('max_disk_cache_size_mb is held, by the index and by the files, and used', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-disk-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const disk = { cache_dir: folder, max_disk_cache_size_mb: 2 }
    await using cached = await openCached({ cache: { cache_layers: ['disk'], disk } })
    const { opsUrl } = cached.sluice()
    assert.equal(await hitsAmong(cached, 15), 15)
    assert.equal((await scrape(opsUrl)).sum(EVICTIONS), 0)
    assert.ok((await hitsAmong(cached, 40)) < 40)
    await untilMetrics(opsUrl, 'no more than fits', ({ sum }) => sum(BYTES) <= 2 * MIB)
    await untilMetrics(opsUrl, 'files of no more', () => sliceBytesIn(folder) <= 2 * MIB)
    assert.ok(sliceBytesIn(folder) > MIB)
  })
})

/** What the files of slices take, without the index beside them. */
function sliceBytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.includes('sqlite'))
    .map((name) => statSync(join(folder, name), { throwIfNoEntry: false }))
    .filter((stats) => stats?.isFile() === true)
    .reduce((sum, stats) => sum + (stats?.size ?? 0), 0)
}

describe('a layer that is named in cache_layers', () => {
  for (const [layer, other] of [
    ['memory', 'disk'],
    ['disk', 'memory'],
  ] as const) {
    test(`is not used where ${layer}.enabled is false`, async () => {
      const cache = { cache_layers: ['memory', 'disk'], [layer]: { enabled: false } }
      await using cached = await openCached({ cache })
      cached.put('b', 'k', 'x')
      await cached.ask('/b/k')
      const hit = await cached.ask('/b/k')
      assert.match(String(hit.headers['cache-status']), new RegExp(`; hit;.* detail=${other}$`))
      assert.deepEqual((await scrape(cached.sluice().opsUrl)).labels(ENTRIES), [{ tier: other }])
    })
  }
})

describe('how long', () => {
  for (const name of ['ttl_seconds', 'default_ttl_seconds']) {
    test(`memory.${name} is for buckets that say nothing, and for no others`, async () => {
      await using cached = await openCached({
        cache: { cache_layers: ['memory'], memory: { [name]: 300 } },
        buckets: {
          silent: {},
          seconds: { cache: { ttl_seconds: 1000 } },
          own: { cache: { ttl: '2000s' } },
        },
      })
      for (const [bucket, seconds] of [
        ['silent', 300],
        ['seconds', 1000],
        ['own', 2000],
      ] as const) {
        cached.put(bucket, bucket, 'x')
        const ttl = ttlOf(await cached.ask(`/${bucket}/${bucket}`))
        // Some of it is chance, so that what came together does not end together.
        assert.ok(ttl > 0.9 * seconds && ttl <= seconds, `${bucket}: ${ttl}`)
      }
    })
  }
})

describe('a bucket’s own', () => {
  test('max_item_size_mb keeps larger objects out', async () => {
    await using cached = await openCached({ buckets: { b: { cache: { max_item_size_mb: 1 } } } })
    for (const [key, size, result] of [
      ['fits', MIB, 'HIT'],
      ['larger', MIB + 1, 'MISS'],
    ] as const) {
      cached.put('b', key, { seed: key, size })
      await cached.ask(`/b/${key}`)
      assert.equal(xCacheOf(await cached.ask(`/b/${key}`)), result, key)
    }
  })

  test('tags.pattern names the tags by which objects can be purged', async () => {
    const cache = { tags: { pattern: '^([^/]+)/' } }
    const settings = { admin: { token: TOKEN } }
    await using cached = await openCached({ buckets: { b: { cache } }, settings })
    for (const key of ['red/1', 'blue/1']) {
      cached.put('b', key, 'x')
      await cached.ask(`/b/${key}`)
    }
    const body = JSON.stringify({ tag: 'red' })
    const { opsUrl } = cached.sluice()
    assert.equal((await callAt(opsUrl, 'POST', '/admin/cache/purge', { body })).status, 200)
    assert.equal(xCacheOf(await cached.ask('/b/red/1')), 'MISS')
    assert.equal(xCacheOf(await cached.ask('/b/blue/1')), 'HIT')
  })
})
