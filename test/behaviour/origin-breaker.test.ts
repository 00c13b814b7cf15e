// The breaker of a replica, seen from outside: who is asked, and what the client is told meanwhile.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { BUCKET, openFleet, until } from '../support/fleet.ts'
import type { Fleet, Settings } from '../support/fleet.ts'
import { download, request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'
import type { Sluice } from '../support/sluice.ts'

const LONG_S = 600

interface World extends AsyncDisposable {
  readonly fleet: Fleet
  readonly sluice: Sluice
  get(key?: string): Promise<Answer>
  /** How many requests the first replica got since it was last asked. */
  asked(): number
}

async function open(breaker: Settings, replicas = 1): Promise<World> {
  const fleet = await openFleet(replicas)
  fleet.put('k', 'hello')
  fleet.put('big', { size: 32 * 1024 * 1024, seed: 'big' })
  const sluice = await openSluice({
    buckets: [fleet.bucket({ circuit_breaker: breaker, retry: { max_attempts: 1 } })],
  })
  return {
    fleet,
    sluice,
    get: (key = 'k') => request(`${sluice.url}/${BUCKET}/${key}`),
    asked: () => {
      const count = fleet.server(0).requests.length
      fleet.server(0).clearRequests()
      return count
    },
    [Symbol.asyncDispose]: async () => {
      await sluice.close()
      await fleet[Symbol.asyncDispose]()
    },
  }
}

async function failTimes(world: World, times: number): Promise<void> {
  const { fleet, get } = world
  fleet.server(0).fault({ kind: 'status', status: 500, times })
  for (let count = 0; count < times; count += 1) assert.equal((await get()).status, 502)
}

/** Until the breaker that was opened lets a request through again. */
async function untilHalfOpen({ get }: World): Promise<void> {
  await until(async () => (await get('none')).status === 404, 'the breaker half open')
}

describe('failure_threshold', () => {
  test('so many failures in a row open it; then the origin is not asked', async () => {
    await using world = await open({ failure_threshold: 3, timeout_seconds: LONG_S })
    await failTimes(world, 3)
    assert.equal(world.asked(), 3)
    const { status, text, headers } = await world.get()
    assert.equal(status, 503)
    assert.equal(JSON.parse(text).error, 'origin_unavailable')
    const wait = Number(headers['retry-after'])
    assert.ok(wait > LONG_S - 60 && wait <= LONG_S, `Retry-After: ${wait}`)
    assert.equal(world.asked(), 0)
  })

  test('fewer do not, nor do failures with a success between them', async () => {
    await using world = await open({ failure_threshold: 3, timeout_seconds: LONG_S })
    for (let round = 0; round < 3; round += 1) {
      await failTimes(world, 2)
      assert.equal((await world.get()).status, 200)
    }
  })

  test('a success of a HEAD counts as one', async () => {
    await using world = await open({ failure_threshold: 2, timeout_seconds: LONG_S })
    for (let round = 0; round < 3; round += 1) {
      await failTimes(world, 1)
      const head = await request(`${world.sluice.url}/${BUCKET}/k`, { method: 'HEAD' })
      assert.equal(head.status, 200)
    }
  })

  test('answers that are no failures do not open it', async () => {
    await using world = await open({ failure_threshold: 1, timeout_seconds: LONG_S })
    for (let count = 0; count < 5; count += 1) assert.equal((await world.get('none')).status, 404)
    world.fleet.server(0).fault({ kind: 'status', status: 403, code: 'AccessDenied', times: 1 })
    assert.equal((await world.get()).status, 403)
    assert.equal((await world.get()).status, 200)
  })

  test('bodies that break count too', async () => {
    await using world = await open({ failure_threshold: 1, timeout_seconds: LONG_S })
    world.fleet.server(0).fault({ kind: 'cut', times: 1 })
    assert.equal((await world.get('big')).aborted, true)
    assert.equal((await world.get()).status, 503)
  })

  test('one that is open sends requests to the others', async () => {
    await using world = await open({ failure_threshold: 1, timeout_seconds: LONG_S }, 2)
    world.fleet.server(0).fault({ kind: 'status', status: 500 })
    for (let count = 0; count < 5; count += 1) assert.equal((await world.get()).status, 200)
    assert.equal(world.asked(), 1)
    assert.match((await request(`${world.sluice.opsUrl}/ready`)).text, /"r0":"unhealthy"/)
  })
})

describe('timeout_seconds', () => {
  for (const spelling of [{ timeout_seconds: 0.3 }, { timeout: '300ms' }]) {
    test(`after ${JSON.stringify(spelling)} a request is let through`, async () => {
      await using world = await open({ failure_threshold: 1, ...spelling })
      await failTimes(world, 1)
      await until(async () => (await world.get()).status === 200, 'a request let through')
    })
  }
})

describe('half_open_max_requests', () => {
  for (const most of [1, 3]) {
    test(`${most} at once probe it, and no more reach the origin`, async () => {
      await using world = await open({
        failure_threshold: 1,
        success_threshold: 1000,
        timeout: '200ms',
        half_open_max_requests: most,
      })
      await failTimes(world, 1)
      await untilHalfOpen(world)
      world.asked()
      world.fleet.server(0).fault({ kind: 'delay', delayMs: 1500 })
      const answers = await Promise.all(Array.from({ length: 8 }, () => world.get()))
      const times = (wanted: number): number =>
        answers.filter(({ status }) => status === wanted).length
      assert.deepEqual([times(200), times(503)], [most, 8 - most])
      assert.equal(world.asked(), most)
    })
  }

  test('a client that leaves a probe frees its place', async () => {
    await using world = await open({
      failure_threshold: 1,
      success_threshold: 1000,
      timeout: '200ms',
      half_open_max_requests: 1,
    })
    await failTimes(world, 1)
    await untilHalfOpen(world)
    const url = `${world.sluice.url}/${BUCKET}/big`
    for (let count = 0; count < 5; count += 1) {
      // In the body, and before the head.
      await until(async () => (await download(url, { abortAfter: 1 })).status === 200)
      const hang = world.fleet.server(0).fault({ kind: 'hang', times: 1 })
      await until(async () => {
        const leaving = new AbortController()
        const left = request(url, { signal: leaving.signal }).catch(() => undefined)
        await until(() => hang.hits === 1 || leaving.signal.aborted)
        leaving.abort()
        await left
        return hang.hits === 1
      })
    }
    await until(async () => (await world.get()).status === 200, 'a place that is free again')
  })
})

describe('success_threshold', () => {
  /** How many at once reach the origin, of many. */
  async function admitted(world: World): Promise<number> {
    world.asked()
    const fault = world.fleet.server(0).fault({ kind: 'delay', delayMs: 1500 })
    await Promise.all(Array.from({ length: 6 }, () => world.get()))
    fault.remove()
    return world.asked()
  }

  test('so many successes close it, and then everybody is let through', async () => {
    await using world = await open({
      failure_threshold: 1,
      success_threshold: 3,
      timeout: '200ms',
      half_open_max_requests: 1,
    })
    await failTimes(world, 1)
    await untilHalfOpen(world)
    // One success so far; the one among these that is let through is the second.
    assert.equal(await admitted(world), 1)
    assert.equal((await world.get()).status, 200)
    assert.equal(await admitted(world), 6)
  })

  test('one failure of a probe opens it again', async () => {
    await using world = await open({
      failure_threshold: 1,
      success_threshold: 2,
      timeout: '1500ms',
      half_open_max_requests: 1,
    })
    await failTimes(world, 1)
    await untilHalfOpen(world)
    world.fleet.server(0).fault({ kind: 'status', status: 500, times: 1 })
    assert.equal((await world.get()).status, 502)
    world.asked()
    assert.equal((await world.get()).status, 503)
    assert.equal(world.asked(), 0)
  })
})

test('readiness does not wait for a request to close a breaker whose time is up', async () => {
  await using world = await open({ failure_threshold: 1, timeout: '300ms' })
  await failTimes(world, 1)
  const ready = (): Promise<Answer> => request(`${world.sluice.opsUrl}/ready`)
  await until(async () => (await ready()).status === 200, 'readiness without a request')
})
