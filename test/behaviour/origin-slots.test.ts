// How many requests S3 gets at one time: who comes then waits in a line, first come first served.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { explainAt, stepOf } from '../support/explained.ts'
import { openFleet } from '../support/fleet.ts'
import { request } from '../support/http.ts'
import { INSPECTED, inspect } from '../support/inspector.ts'
import { BIG_BYTES, occupy } from '../support/occupant.ts'
import { connect, eventually, soon } from '../support/peer.ts'
import { begin, prewarm } from '../support/prewarm.ts'
import { openSluice, runSluice } from '../support/sluice.ts'
import type { ConfigObject } from '../support/sluice.ts'
import { until } from '../support/until.ts'

interface Settings {
  readonly s3: ConfigObject
  readonly server?: ConfigObject
  readonly cache?: ConfigObject
}

async function open({ s3, server = {}, cache }: Settings): Promise<CachedFront> {
  const health_check = { enabled: false }
  const front = await openCachedFront(
    { server, cache: cache ?? { enabled: false } },
    { s3: { health_check, ...s3 }, env: INSPECTED },
  )
  for (let index = 0; index < 20; index += 1) front.put(`k${index}`, `body ${index}`)
  front.put('big', { size: BIG_BYTES, seed: 'big' })
  return front
}

/** Of objects, at the origin. */
function underWay(front: CachedFront): number {
  return front.s3.requests.filter(({ state }) => state === 'open').length
}

async function usage(front: CachedFront): Promise<{ in_use: number; waiting: number }> {
  const explained = await explainAt(front, { path: '/files/nothing-yet' })
  const { requests } = stepOf(explained, 'origin')
  return Object(requests)
}

async function untilUsage(front: CachedFront, inUse: number, waiting: number): Promise<void> {
  await until(
    `${inUse} are asked and ${waiting} wait`,
    () => usage(front),
    (now) => now.in_use === inUse && now.waiting === waiting,
  )
}

test('S3 gets no more requests at one time, and who waits is served in turn', async () => {
  const queue = { timeout: '20s' }
  await using front = await open({ s3: { max_concurrent_requests: 2, queue } })
  // The first two are slow enough that all the others stand in line behind them.
  front.s3.fault({ kind: 'delay', delayMs: 4000, times: 2 })
  front.s3.fault({ kind: 'delay', delayMs: 50 })
  const order: string[] = []
  const asked: Promise<unknown>[] = []
  for (let index = 0; index < 10; index += 1) {
    const answer = request(`${front.url}/files/k${index}`)
    asked.push(answer.then(({ status, text }) => order.push(`${status} ${text}`)))
    // So that there is an order to keep.
    await untilUsage(front, Math.min(2, index + 1), Math.max(0, index - 1))
    assert.ok(underWay(front) <= 2)
  }
  await Promise.all(asked)
  assert.deepEqual(
    front.s3.requests.map(({ key }) => key),
    Array.from({ length: 10 }, (_, index) => `k${index}`),
  )
  assert.equal(order.length, 10)
  assert.ok(order.every((answer) => answer.startsWith('200 body')))
  await untilUsage(front, 0, 0)
})

test('a place is held until the body has ended; who waits too long is told to come again', async () => {
  const s3 = { max_concurrent_requests: 1, queue: { size: 5, timeout: '300ms' } }
  await using front = await open({ s3 })
  const held = await occupy(front.port, '/files/big')
  const startedAt = performance.now()
  const refused = await request(`${front.url}/files/k1`)
  const waitedMs = performance.now() - startedAt
  // Before the budget of the first byte is used up, too.
  assert.ok(waitedMs > 250 && waitedMs < 15_000, `it waited ${waitedMs} ms`)
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1'])
  assert.equal(JSON.parse(refused.text).error, 'too_busy')
  assert.deepEqual(await usage(front), { in_use: 1, limit: 1, waiting: 0 })
  held.destroy()
  assert.equal((await request(`${front.url}/files/k1`)).text, 'body 1')
})

test('a line that is full takes nobody more, and is left by who leaves', async () => {
  const s3 = { max_concurrent_requests: 1, queue: { size: 2, timeout: '60s' } }
  await using front = await open({ s3 })
  const held = await occupy(front.port, '/files/big')
  const waiting = []
  for (const index of [1, 2]) {
    const peer = await connect(front.port)
    peer.send(`GET /files/k${index} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await untilUsage(front, 1, index)
    waiting.push(peer)
  }
  const refused = await request(`${front.url}/files/k3`)
  assert.deepEqual([refused.status, JSON.parse(refused.text).error], [503, 'too_busy'])
  waiting[0]?.destroy()
  await untilUsage(front, 1, 1)
  held.destroy()
  await waiting[1]?.until(/body 2$/)
  assert.ok(front.s3.requests.every(({ key }) => key !== 'k1'))
  waiting[1]?.destroy()
})

test('queue.size 0 lets nobody wait', async () => {
  await using front = await open({ s3: { max_concurrent_requests: 1, queue: { size: 0 } } })
  const held = await occupy(front.port, '/files/big')
  assert.equal((await request(`${front.url}/files/k1`)).status, 503)
  held.destroy()
})

test('what the cache has is served, and what is stale too, when nobody more may be asked', async () => {
  const s3 = { max_concurrent_requests: 1, queue: { size: 0 } }
  await using front = await open({ s3, cache: { cache_layers: ['memory'], slice_size: '64KB' } })
  front.put('fresh', 'body', { cacheControl: 'max-age=600' })
  front.put('stale', 'body', { cacheControl: 'max-age=0, stale-if-error=600' })
  for (const key of ['fresh', 'stale']) await request(`${front.url}/files/${key}`)
  const held = await occupy(front.port, '/files/big')
  assert.equal(await front.look('fresh'), 'HIT')
  assert.equal(await front.look('stale'), 'STALE')
  assert.equal((await request(`${front.url}/files/k1`)).status, 503)
  held.destroy()
})

test('without the setting S3 gets as many as come', async () => {
  await using front = await open({ s3: {} })
  front.s3.fault({ kind: 'hang' })
  const peers = await Promise.all(Array.from({ length: 20 }, () => connect(front.port)))
  for (const [index, peer] of peers.entries()) {
    peer.send(`GET /files/k${index} HTTP/1.1\r\nHost: x\r\n\r\n`)
  }
  await eventually(() => underWay(front) === 20, 'all of them at the origin')
  for (const peer of peers) peer.destroy()
})

test('prewarming waits in the line as everybody does', async () => {
  const cache = { cache_layers: ['memory'], warming: { concurrency: 10, rate_limit: 10_000 } }
  await using front = await open({ s3: { max_concurrent_requests: 2 }, cache })
  front.s3.fault({ kind: 'hang', match: { ranged: true } })
  const keys = Array.from({ length: 10 }, (_, index) => `k${index}`)
  const task = await begin(front, { bucket: 'files', keys })
  await untilUsage(front, 2, 8)
  assert.equal(underWay(front), 2)
  await front.call('DELETE', `/admin/cache/prewarm/${task}`)
  await untilUsage(front, 0, 0)
  front.s3.clearFaults()
  assert.equal((await prewarm(front, { bucket: 'files', keys })).objects.done, 10)
})

test('a second try counts, and nobody waits for a place to ask twice', async (t) => {
  const fleet = await openFleet(2)
  t.after(() => fleet[Symbol.asyncDispose]())
  fleet.put('k', 'body')
  fleet.put('other', 'body')
  fleet.fault({ kind: 'delay', delayMs: 400 }, [0])
  const hedge = { after: '20ms', budget_percent: 100 }
  const bucketWith = (most: number): object =>
    fleet.bucket({ hedge, max_concurrent_requests: most })

  const narrow = await openSluice({ buckets: [bucketWith(1)] })
  t.after(() => narrow.close())
  assert.equal((await request(`${narrow.url}/objects/k`)).text, 'body')
  assert.deepEqual(fleet.counts(), [1, 0])

  const wide = await openSluice({ buckets: [bucketWith(2)] })
  t.after(() => wide.close())
  assert.equal((await request(`${wide.url}/objects/k`)).text, 'body')
  assert.deepEqual(fleet.counts(), [2, 1])
})

test('a replica that failed has given its place back before the next is asked', async (t) => {
  const fleet = await openFleet(2)
  t.after(() => fleet[Symbol.asyncDispose]())
  const bytes = Buffer.alloc(300_000, 'x')
  fleet.put('k', bytes)
  fleet.fault({ kind: 'cut', afterBytes: 100_000 }, [0])
  const sluice = await openSluice({
    buckets: [fleet.bucket({ max_concurrent_requests: 1, queue: { size: 0 } })],
  })
  t.after(() => sluice.close())
  for (let count = 0; count < 4; count += 1) {
    const { status, body } = await request(`${sluice.url}/objects/k`)
    assert.equal(status, 200)
    assert.ok(body.equals(bytes))
  }
})

test('the limit is one for all threads, and a place that is free goes to whoever waits', async () => {
  const s3 = { max_concurrent_requests: 2, queue: { size: 100, timeout: '60s' } }
  await using front = await open({ s3, server: { threads: 2 } })
  using inspector = await inspect(front.sluice)
  await eventually(() => inspector.workers().length === 2, 'two workers')
  const held = [await occupy(front.port, '/files/big'), await occupy(front.port, '/files/big')]
  const asked = Array.from({ length: 16 }, (_, index) => request(`${front.url}/files/k${index}`))
  await untilUsage(front, 2, 16)
  assert.equal(underWay(front), 2)
  // One place is enough for all of them, in both threads.
  held[0]?.destroy()
  const answers = await soon(Promise.all(asked), 'all of them answered')
  assert.ok(answers.every(({ status }) => status === 200))
  // What a thread held that died is free for those who wait in the other.
  const more = request(`${front.url}/files/k1`)
  assert.equal((await soon(more, 'an answer')).status, 200)
  const die = `setTimeout(() => { throw new Error('died in a test') }); 1`
  for (const victim of inspector.workers()) await inspector.evaluate(victim, die)
  await until(
    'others are in their place',
    () => front.call('GET', '/admin/explain?path=/files/a'),
    ({ status }) => status === 200,
  )
  await untilUsage(front, 0, 0)
  held[1]?.destroy()
})

test('mistakes stop the start, each with its place', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-origin-slots-'))
  const file = join(folder, 'config.yaml')
  const told = async (s3: object): Promise<string> => {
    const buckets = [{ name: 'a', path_prefix: '/a', s3: { bucket: 'b', ...s3 } }]
    writeFileSync(file, JSON.stringify({ buckets }))
    const { stdout, stderr } = await runSluice(['check', '--config', file])
    return stdout + stderr
  }
  assert.match(
    await told({ queue: { size: 5 } }),
    /s3\.queue: means nothing without max_concurrent/,
  )
  assert.match(
    await told({ max_concurrent_requests: 5, queue: { sise: 5, timeout: '2h' } }),
    /s3\.queue\.timeout: wanted a duration[^]*s3\.queue\.sise: unknown setting \(did you mean size/,
  )
  assert.match(await told({ max_concurrent_requests: 0 }), /wanted a whole number from 1/)
  rmSync(folder, { recursive: true })
})
