// What one of several threads learns of a replica, all of them go by at their next request; and what a
// thread had begun to try is free again when the thread is gone.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { BUCKET, openFleet, until } from '../support/fleet.ts'
import type { Fleet, Settings } from '../support/fleet.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { INSPECTED, inspect } from '../support/inspector.ts'
import type { Inspector } from '../support/inspector.ts'
import { scrape } from '../support/metrics.ts'
import { openSluice } from '../support/sluice.ts'
import type { Sluice } from '../support/sluice.ts'

const LONG_S = 600
/** So many connections that no thread is left out. */
const CLIENTS = 16

interface World extends AsyncDisposable {
  readonly fleet: Fleet
  readonly sluice: Sluice
  get(key?: string): Promise<Answer>
  /** From as many clients at once, each by a connection of its own. */
  all(): Promise<number[]>
  ready(): Promise<string>
}

interface WorldOptions {
  readonly threads: number
  readonly s3: Settings
  readonly replicas?: number
}

async function open({ threads, s3, replicas = 1 }: WorldOptions): Promise<World> {
  const fleet = await openFleet(replicas)
  fleet.put('k', 'hello')
  const sluice = await openSluice(
    { server: { threads }, buckets: [fleet.bucket({ retry: { max_attempts: 1 }, ...s3 })] },
    { env: INSPECTED },
  )
  const get = (key = 'k'): Promise<Answer> => request(`${sluice.url}/${BUCKET}/${key}`)
  return {
    fleet,
    sluice,
    get,
    all: async () => {
      const answers = await Promise.all(Array.from({ length: CLIENTS }, () => get()))
      return answers.map(({ status }) => status).toSorted((a, b) => a - b)
    },
    ready: async () => (await request(`${sluice.opsUrl}/ready`)).text,
    [Symbol.asyncDispose]: async () => {
      await sluice.close()
      await fleet[Symbol.asyncDispose]()
    },
  }
}

function times(status: number, count: number): number[] {
  return Array.from({ length: count }, () => status)
}

async function failTimes({ fleet, get }: World, count: number): Promise<void> {
  fleet.server(0).fault({ kind: 'status', status: 500, times: count })
  for (let done = 0; done < count; done += 1) assert.equal((await get()).status, 502)
}

async function untilHalfOpen({ get }: World): Promise<void> {
  await until(async () => (await get('none')).status === 404, 'the breaker half open')
}

async function breakerOf({ sluice }: World): Promise<number> {
  return (await scrape(sluice.opsUrl)).sum('sluice_circuit_breaker_state')
}

async function workersOf(inspector: Inspector, count: number): Promise<readonly string[]> {
  await until(() => inspector.workers().length === count, `${count} workers`)
  return inspector.workers()
}

async function kill(inspector: Inspector, worker: string, { sluice }: World): Promise<void> {
  await inspector.evaluate(worker, `setTimeout(() => { throw new Error('died in a test') }); 1`)
  await until(() => !inspector.workers().includes(worker), 'its death')
  await sluice.logLine(({ event }) => event === 'worker-died')
}

for (const threads of [2, 4]) {
  describe(`the breaker of ${threads} threads`, () => {
    test('opens for all of them, after as many failures as are said', async () => {
      const breaker = { failure_threshold: 5, timeout_seconds: LONG_S }
      await using world = await open({ threads, s3: { circuit_breaker: breaker } })
      await failTimes(world, 5)
      assert.deepEqual(await world.all(), times(503, CLIENTS))
      assert.deepEqual(world.fleet.counts(), [5])
      assert.match(await world.ready(), /"r0":"unhealthy"/)
      const { sum, labels } = await scrape(world.sluice.opsUrl)
      assert.equal(labels('sluice_circuit_breaker_state').length, 1)
      assert.equal(sum('sluice_circuit_breaker_state'), 2)
      const told = world.sluice.logLines().filter(({ event }) => event === 'breaker')
      assert.deepEqual(
        told.map(({ state }) => state),
        ['open'],
      )
    })

    test('sends all of them to another replica', async () => {
      const breaker = { failure_threshold: 1, timeout_seconds: LONG_S }
      await using world = await open({ threads, s3: { circuit_breaker: breaker }, replicas: 2 })
      const refuse = world.fleet.server(0).fault({ kind: 'refuse' })
      assert.equal((await world.get()).status, 200)
      assert.deepEqual(await world.all(), times(200, CLIENTS))
      assert.equal(refuse.hits, 1, 'connections at the one that is dead')
      assert.deepEqual(world.fleet.counts('k'), [0, CLIENTS + 1])
    })

    test('lets one request through when its time is up, and all when that went well', async () => {
      const breaker = {
        failure_threshold: 1,
        success_threshold: 2,
        timeout: '200ms',
        half_open_max_requests: 1,
      }
      await using world = await open({ threads, s3: { circuit_breaker: breaker } })
      await failTimes(world, 1)
      await untilHalfOpen(world)
      world.fleet.clear()
      world.fleet.fault({ kind: 'delay', delayMs: 1500 })
      assert.deepEqual(await world.all(), [200, ...times(503, CLIENTS - 1)])
      assert.deepEqual(world.fleet.counts(), [1])
      world.fleet.clear()
      // A client may have its answer before anybody else knows that it went well.
      await until(async () => (await breakerOf(world)) === 0, 'the breaker closed')
      assert.deepEqual(await world.all(), times(200, CLIENTS))
    })

    test('is tried again when the thread that tried it has died', async () => {
      const breaker = {
        failure_threshold: 1,
        success_threshold: 1000,
        timeout: '200ms',
        half_open_max_requests: 1,
      }
      await using world = await open({ threads, s3: { circuit_breaker: breaker } })
      using inspector = await inspect(world.sluice)
      const workers = await workersOf(inspector, threads)
      await failTimes(world, 1)
      await untilHalfOpen(world)
      const hang = world.fleet.server(0).fault({ kind: 'hang', times: 1 })
      const left = world.get().catch(() => undefined)
      await until(() => hang.hits === 1, 'the request that tries it')
      assert.deepEqual(await world.all(), times(503, CLIENTS))
      for (const worker of workers) await kill(inspector, worker, world)
      await left
      await until(
        async () => (await world.get().catch(() => undefined))?.status === 200,
        'another request let through',
      )
    })
  })
}

describe('active probes of several threads', () => {
  test('are those of one of them, and all believe it', async () => {
    const health_check = { enabled: true, interval: '5m', timeout: '2s' }
    await using world = await open({ threads: 4, s3: { health_check } })
    await until(async () => (await world.ready()).includes('"r0":"healthy"'), 'a first result')
    const texts = await Promise.all(
      Array.from(
        { length: CLIENTS },
        async () => (await request(`${world.sluice.url}/ready`)).text,
      ),
    )
    for (const text of texts) assert.match(text, /"r0":"healthy"/)
    assert.deepEqual(world.fleet.counts(), [1])
    const told = world.sluice.logLines().filter(({ event }) => event === 'replica-health')
    assert.equal(told.length, 1)
  })

  test('go on when the one that asks dies', async () => {
    const health_check = {
      enabled: true,
      interval: '100ms',
      timeout: '2s',
      healthy_threshold: 1,
      unhealthy_threshold: 1,
    }
    await using world = await open({ threads: 2, s3: { health_check } })
    using inspector = await inspect(world.sluice)
    const workers = await workersOf(inspector, 2)
    await until(async () => (await world.ready()).includes('"r0":"healthy"'), 'a first result')
    const [one = '', other = ''] = workers
    await kill(inspector, one, world)
    world.fleet.fault({ kind: 'status', status: 500 })
    await until(async () => (await world.ready()).includes('"r0":"unhealthy"'), 'a bad result')
    await kill(inspector, other, world)
    world.fleet.clear()
    await until(async () => (await world.ready()).includes('"r0":"healthy"'), 'a good result')
  })
})
