// How often the origin is asked for one request, how long between, and what bounds it all.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { BUCKET, openFleet } from '../support/fleet.ts'
import type { Fleet, Settings } from '../support/fleet.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'

interface World extends AsyncDisposable {
  readonly fleet: Fleet
  get(): Promise<Answer>
}

/** Breakers stay out of this. */
async function open(replicas: number, s3: Settings): Promise<World> {
  const fleet = await openFleet(replicas)
  fleet.put('k', 'hello')
  const bucket = fleet.bucket({ circuit_breaker: { failure_threshold: 1000 }, ...s3 })
  const sluice = await openSluice({ buckets: [bucket] })
  return {
    fleet,
    get: () => request(`${sluice.url}/${BUCKET}/k`),
    [Symbol.asyncDispose]: async () => {
      await sluice.close()
      await fleet[Symbol.asyncDispose]()
    },
  }
}

const quick = { initial_backoff_ms: 0, max_backoff_ms: 0, budget_percent: 100 }
const fails = { kind: 'status', status: 500 } as const

describe('retry.max_attempts', () => {
  for (const most of [1, 2, 5]) {
    test(`${most} attempts are made at a replica that fails`, async () => {
      await using world = await open(1, { retry: { ...quick, max_attempts: most } })
      world.fleet.fault(fails)
      assert.equal((await world.get()).status, 502)
      assert.deepEqual(world.fleet.counts('k'), [most])
    })
  }

  test('an attempt that succeeds is the last', async () => {
    await using world = await open(1, { retry: { ...quick, max_attempts: 5 } })
    world.fleet.fault({ ...fails, times: 2 })
    assert.equal((await world.get()).text, 'hello')
    assert.deepEqual(world.fleet.counts('k'), [3])
  })

  test('all replicas are asked once before any is asked twice', async () => {
    await using world = await open(3, { retry: { ...quick, max_attempts: 4 } })
    world.fleet.fault(fails)
    assert.equal((await world.get()).status, 502)
    assert.deepEqual(world.fleet.counts('k'), [2, 1, 1])
  })
})

describe('retry.budget_percent', () => {
  test('at 0 nobody is asked twice, but every replica once', async () => {
    const retry = { ...quick, max_attempts: 9, budget_percent: 0 }
    await using world = await open(2, { retry })
    world.fleet.fault(fails, [0])
    assert.equal((await world.get()).text, 'hello')
    world.fleet.fault(fails, [1])
    assert.equal((await world.get()).status, 502)
    assert.deepEqual(world.fleet.counts('k'), [2, 2])
  })

  test('when everything fails, repeats are a share of the requests and no multiple', async () => {
    const retry = { ...quick, max_attempts: 3, budget_percent: 10 }
    await using world = await open(1, { retry })
    world.fleet.fault(fails)
    for (let count = 0; count < 100; count += 1) await world.get()
    const [asked = 0] = world.fleet.counts('k')
    // A tenth, and a small reserve.
    assert.ok(asked >= 110 && asked <= 125, `${asked} requests`)
  })
})

describe('retry.initial_backoff_ms and max_backoff_ms', () => {
  test('a repeat waits at least half of its backoff', async () => {
    const retry = { max_attempts: 2, initial_backoff_ms: 2000, max_backoff_ms: 2000 }
    await using world = await open(1, { retry })
    world.fleet.fault({ ...fails, times: 1 })
    const startedAt = performance.now()
    assert.equal((await world.get()).text, 'hello')
    assert.ok(performance.now() - startedAt >= 990)
  })

  test('many repeats wait no longer than the longest backoff each', async () => {
    const retry = { ...quick, max_attempts: 10, initial_backoff_ms: 10, max_backoff_ms: 10 }
    await using world = await open(1, { retry })
    world.fleet.fault({ ...fails, times: 9 })
    const startedAt = performance.now()
    assert.equal((await world.get()).text, 'hello')
    // Doubled nine times without that bound, they would wait for two seconds and more.
    assert.ok(performance.now() - startedAt < 2000)
  })

  test('the next replica is not waited for', async () => {
    const retry = { max_attempts: 2, initial_backoff_ms: 60_000, max_backoff_ms: 60_000 }
    await using world = await open(2, { retry })
    world.fleet.fault(fails, [0])
    assert.equal((await world.get()).text, 'hello')
  })
})

describe('first_byte_budget', () => {
  test('bounds all attempts together', async () => {
    await using world = await open(1, {
      timeout: '400ms',
      first_byte_budget: '1s',
      retry: { ...quick, max_attempts: 10 },
    })
    world.fleet.fault({ kind: 'hang' })
    const { status, text } = await world.get()
    assert.equal(status, 504)
    assert.equal(JSON.parse(text).error, 'origin_timeout')
    const [asked = 0] = world.fleet.counts('k')
    assert.ok(asked >= 1 && asked <= 4, `${asked} attempts`)
  })

  test('bounds one attempt that might take longer', async () => {
    await using world = await open(2, { timeout: '60s', first_byte_budget: '500ms' })
    world.fleet.fault({ kind: 'hang' })
    assert.equal((await world.get()).status, 504)
    assert.deepEqual(world.fleet.counts('k'), [1, 0])
  })
})
