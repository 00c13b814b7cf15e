// What fetching ahead may ask of an origin, and how it ends before its end.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { openCachedFront, TOKEN } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import type { LoggedRequest } from '../../dev/s3-server.ts'
import { begin, ended, listings, objectsAsked, prewarm, taskOf } from '../support/prewarm.ts'
import { until } from '../support/until.ts'

function openWarming(warming: object): Promise<CachedFront> {
  return openCachedFront({ cache: { cache_layers: ['memory'], warming } })
}

/** Objects at the origin that nobody gets to the end of. */
function putHeld(front: CachedFront, count: number): string[] {
  const keys = Array.from({ length: count }, (_, index) => `held/${index}`)
  for (const key of keys) front.put(key, 'body')
  front.s3.fault({ kind: 'hang', match: { ranged: true } })
  return keys
}

function inState(front: CachedFront, state: LoggedRequest['state']): number {
  return front.s3.requests.filter((one) => one.key !== '' && one.state === state).length
}

function atOrigin(
  front: CachedFront,
  state: LoggedRequest['state'],
  count: number,
): Promise<number> {
  return until(
    `${count} are ${state}`,
    async () => inState(front, state),
    (now) => now === count,
  )
}

test('concurrency is how many objects the origin is asked for at once, by all tasks', async () => {
  await using front = await openWarming({ concurrency: 3, rate_limit: 100_000 })
  const keys = putHeld(front, 8)
  const one = await begin(front, { bucket: 'files', keys: keys.slice(0, 4) })
  const other = await begin(front, { bucket: 'files', keys: keys.slice(4) })
  await atOrigin(front, 'open', 3)
  for (let look = 0; look < 20; look += 1) {
    await taskOf(front, one)
    assert.equal(inState(front, 'open'), 3)
  }
  // What one task gives up, the other may use.
  await front.call('DELETE', `/admin/cache/prewarm/${one}`)
  await until(
    'others begin',
    async () => objectsAsked(front).length,
    (asked) => asked > 3,
  )
  await front.call('DELETE', `/admin/cache/prewarm/${other}`)
})

test('as many are asked for at once as concurrency says', async () => {
  await using front = await openWarming({ concurrency: 25, rate_limit: 100_000 })
  await begin(front, { bucket: 'files', keys: putHeld(front, 30) })
  await atOrigin(front, 'open', 25)
})

test('rate_limit is how many objects are begun in a second, by all tasks', async () => {
  await using front = await openWarming({ concurrency: 100, rate_limit: 20 })
  const keys = Array.from({ length: 16 }, (_, index) => `k${index}`)
  for (const key of keys) front.put(key, 'body')
  const startedAt = performance.now()
  const tasks = await Promise.all([
    prewarm(front, { bucket: 'files', keys: keys.slice(0, 8) }),
    prewarm(front, { bucket: 'files', keys: keys.slice(8) }),
  ])
  // Fifteen intervals of 50 ms lie between the first and the last.
  assert.ok(performance.now() - startedAt > 700)
  assert.deepEqual(
    tasks.map(({ objects }) => objects.done),
    [8, 8],
  )
})

test('a rate may be below one a second', async () => {
  await using front = await openWarming({ rate_limit: 0.1 })
  for (const key of ['a', 'b']) front.put(key, 'body')
  const id = await begin(front, { bucket: 'files', keys: ['a', 'b'] })
  await until(
    'the first is done',
    () => taskOf(front, id),
    ({ objects }) => objects.done === 1,
  )
  const cancelled = await front.call('DELETE', `/admin/cache/prewarm/${id}`)
  assert.equal(cancelled.json['status'], 'cancelled')
  assert.deepEqual(objectsAsked(front), ['a'])
})

test('a task that is cancelled lets go of its requests at the origin, and begins no more', async () => {
  await using front = await openWarming({ concurrency: 4, rate_limit: 100_000 })
  front.put('first', 'body')
  const held = putHeld(front, 10)
  front.s3.clearFaults()
  front.s3.fault({ kind: 'hang', match: { ranged: true }, skip: 1 })
  const id = await begin(front, { bucket: 'files', keys: ['first', ...held] })
  await atOrigin(front, 'open', 4)
  const { status, json } = await front.call('DELETE', `/admin/cache/prewarm/${id}`)
  assert.deepEqual([status, json['status']], [200, 'cancelled'])
  await atOrigin(front, 'aborted', 4)
  const task = await taskOf(front, id)
  assert.deepEqual([task.status, task.objects.done, task.bytes], ['cancelled', 1, 4])
  assert.equal(objectsAsked(front).length, 5)
  assert.equal(typeof task.ended_at, 'string')
  // To cancel again changes nothing.
  const again = await front.call('DELETE', `/admin/cache/prewarm/${id}`)
  assert.deepEqual([again.status, again.json], [200, json])
  const unknown = await front.call('DELETE', '/admin/cache/prewarm/unknown')
  assert.equal(unknown.status, 404)
})

test('a body that is on its way is let go with its task', async () => {
  await using front = await openWarming({})
  front.put('slow', { size: 5_000_000, seed: 'slow' })
  front.s3.fault({ kind: 'stall', afterBytes: 2_000_000, match: { key: 'slow' } })
  const id = await begin(front, { bucket: 'files', keys: ['slow'] })
  await until(
    'the body stalls',
    async () => front.s3.requests.find(({ key }) => key === 'slow')?.bytesSent ?? 0,
    (sent) => sent >= 2_000_000,
  )
  await front.call('DELETE', `/admin/cache/prewarm/${id}`)
  await atOrigin(front, 'aborted', 1)
})

test('a listing that is waited for is let go with its task', async () => {
  await using front = await openWarming({})
  front.s3.fault({ kind: 'hang', match: { key: '', method: 'GET' } })
  const id = await begin(front, { bucket: 'files' })
  await until(
    'it is listed',
    async () => listings(front).length,
    (count) => count === 1,
  )
  const { json } = await front.call('DELETE', `/admin/cache/prewarm/${id}`)
  assert.equal(json['status'], 'cancelled')
  await until(
    'the listing is let go',
    async () => front.s3.requests.filter(({ method }) => method === 'GET').map((one) => one.state),
    (states) => states.join() === 'aborted',
  )
})

test('a client who waits for the same object has it, though the task is cancelled', async () => {
  await using front = await openWarming({})
  front.put('shared', 'body')
  front.s3.fault({ kind: 'delay', delayMs: 1500, match: { key: 'shared' } })
  const id = await begin(front, { bucket: 'files', keys: ['shared'] })
  await atOrigin(front, 'open', 1)
  const client = front.look('shared')
  // Answered after the client's request has come in.
  for (let count = 0; count < 3; count += 1) await front.look('nothing')
  await front.call('DELETE', `/admin/cache/prewarm/${id}`)
  assert.equal(await client, 'MISS')
  assert.equal(front.s3.requests.filter(({ key }) => key === 'shared').length, 1)
})

test('the end of the program cancels its tasks, and takes no more of them', async () => {
  await using front = await openCachedFront({
    cache: { cache_layers: ['memory'] },
    admin: { token: TOKEN },
    server: { shutdown: { lame_duck: '20s' } },
  })
  const id = await begin(front, { bucket: 'files', keys: putHeld(front, 1) })
  await atOrigin(front, 'open', 1)
  front.sluice.kill('SIGTERM')
  const task = await ended(front, id)
  assert.equal(task.status, 'cancelled')
  await atOrigin(front, 'aborted', 1)
  const order = JSON.stringify({ bucket: 'files' })
  const late = await front.call('POST', '/admin/cache/prewarm', { body: order })
  assert.deepEqual([late.status, late.json['error']], [503, 'draining'])
  front.sluice.kill('SIGTERM')
  assert.equal((await front.sluice.exited).code, 0)
})

test('no more objects are begun at once than fill_memory has room for', async () => {
  const warming = { concurrency: 10, rate_limit: 100_000 }
  await using front = await openCachedFront({
    admin: { token: TOKEN },
    cache: { cache_layers: ['memory'], fill_memory: '4MiB', warming },
  })
  const keys = Array.from({ length: 10 }, (_, index) => `large/${index}`)
  for (const key of keys) front.put(key, { size: 3_000_000, seed: key })
  const { objects } = await prewarm(front, { bucket: 'files', prefix: 'large/' })
  assert.deepEqual([objects.done, objects.unstored], [10, 0])
})

test('nothing is fetched faster than a layer can keep it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prewarm-disk-'))
  const size = 200 * 1024 * 1024
  try {
    await using front = await openCachedFront({
      admin: { token: TOKEN },
      cache: { cache_layers: ['disk'], disk: { cache_dir: folder } },
    })
    front.put('large', { size, seed: 'large' })
    const task = await prewarm(front, { bucket: 'files', keys: ['large'] })
    assert.deepEqual([task.status, task.bytes], ['completed', size])
    const { json } = await front.call('GET', '/admin/cache/info?bucket=files&key=large')
    assert.deepEqual(json['slices'], { size: 1024 * 1024, total: 200, held: { disk: 200 } })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
