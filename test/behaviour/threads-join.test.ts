// Several threads that miss the same object at once ask the origin once between them, for all their
// clients; and nobody waits for what another thread cannot bring.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'

import { generateBytes } from '../../dev/s3-server.ts'
import type { PutOptions } from '../../dev/s3-server.ts'
import { bytesSent, openCached } from '../support/cached.ts'
import type { Cached, CachedOptions } from '../support/cached.ts'
import { download, sha256 } from '../support/http.ts'
import type { Answer, Download, DownloadOptions } from '../support/http.ts'
import { INSPECTED, inspect } from '../support/inspector.ts'
import { until } from '../support/until.ts'

const KIB = 1024
const MIB = 1024 * KIB
/** So many connections that no thread is left out. */
const CLIENTS = 16
/** Longer than it takes that all of them have asked. */
const LONG_MS = 15_000
const COUNT = `
  globalThis.asked = 0
  process.getBuiltinModule('node:diagnostics_channel')
    .subscribe('net.server.socket', () => { globalThis.asked += 1 })`

let count = 0
let key = ''
beforeEach(() => {
  count += 1
  key = `k${count}`
})

function openThreads(threads: number, more: CachedOptions = {}): Promise<Cached> {
  return openCached({
    settings: { server: { threads } },
    cache: { cache_layers: ['memory', 'disk'] },
    ...more,
  })
}

function put(world: Cached, size: number, options: PutOptions = {}): string {
  world.put('b', key, { seed: key, size }, options)
  return sha256(generateBytes(key, 0, size))
}

function all(world: Cached): Promise<Answer[]> {
  return Promise.all(Array.from({ length: CLIENTS }, () => world.ask(`/b/${key}`)))
}

function downloads(world: Cached, options: DownloadOptions = {}): Promise<Download>[] {
  return Array.from({ length: CLIENTS }, () => oneDownload(world, options))
}

function oneDownload(world: Cached, options: DownloadOptions = {}): Promise<Download> {
  return download(`${world.sluice().url}/b/${key}`, options)
}

function askedAtLeast(world: Cached, times: number): Promise<unknown> {
  return until(
    'S3 is asked',
    async () => world.asked(key).length,
    (length) => length >= times,
  )
}

const KEPT = {
  'in memory': { cache_layers: ['memory'], memory: { max_item_size_mb: 100 } },
  'in memory and on disk': { cache_layers: ['memory', 'disk'] },
}

for (const [threads, where, cache] of [2, 4].flatMap((count) =>
  Object.entries(KEPT).map(([place, settings]) => [count, place, settings] as const),
)) {
  describe(`${threads} threads that miss the same object at once, which is kept ${where},`, () => {
    let world: Cached
    before(async () => {
      world = await openThreads(threads, { cache })
    })
    after(() => world[Symbol.asyncDispose]())
    afterEach(() => world.s3.clearFaults())

    for (const size of [64 * MIB, 100]) {
      test(`fetch each of ${size} bytes once between them`, async () => {
        const expected = put(world, size)
        world.s3.fault({ kind: 'delay', delayMs: 300, match: { key }, times: 1 })
        const answers = await Promise.all(downloads(world))
        assert.deepEqual(new Set(answers.map((one) => one.sha256)), new Set([expected]))
        assert.equal(bytesSent(world.asked(key)), size)
      })
    }

    test('ask once whether there is an object, and once for its head', async () => {
      put(world, 100)
      const heads = Array.from({ length: CLIENTS }, () =>
        world.ask(`/b/${key}`, { method: 'HEAD' }),
      )
      for (const { status } of await Promise.all(heads)) assert.equal(status, 200)
      assert.equal(world.asked(key).length, 1)
    })

    test('renew what is stale once', async () => {
      put(world, 100, { cacheControl: 'max-age=1, stale-while-revalidate=60' })
      await all(world)
      put(world, 100, { cacheControl: 'max-age=600' })
      await until(
        'it is stale, and has been renewed',
        async () => (await all(world)).length > 0 && world.asked(key).length,
        (asked) => asked === 2,
      )
      await all(world)
      assert.equal(world.asked(key).length, 2)
    })

    test('do not wait for each other where nothing may be kept', async () => {
      put(world, 100, { cacheControl: 'no-store' })
      // Until there is no thread that has not been told.
      for (let round = 0; round < 4; round += 1) await all(world)
      world.s3.clearRequests()
      world.s3.fault({ kind: 'delay', delayMs: LONG_MS, match: { key } })
      const leaving = new AbortController()
      const left = Promise.allSettled(downloads(world, { signal: leaving.signal }))
      await askedAtLeast(world, CLIENTS)
      assert.ok(world.asked(key).every(({ status }) => status === 0))
      leaving.abort()
      await left
    })

    test('are not held up by a client of one of them that is slow', async () => {
      const size = 16 * MIB
      const expected = put(world, size)
      const gate = Promise.withResolvers<void>()
      const slow = oneDownload(world, {
        onChunk: (_chunk, before) => (before > MIB ? gate.promise : undefined),
      })
      await askedAtLeast(world, 1)
      const answers = await Promise.all(downloads(world))
      assert.deepEqual(new Set(answers.map((one) => one.sha256)), new Set([expected]))
      assert.equal(bytesSent(world.asked(key)), size)
      gate.resolve()
      await slow
    })
  })
}

test('what is too large to be kept is not waited for', async () => {
  await using world = await openThreads(2, {
    cache: { cache_layers: ['memory'], memory: { max_item_size_mb: 1 } },
  })
  const expected = put(world, 2 * MIB)
  // The head is kept, and found.
  await all(world)
  const leaving = new AbortController()
  const { signal } = leaving
  world.s3.fault({ kind: 'stall', afterBytes: MIB, match: { key }, times: 1 })
  world.s3.clearRequests()
  const stalled = oneDownload(world, { signal })
  await askedAtLeast(world, 1)
  let whole = 0
  const others = downloads(world, { signal }).map((one) =>
    one.then(({ sha256: got }) => (whole += got === expected ? 1 : 0)),
  )
  await until(
    'clients of the other thread have it all',
    async () => whole,
    (clients) => clients > 0,
  )
  leaving.abort()
  await Promise.allSettled([stalled, ...others])
})

test('what the thread that fetches it dies with is fetched by another, for all who wait', async () => {
  await using world = await openThreads(4, { env: INSPECTED })
  using inspector = await inspect(world.sluice())
  await until(
    'the workers are there',
    async () => inspector.workers().length,
    (workers) => workers === 4,
  )
  const workers = inspector.workers()
  for (const worker of workers) await inspector.evaluate(worker, COUNT)
  const expected = put(world, 16 * MIB)
  world.s3.fault({ kind: 'stall', afterBytes: 5 * MIB, match: { key }, times: 1 })
  const first = oneDownload(world)
  await askedAtLeast(world, 1)
  const asked = await Promise.all(
    workers.map((worker) => inspector.evaluate(worker, 'globalThis.asked')),
  )
  const holder = workers[asked.indexOf(1)] ?? ''
  const arrived: number[] = []
  const followers = downloads(world, {
    onChunk: (chunk, before) => void arrived.push(before + chunk.length),
  })
  await until(
    'others have what it has brought',
    async () => arrived.filter((bytes) => bytes >= 4 * MIB).length,
    (reached) => reached >= CLIENTS / 4,
  )
  await inspector.evaluate(holder, `setTimeout(() => { throw new Error('died in a test') }); 1`)
  // Of those who asked the thread that died, some may not have had the first byte.
  const answers = (await Promise.allSettled(followers)).flatMap((one) =>
    one.status === 'fulfilled' ? [one.value] : [],
  )
  const whole = answers.filter(({ aborted }) => !aborted)
  assert.ok(whole.length > 0 && whole.length < CLIENTS, `${whole.length} of ${CLIENTS} went on`)
  assert.deepEqual(new Set(whole.map((one) => one.sha256)), new Set([expected]))
  // One of those who waited went on for all of them.
  assert.ok(bytesSent(world.asked(key)) <= 2 * 16 * MIB)
  assert.equal((await world.ask(`/b/${key}`)).body.length, 16 * MIB)
  await first
})
