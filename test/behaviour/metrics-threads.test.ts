// The metrics of several worker threads as one answer, whatever becomes of a thread.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { request } from '../support/http.ts'
import { INSPECTED, inspect } from '../support/inspector.ts'
import type { Inspector } from '../support/inspector.ts'
import { assertMoves, scrape, untilMetrics } from '../support/metrics.ts'
import type { Metrics } from '../support/metrics.ts'
import { eventually } from '../support/peer.ts'

const REQUESTS = 'sluice_http_requests_total'
const ENTRIES = 'sluice_cache_tier_entries'
const FILES = { bucket: 'files', method: 'GET', status: '200' }
const folder = mkdtempSync(join(tmpdir(), 'sluice-metrics-'))
let front: CachedFront
let inspector: Inspector

before(async () => {
  front = await openCachedFront(
    { server: { threads: 2 }, cache: { disk: { cache_dir: folder } } },
    { env: INSPECTED },
  )
  front.put('k', 'hello')
  inspector = await inspect(front.sluice)
  await eventually(() => inspector.workers().length === 2, 'two workers')
})
after(async () => {
  inspector?.[Symbol.dispose]()
  await front?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const COUNT = `
  globalThis.asked ??= 0
  globalThis.isCounting ??= !!process.getBuiltinModule('node:diagnostics_channel')
    .subscribe('net.server.socket', () => { globalThis.asked += 1 })`

/** Asks until both threads have answered some. Gives how many requests that took. */
async function askBoth(): Promise<number> {
  const workers = inspector.workers()
  for (const worker of workers) await inspector.evaluate(worker, COUNT)
  const asked = (): Promise<number[]> =>
    Promise.all(workers.map(async (one) => Number(await inspector.evaluate(one, 'asked'))))
  const first = await asked()
  for (let count = 1; count < 400; count += 1) {
    await request(`${front.url}/files/k`)
    if (count < 10) continue
    const now = await asked()
    if (now.every((sum, index) => sum > (first[index] ?? 0))) return count
  }
  throw new Error('only one thread answers')
}

test('the requests of both threads are one sum', async () => {
  const before = await scrape(front.opsUrl)
  const count = await askBoth()
  const now = await untilMetrics(
    front.opsUrl,
    'all',
    ({ sum }) => sum(REQUESTS, FILES) - before.sum(REQUESTS, FILES) >= count,
  )
  assert.equal(now.sum(REQUESTS, FILES) - before.sum(REQUESTS, FILES), count)
  const durations = 'sluice_http_request_duration_seconds'
  const whole = { bucket: 'files', le: '+Inf' }
  assert.equal(now.sum(`${durations}_bucket`, whole), now.sum(REQUESTS, { bucket: 'files' }))
  assert.equal(now.sum(`${durations}_count`, { bucket: 'files' }), now.sum(REQUESTS, FILES))
})

test('what the threads share in memory and on disk is there once', async () => {
  await askBoth()
  const { sum } = await untilMetrics(
    front.opsUrl,
    'it in both',
    (now) => now.sum(ENTRIES, { tier: 'memory' }) > 0 && now.sum(ENTRIES, { tier: 'disk' }) > 0,
  )
  assert.equal(sum(ENTRIES, { tier: 'memory' }), 2)
  assert.equal(sum(ENTRIES, { tier: 'disk' }), 2)
  assert.equal(sum('sluice_build_info'), 1)
  assert.equal(sum('sluice_replica_healthy', { bucket: 'files' }), 1)
  assert.equal(sum('sluice_circuit_breaker_state'), 0)
})

test('a purge in all threads is one purge', async () => {
  const act = async (): Promise<void> => {
    await front.purge({ bucket: 'files', key: 'k' })
    const headers = { authorization: 'Bearer Rk3v-9qLwPz7_tYd2XcB' }
    await request(`${front.url}/files/k`, { method: 'PURGE', headers })
  }
  await assertMoves(front.opsUrl, act, [
    ['sluice_cache_purges_total', { kind: 'key' }, 2],
    ['sluice_cache_purges_total', {}, 2],
  ])
})

test('a thread that hangs is answered for by what it said last, in bounded time', async () => {
  await askBoth()
  const before = await settled()
  const [victim = ''] = inspector.workers()
  await inspector.evaluate(
    victim,
    `setTimeout(() => { const end = Date.now() + 9000; while (Date.now() < end); }); 1`,
  )
  const startedAt = performance.now()
  const during = await scrape(front.opsUrl)
  const tookMs = performance.now() - startedAt
  assert.ok(tookMs < 8000, `it took ${tookMs} ms`)
  assert.ok(during.sum(REQUESTS, FILES) >= before.sum(REQUESTS, FILES))
  await inspector.evaluate(victim, '1')
})

test('what a thread had counted stays when it dies, and so does what is kept', async () => {
  await askBoth()
  const before = await settled()
  const [victim = ''] = inspector.workers()
  await inspector.evaluate(victim, `setTimeout(() => { throw new Error('died in a test') }); 1`)
  await front.sluice.logLine(({ event }) => event === 'worker-died')
  const after = await scrape(front.opsUrl)
  for (const name of [REQUESTS, 'sluice_origin_requests_total', 'sluice_cache_tier_hits_total']) {
    assert.equal(after.sum(name), before.sum(name), name)
  }
  const bytes = 'sluice_time_to_first_byte_seconds_count'
  assert.equal(after.sum(bytes), before.sum(bytes))
  assert.equal(after.sum(ENTRIES, { tier: 'memory' }), before.sum(ENTRIES, { tier: 'memory' }))
  await eventually(() => inspector.workers().length === 2, 'two workers again')
  const again = await scrape(front.opsUrl)
  assert.equal(again.sum(REQUESTS), before.sum(REQUESTS))
})

/** Two in a row that say the same. */
async function settled(): Promise<Metrics> {
  let last = -1
  return untilMetrics(front.opsUrl, 'rest', ({ sum }) => {
    const now = sum(REQUESTS)
    const isSame = now === last
    last = now
    return isSame
  })
}
