// With several threads there is one list of tasks, and what one of them has warmed all have.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { openCachedFront, TOKEN } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { INSPECTED, inspect } from '../support/inspector.ts'
import { begin, ended, objectsAsked, prewarm, taskOf } from '../support/prewarm.ts'
import { until } from '../support/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'prewarm-threads-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const KEYS = Array.from({ length: 12 }, (_, index) => `k/${index}`)

async function openThreads(cache: object, env?: Record<string, string>): Promise<CachedFront> {
  const settings = { server: { threads: 2 }, admin: { token: TOKEN }, cache }
  const front = await openCachedFront(settings, env === undefined ? {} : { env })
  for (const key of KEYS) front.put(key, `body of ${key}`)
  return front
}

/** What some connections, which go to either thread, are told. */
async function looks(front: CachedFront): Promise<string[]> {
  const results = new Set<string>()
  for (let round = 0; round < 4; round += 1) {
    for (const key of KEYS) results.add(await front.look(key))
  }
  return [...results]
}

const WARMING = { concurrency: 3, rate_limit: 100_000 }

test('where memory is all there is, an object is asked for once, and found by both threads', async () => {
  await using front = await openThreads({ cache_layers: ['memory'], warming: WARMING })
  const task = await prewarm(front, { bucket: 'files', prefix: 'k/' })
  const { found, done } = task.objects
  assert.deepEqual([task.status, found, done, task.bytes], ['completed', 12, 12, 12 * 11 + 2])
  assert.equal(objectsAsked(front).length, KEYS.length)
  assert.deepEqual(await looks(front), ['HIT'])
  assert.equal(objectsAsked(front).length, KEYS.length)
})

test('what the threads share is asked for once, and found by both', async () => {
  const disk = { cache_dir: join(folder, 'shared') }
  await using front = await openThreads({
    cache_layers: ['memory', 'disk'],
    disk,
    warming: WARMING,
  })
  const task = await prewarm(front, { bucket: 'files', prefix: 'k/' })
  assert.deepEqual([task.status, task.objects.done], ['completed', 12])
  assert.deepEqual(objectsAsked(front), KEYS.toSorted())
  // A head and a slice each.
  const { json } = await front.call('GET', '/admin/cache/stats')
  assert.equal((json['memory'] as { entries: number }).entries, 2 * KEYS.length)
  assert.deepEqual(await looks(front), ['HIT'])
  assert.equal(objectsAsked(front).length, KEYS.length)
})

test('a task is found and cancelled whichever thread works at it', async () => {
  await using front = await openThreads({ cache_layers: ['memory'], warming: WARMING })
  front.s3.fault({ kind: 'hang', match: { ranged: true } })
  const ids = await Promise.all(KEYS.map((key) => begin(front, { bucket: 'files', keys: [key] })))
  const open = async (): Promise<number> =>
    front.s3.requests.filter(({ state }) => state === 'open').length
  await until('the limit is reached', open, (count) => count === 3)
  for (const id of ids) assert.equal((await taskOf(front, id)).status, 'running')
  const ends = ids.map((id) => front.call('DELETE', `/admin/cache/prewarm/${id}`))
  for (const { status, json } of await Promise.all(ends)) {
    assert.deepEqual([status, json['status']], [200, 'cancelled'])
  }
  await until('all is let go', open, (count) => count === 0)
})

test('a thread that dies takes no task with it: the other one goes on', async () => {
  const disk = { cache_dir: join(folder, 'dying') }
  const cache = {
    cache_layers: ['memory', 'disk'],
    disk,
    warming: { concurrency: 2, rate_limit: 50 },
  }
  await using front = await openThreads(cache, INSPECTED)
  using inspector = await inspect(front.sluice)
  await until(
    'two threads',
    async () => inspector.workers().length,
    (count) => count === 2,
  )
  front.s3.fault({ kind: 'delay', delayMs: 200 })
  const id = await begin(front, { bucket: 'files', prefix: 'k/' })
  await until(
    'it is under way',
    () => taskOf(front, id),
    ({ objects }) => objects.done > 0,
  )
  const [victim = ''] = inspector.workers()
  await inspector.evaluate(victim, `setTimeout(() => { throw new Error('died in a test') }); 1`)
  await front.sluice.logLine((line) => line['event'] === 'worker-died')
  const { status, objects } = await ended(front, id)
  assert.deepEqual([status, objects.found, objects.failed], ['completed', 12, 0])
})
