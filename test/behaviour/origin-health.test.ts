// Active probes, seen through /ready and through who gets the requests.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'

import type { LoggedRequest, S3Server } from '../../dev/s3-server.ts'
import { BUCKET, openFleet, until } from '../support/fleet.ts'
import type { Fleet, Settings } from '../support/fleet.ts'
import { request } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'
import type { Sluice } from '../support/sluice.ts'

interface World {
  readonly fleet: Fleet
  readonly sluice: Sluice
  readonly url: string
  health(): Promise<string[]>
  ready(): Promise<number>
}

const quick = { interval: '50ms', timeout: '5s', healthy_threshold: 1, unhealthy_threshold: 1 }

async function open(
  t: TestContext,
  replicas: number,
  check: Settings,
  prepare: (fleet: Fleet) => void = () => undefined,
): Promise<World> {
  const fleet = await openFleet(replicas)
  fleet.put('k', 'hello')
  prepare(fleet)
  const sluice = await openSluice({ buckets: [fleet.bucket({ health_check: check })] })
  t.after(async () => {
    await sluice.close()
    await fleet[Symbol.asyncDispose]()
  })
  const look = () => request(`${sluice.opsUrl}/ready`)
  return {
    fleet,
    sluice,
    url: `${sluice.url}/${BUCKET}/k`,
    health: async () => Object.values(JSON.parse((await look()).text).backends[BUCKET].replicas),
    ready: async () => (await look()).status,
  }
}

const probes = ({ requests }: S3Server): readonly LoggedRequest[] =>
  requests.filter(({ method }) => method === 'HEAD')

/** Spoils the probes of the bucket alone: objects are served. */
const spoilt = { kind: 'status', status: 500, match: { method: 'HEAD', key: '' } } as const

async function untilHealth(world: World, ...wanted: string[]): Promise<void> {
  await until(async () => (await world.health()).join() === wanted.join(), wanted.join())
}

/** The changes that were logged, in order. */
function changes({ sluice }: World): unknown[] {
  return sluice
    .logLines()
    .filter(({ event }) => event === 'replica-health')
    .map(({ health }) => health)
}

describe('a replica that answers its probes', () => {
  test('is healthy, and its bucket ready', async (t) => {
    const world = await open(t, 2, quick)
    await untilHealth(world, 'healthy', 'healthy')
    assert.equal(await world.ready(), 200)
    const [probe] = probes(world.fleet.server(0))
    assert.deepEqual([probe?.method, probe?.bucket, probe?.key], ['HEAD', BUCKET, ''])
  })
})

describe('a replica that does not', () => {
  test('is unhealthy and left aside while another is there, until it answers again', async (t) => {
    const world = await open(t, 2, quick)
    await untilHealth(world, 'healthy', 'healthy')
    const fault = world.fleet.server(0).fault(spoilt)
    await untilHealth(world, 'unhealthy', 'healthy')
    assert.equal(await world.ready(), 200)
    for (let count = 0; count < 5; count += 1) {
      assert.equal((await request(world.url)).text, 'hello')
    }
    assert.deepEqual(world.fleet.counts('k'), [0, 5])

    fault.remove()
    await untilHealth(world, 'healthy', 'healthy')
    assert.equal((await request(world.url)).text, 'hello')
    assert.deepEqual(world.fleet.counts('k'), [1, 5])
  })

  test('makes its bucket unready when it is the last, and is asked all the same', async (t) => {
    const world = await open(t, 1, quick)
    await untilHealth(world, 'healthy')
    world.fleet.server(0).fault(spoilt)
    await untilHealth(world, 'unhealthy')
    assert.equal(await world.ready(), 503)
    assert.equal((await request(world.url)).text, 'hello')
  })

  test('may be gone altogether, and is found when it comes back', async (t) => {
    const world = await open(t, 1, quick)
    await untilHealth(world, 'healthy')
    await world.fleet.server(0).kill()
    await untilHealth(world, 'unhealthy')
    await world.fleet.server(0).restart()
    await untilHealth(world, 'healthy')
  })

  test('has not the bucket, or refuses our keys', async (t) => {
    const world = await open(t, 2, quick)
    await untilHealth(world, 'healthy', 'healthy')
    const status = { kind: 'status', match: { key: '' } } as const
    world.fleet.server(0).fault({ ...status, status: 404, code: 'NoSuchBucket' })
    world.fleet.server(1).fault({ ...status, status: 403, code: 'InvalidAccessKeyId' })
    await untilHealth(world, 'unhealthy', 'unhealthy')
  })
})

describe('unhealthy_threshold and healthy_threshold', () => {
  test('fewer results in a row change nothing', async (t) => {
    const check = { ...quick, unhealthy_threshold: 4, healthy_threshold: 4 }
    const world = await open(t, 1, check)
    await untilHealth(world, 'healthy')
    const server = world.fleet.server(0)
    const three = server.fault({ ...spoilt, times: 3 })
    await until(() => three.hits === 3)
    server.clearRequests()
    await until(() => probes(server).length > 3)
    assert.deepEqual(changes(world), ['healthy'])

    const four = server.fault({ ...spoilt, times: 4 })
    await until(() => four.hits === 4)
    server.clearRequests()
    await until(() => changes(world).length === 3)
    assert.deepEqual(changes(world), ['healthy', 'unhealthy', 'healthy'])
    assert.ok(probes(server).length >= 4, 'it was healthy again too soon')
  })
})

describe('interval', () => {
  test('probes are so far apart', async (t) => {
    const world = await open(t, 1, { ...quick, interval: '10m' })
    await untilHealth(world, 'healthy')
    await world.fleet.server(0).kill()
    await world.fleet.server(0).restart()
    world.fleet.server(0).fault(spoilt)
    const often = await open(t, 1, { ...quick, interval: '20ms' })
    await until(() => probes(often.fleet.server(0)).length > 20)
    assert.equal(probes(world.fleet.server(0)).length, 1)
  })
})

describe('timeout', () => {
  test('a probe that takes longer is a bad one', async (t) => {
    const check = { ...quick, timeout: '200ms', unhealthy_threshold: 5 }
    const world = await open(t, 1, check)
    await untilHealth(world, 'healthy')
    const startedAt = performance.now()
    world.fleet.server(0).fault({ kind: 'hang', match: { key: '' } })
    await untilHealth(world, 'unhealthy')
    // Five probes of three seconds, the usual limit, would take longer than that.
    assert.ok(performance.now() - startedAt < 12_000)
  })
})

describe('key', () => {
  test('an object is probed instead of the bucket', async (t) => {
    const world = await open(t, 1, { ...quick, key: 'k' })
    await untilHealth(world, 'healthy')
    assert.ok(probes(world.fleet.server(0)).every(({ key }) => key === 'k'))
  })

  test('an object that is not there is a bad probe', async (t) => {
    const world = await open(t, 1, { ...quick, key: 'not-there' })
    await untilHealth(world, 'unhealthy')
  })
})

describe('enabled: false', () => {
  test('nobody is probed, and everybody taken for healthy', async (t) => {
    const check = { ...quick, enabled: false }
    const world = await open(t, 1, check, (fleet) => fleet.fault(spoilt))
    assert.deepEqual(await world.health(), ['healthy'])
    assert.equal(await world.ready(), 200)
    // Another one of the same age has been probed many times by now.
    const probed = await open(t, 1, quick)
    await until(() => probes(probed.fleet.server(0)).length > 10)
    assert.equal(probes(world.fleet.server(0)).length, 0)
  })
})
