// What the `cache` section does: its layers, the cut of objects, and the bounds of what is fetched.

import assert from 'node:assert/strict'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { generateBytes } from '../../dev/s3-server.ts'
import { bytesAsked, bytesSent, openCached, xCacheOf } from '../support/cached.ts'
import type { Cached } from '../support/cached.ts'
import { until } from '../support/fleet.ts'
import { download, sha256 } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { scrape } from '../support/metrics.ts'

const KIB = 1024
const MIB = 1024 * KIB

function tierOf({ headers }: Answer): string | undefined {
  return /^sluice; hit;.* detail=(\w+)$/.exec(String(headers['cache-status']))?.[1]
}

function rangesOf(cached: Cached, key: string): (string | undefined)[] {
  return cached.asked(key).map(({ headers }) => headers['range'])
}

describe('cache.enabled', () => {
  test('false keeps nothing of any bucket, and asks S3 for what the client asks', async () => {
    await using cached = await openCached({ cache: { enabled: false } })
    cached.put('b', 'k', 'x')
    for (let i = 0; i < 2; i += 1) assert.equal(xCacheOf(await cached.ask('/b/k')), 'BYPASS')
    assert.deepEqual(rangesOf(cached, 'k'), [undefined, undefined])
  })
})

describe('the layers', () => {
  test('disk serves after a restart, without S3, and then memory does', async () => {
    await using cached = await openCached()
    cached.put('b', 'small', 'the body', { metadata: { colour: 'blue' } })
    cached.put('b', 'large', { seed: 'large', size: 3 * MIB })
    const before = await cached.ask('/b/small')
    await cached.ask('/b/large')
    await cached.restart()
    cached.s3.clearRequests()
    const after = await cached.ask('/b/small')
    assert.deepEqual([after.text, tierOf(after)], ['the body', 'disk'])
    assert.equal(after.headers['x-amz-meta-colour'], 'blue')
    assert.equal(after.headers['etag'], before.headers['etag'])
    assert.equal(after.headers['date'], before.headers['date'])
    assert.equal(tierOf(await cached.ask('/b/small')), 'memory')
    const large = await cached.ask('/b/large')
    assert.equal(sha256(large.body), sha256(generateBytes('large', 0, 3 * MIB)))
    assert.equal(xCacheOf(large), 'HIT')
    assert.equal(cached.s3.requests.length, 0)
  })

  test('memory alone forgets at a restart', async () => {
    await using cached = await openCached({ cache: { cache_layers: ['memory'] } })
    cached.put('b', 'k', 'x')
    await cached.ask('/b/k')
    assert.equal(tierOf(await cached.ask('/b/k')), 'memory')
    await cached.restart()
    assert.equal(xCacheOf(await cached.ask('/b/k')), 'MISS')
  })

  test('are asked in the order of cache_layers', async () => {
    await using cached = await openCached({ cache: { cache_layers: ['disk', 'memory'] } })
    cached.put('b', 'k', 'x')
    await cached.ask('/b/k')
    assert.equal(tierOf(await cached.ask('/b/k')), 'disk')
  })

  test('memory.max_item_size_mb keeps larger objects to the other layers', async () => {
    const memory = { max_item_size_mb: 1 }
    await using alone = await openCached({ cache: { cache_layers: ['memory'], memory } })
    alone.put('b', 'small', { seed: 'k', size: MIB })
    alone.put('b', 'large', { seed: 'k', size: MIB + 1 })
    for (const key of ['small', 'large']) await alone.ask(`/b/${key}`)
    assert.equal(xCacheOf(await alone.ask('/b/small')), 'HIT')
    assert.equal(xCacheOf(await alone.ask('/b/large')), 'MISS')
    await using both = await openCached({ cache: { memory } })
    both.put('b', 'large', { seed: 'k', size: MIB + 1 })
    await both.ask('/b/large')
    const hit = await both.ask('/b/large')
    assert.equal(xCacheOf(hit), 'HIT')
    assert.equal(sha256(hit.body), sha256(generateBytes('k', 0, MIB + 1)))
  })

  test('holes of what only the disk holds are fetched alone', async () => {
    const cache = { memory: { enabled: false }, slice_size: '64KiB' }
    await using cached = await openCached({ cache })
    const size = 320 * KIB
    cached.put('b', 'k', { seed: 'k', size })
    await cached.ask('/b/k', { headers: { Range: `bytes=${128 * KIB}-${128 * KIB + 5}` } })
    await cached.restart()
    cached.s3.clearRequests()
    const whole = await cached.ask('/b/k')
    assert.equal(sha256(whole.body), sha256(generateBytes('k', 0, size)))
    assert.deepEqual(rangesOf(cached, 'k'), ['bytes=0-131071', `bytes=196608-${size - 1}`])
  })

  test('a file on disk with the bytes of another is noticed, and fetched again', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-swapped-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const cache = { cache_layers: ['disk'], disk: { cache_dir: folder } }
    await using cached = await openCached({ cache })
    const keys = ['one', 'two']
    const size = 200 * KIB
    for (const key of keys) {
      cached.put('b', key, { seed: key, size })
      await until(async () => tierOf(await cached.ask(`/b/${key}`)) === 'disk', 'it is on disk')
    }
    const [first = '', second = '', ...others] = globSync(join(folder, '??/*'))
    assert.ok(second !== '' && others.length === 0, 'each has one file')
    const [one, two] = [readFileSync(first), readFileSync(second)]
    assert.equal(one.length, two.length)
    writeFileSync(first, two)
    writeFileSync(second, one)

    for (const key of keys) {
      cached.s3.clearRequests()
      const answer = await cached.ask(`/b/${key}`)
      assert.equal(answer.status, 200)
      assert.equal(sha256(answer.body), sha256(generateBytes(key, 0, size)), key)
      assert.equal(bytesSent(cached.asked(key)), size)
      await until(async () => tierOf(await cached.ask(`/b/${key}`)) === 'disk', 'it is back')
    }
    const errors = (await scrape(cached.sluice().opsUrl)).sum('sluice_cache_tier_errors_total')
    assert.equal(errors, keys.length)
  })
})

describe('the cut', () => {
  test('slice_size is the unit of fetching', async () => {
    await using cached = await openCached({ cache: { slice_size: '128KiB' } })
    cached.put('b', 'k', { seed: 'k', size: MIB })
    const answer = await cached.ask('/b/k', { headers: { Range: 'bytes=131071-131072' } })
    assert.deepEqual(answer.body, generateBytes('k', 131_071, 131_073))
    assert.deepEqual(rangesOf(cached, 'k'), ['bytes=0-262143'])
  })

  test('fetch_span is the most that one question asks for', async () => {
    const cache = { slice_size: '64KiB', fetch_span: '256KiB' }
    await using cached = await openCached({ cache })
    const size = MIB + 5
    cached.put('b', 'k', { seed: 'k', size })
    const whole = await cached.ask('/b/k')
    assert.equal(sha256(whole.body), sha256(generateBytes('k', 0, size)))
    const asked = cached.asked('k').map(bytesAsked)
    assert.equal(asked.length, 5)
    for (const bytes of asked) assert.ok(bytes !== undefined && bytes <= 256 * KIB, `${bytes}`)
    assert.equal(bytesSent(cached.asked('k')), size)
  })

  test('above fill_memory bytes pass by at the client’s pace, and are not kept', async () => {
    const memory = { max_item_size_mb: 100 }
    const cache = { slice_size: '512KiB', fill_memory: '1MiB', memory }
    const disk = { enabled: false }
    await using cached = await openCached({ cache: { ...cache, disk } })
    const size = 6 * MIB
    // More than sockets take in: its fill is under way for as long as its reader sleeps.
    const large = 64 * MIB
    cached.put('b', 'first', { seed: 'first', size: large })
    cached.put('b', 'second', { seed: 'second', size })
    const url = `${cached.sluice().url}/b/`
    const pause = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const first = download(`${url}first`, {
      onChunk: (_chunk, before) => {
        if (before === 0) begun.resolve()
        return pause.promise
      },
    })
    await begun.promise
    const second = await cached.ask('/b/second')
    assert.equal(sha256(second.body), sha256(generateBytes('second', 0, size)))
    assert.doesNotMatch(String(second.headers['cache-status']), /stored/)
    pause.resolve()
    assert.equal((await first).sha256, sha256(generateBytes('first', 0, large)))
    assert.equal(xCacheOf(await cached.ask('/b/first')), 'HIT')
    cached.s3.clearRequests()
    await cached.ask('/b/second')
    assert.ok(cached.asked('second').length > 0, 'it was not kept')
    await until(async () => xCacheOf(await cached.ask('/b/second')) === 'HIT', 'a hit')
  })
})
