// One memory for all threads: what one has fetched, all have, whatever becomes of that one.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { request } from '../support/http.ts'
import { INSPECTED, inspect } from '../support/inspector.ts'
import type { Inspector } from '../support/inspector.ts'
import { eventually } from '../support/peer.ts'
import { until } from '../support/until.ts'

const KEYS = Array.from({ length: 30 }, (_, index) => `k${index}`)
const COUNT = `
  globalThis.asked ??= 0
  globalThis.isCounting ??= !!process.getBuiltinModule('node:diagnostics_channel')
    .subscribe('net.server.socket', () => { globalThis.asked += 1 })`

async function openThreads(): Promise<CachedFront> {
  const front = await openCachedFront({ server: { threads: 2 }, cache: {} }, { env: INSPECTED })
  for (const key of KEYS) front.put(key, `body of ${key}`)
  return front
}

async function inspectBoth(front: CachedFront): Promise<Inspector> {
  const inspector = await inspect(front.sluice)
  await eventually(() => inspector.workers().length === 2, 'two workers')
  for (const worker of inspector.workers()) await inspector.evaluate(worker, COUNT)
  return inspector
}

async function lookAtAll(front: CachedFront): Promise<string[]> {
  return Promise.all(KEYS.map((key) => front.look(key)))
}

async function memoryOf(front: CachedFront): Promise<unknown> {
  const { json } = await front.call('GET', '/admin/cache/stats')
  const { entries, bytes } = json['memory'] as Record<string, unknown>
  return { entries, bytes }
}

/** A thread ends in the middle of whatever it does, and another takes its place. */
async function killAndReplace(
  front: CachedFront,
  inspector: Inspector,
  deaths: number,
): Promise<void> {
  const before = inspector.workers()
  const [victim = ''] = before
  await inspector.evaluate(victim, `setTimeout(() => { throw new Error('died in a test') }); 1`)
  await front.sluice.logLine((line) => line['event'] === 'worker-died' && line['deaths'] === deaths)
  await eventually(() => {
    const workers = inspector.workers()
    return workers.length === 2 && !workers.includes(victim)
  }, 'another in its place')
  const born = inspector.workers().filter((worker) => !before.includes(worker))
  for (const worker of born) {
    await inspector.evaluate(worker, COUNT)
    await until(
      'it answers',
      async () => {
        await request(`${front.url}/files/none`)
        return Number(await inspector.evaluate(worker, 'asked'))
      },
      (asked) => asked > 0,
    )
  }
}

test('an object that one thread has fetched is a hit on the other', async () => {
  await using front = await openThreads()
  using inspector = await inspectBoth(front)
  const first = await lookAtAll(front)
  assert.ok(first.every((result) => result === 'MISS'))
  for (let round = 0; round < 3; round += 1) {
    const results = await lookAtAll(front)
    assert.deepEqual([...new Set(results)], ['HIT'])
  }
  for (const worker of inspector.workers()) {
    assert.ok(
      Number(await inspector.evaluate(worker, 'asked')) > 0,
      'each thread has answered some',
    )
  }
})

test('what is kept outlives the thread that fetched it, and all of them one after the other', async () => {
  await using front = await openThreads()
  using inspector = await inspectBoth(front)
  await lookAtAll(front)
  // That there is none, is kept too.
  await request(`${front.url}/files/none`)
  const before = await memoryOf(front)
  for (const deaths of [1, 2]) {
    await killAndReplace(front, inspector, deaths)
    assert.deepEqual([...new Set(await lookAtAll(front))], ['HIT'])
    assert.deepEqual(await memoryOf(front), before)
  }
})

test('a purge is in force in a thread that begins after it', async () => {
  await using front = await openThreads()
  using inspector = await inspectBoth(front)
  await lookAtAll(front)
  const { status } = await front.purge({ bucket: 'files', prefix: 'k', soft: true })
  assert.equal(status, 200)
  // What is purged softly is kept, so that only the bans say that it is stale.
  for (const deaths of [1, 2]) await killAndReplace(front, inspector, deaths)
  const results = await lookAtAll(front)
  assert.ok(!results.includes('HIT'), results.join())
})
