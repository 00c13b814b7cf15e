// A listing survives the loss of a replica as an object does: what one of them told is not told again by
// the next, and nothing is passed over.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'

import { callAt, TOKEN } from '../support/cached-front.ts'
import { BUCKET, openFleet } from '../support/fleet.ts'
import type { Fleet } from '../support/fleet.ts'
import { prewarm } from '../support/prewarm.ts'
import type { Task } from '../support/prewarm.ts'
import { openSluice } from '../support/sluice.ts'
import type { Sluice } from '../support/sluice.ts'

const MANY = 1500
let fleet: Fleet
let sluice: Sluice

before(async () => {
  fleet = await openFleet(2)
  for (let index = 0; index < MANY; index += 1) fleet.put(keyOf(index), 'x')
  const warming = { concurrency: 20, rate_limit: 100_000 }
  sluice = await openSluice({
    cache: { cache_layers: ['memory'], warming },
    admin: { token: TOKEN },
    buckets: [
      fleet.bucket(
        { circuit_breaker: { failure_threshold: 1000 }, retry: { max_attempts: 2 } },
        (index) => (index === 0 ? { priority: 1 } : { priority: 2 }),
      ),
    ],
  })
})
after(async () => {
  await sluice.close()
  await fleet[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await callAt(sluice.opsUrl, 'POST', '/admin/cache/purge', { body: '{"all":true}' })
  fleet.clear()
})

/** Their order by bytes is not that of JavaScript's texts. */
function keyOf(index: number): string {
  return index % 2 === 0 ? `many/\uFF5E${index}` : `many/😀${index}`
}

function warm(order: object): Promise<Task> {
  const call = (method: string, path: string, options?: object) =>
    callAt(sluice.opsUrl, method, path, options)
  return prewarm({ call }, { bucket: BUCKET, ...order })
}

function listingsAt(index: number): (string | undefined)[] {
  return fleet
    .server(index)
    .requests.filter(({ query }) => query.some(([name]) => name === 'list-type'))
    .map(({ query }) => Object.fromEntries(query)['start-after'])
}

test('a page that a replica fails to give is had from the next', async () => {
  fleet.fault({ kind: 'status', status: 503, match: { key: '', method: 'GET' } }, [0])
  const { status, objects } = await warm({ prefix: 'many/' })
  assert.deepEqual([status, objects.found, objects.done], ['completed', MANY, MANY])
  assert.deepEqual([listingsAt(0).length, listingsAt(1).length], [2, 2])
})

test('where the first replica fails half way, the next goes on behind the last key', async () => {
  fleet.fault({ kind: 'status', status: 503, skip: 1, match: { key: '', method: 'GET' } }, [0])
  const { status, objects } = await warm({ prefix: 'many/' })
  assert.deepEqual([status, objects.found, objects.done], ['completed', MANY, MANY])
  const keys = Array.from({ length: MANY }, (_, index) => keyOf(index))
  const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  assert.deepEqual(listingsAt(1), [sorted[999]])
})

test('a listing that is no listing is not believed', async () => {
  const headers = { 'Content-Type': 'application/xml', 'Content-Length': '3' }
  fleet.fault({ kind: 'garbage', match: { key: '', method: 'GET' } }, [0])
  fleet.fault({ kind: 'headers', headers, match: { key: '', method: 'GET' } }, [1])
  const { status, reason, objects } = await warm({ prefix: 'many/' })
  assert.deepEqual([status, objects.found], ['failed', 0])
  assert.equal(reason, 'origin_failed')
})
