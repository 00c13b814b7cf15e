import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'

import type { Claim, Leases } from '../../src/cache/lease.ts'
import type { RedisConfig } from '../../src/config/redis.ts'
import { partMissing } from '../support/parts.ts'
import { openRedisCluster, until } from '../support/redis.ts'
import type { RedisServer } from '../support/redis.ts'
import { redisConfig, serverFor, slice, tierFor, told } from './world.ts'

const skip = partMissing('redis-server')
const RUN = { first: 0, last: 3 }

async function leasesFor(t: TestContext, config: RedisConfig): Promise<Leases> {
  return (await tierFor(t, config)).tier.leases
}

/** Those of two nodes. */
async function two(
  t: TestContext,
  given: Partial<RedisConfig> = {},
): Promise<{ one: Leases; other: Leases; server: RedisServer }> {
  const server = await serverFor(t)
  const config = redisConfig({ at: server.url, ...given })
  return { one: await leasesFor(t, config), other: await leasesFor(t, config), server }
}

function lastOf(claim: Claim): number | string {
  return claim.kind === 'granted' ? claim.last : claim.kind
}

describe('leases in Redis', { skip }, () => {
  test('a run that one node has is taken for the other until it is given back', async (t) => {
    const { one, other } = await two(t)
    const claim = await one.claim('object', RUN)
    assert.equal(lastOf(claim), 3)
    assert.equal(lastOf(await other.claim('object', { first: 2, last: 9 })), 'taken')
    assert.equal(lastOf(await other.claim('object', { first: 4, last: 9 })), 9)
    assert.equal(lastOf(await other.claim('another', RUN)), 3)
    if (claim.kind === 'granted') claim.lease.release()
    await until(async () => !(await other.isTaken('object', 2)), 'it is given back')
  })

  test('what lies before the run of another is granted up to it', async (t) => {
    const { one, other } = await two(t)
    await one.claim('object', { first: 5, last: 9 })
    assert.equal(lastOf(await other.claim('object', { first: 1, last: 12 })), 4)
  })

  test('leases of one node are in no way of each other', async (t) => {
    const { one, other } = await two(t)
    const first = await one.claim('object', RUN)
    assert.equal(lastOf(await one.claim('object', { first: 2, last: 5 })), 5)
    assert.equal(await one.isTaken('object', 2), false)
    if (first.kind === 'granted') first.lease.release()
    await until(async () => !(await other.isTaken('object', 0)), 'the first is given back')
    assert.equal(await other.isTaken('object', 3), true)
  })

  test('slices that have passed and are kept are no longer taken', async (t) => {
    const { one, other } = await two(t)
    const { promise, resolve } = Promise.withResolvers<void>()
    const lease = one.insist('object', RUN)
    await until(() => other.isTaken('object', 0), 'it is taken')
    lease.passed(0, promise)
    assert.equal(await other.isTaken('object', 0), true)
    resolve()
    await until(async () => !(await other.isTaken('object', 0)), 'it has passed')
    assert.equal(await other.isTaken('object', 1), true)
  })

  test('a lease is renewed while it is held, and ends with its holder', async (t) => {
    const { one, other, server } = await two(t)
    await one.claim('object', RUN)
    const startedAt = performance.now()
    const isOver = (): boolean => performance.now() - startedAt > 3000
    await until(async () => {
      assert.equal(await other.isTaken('object', 0), true)
      return isOver()
    }, 'it has been held for longer than it lasts by itself')
    const dead = await tierFor(t, redisConfig({ at: server.url }))
    await dead.tier.leases.claim('of the dead', RUN)
    await dead.tier.close()
    assert.equal(await other.isTaken('of the dead', 0), true)
    await until(async () => !(await other.isTaken('of the dead', 0)), 'it has ended')
    assert.match(await server.command('PTTL', 'sluice:l:{object}'), /^:[1-9]/)
  })

  test('what is of no use to others is held up for nobody, for a while', async (t) => {
    const { one, other } = await two(t)
    const claim = await one.claim('object', RUN)
    assert.ok(claim.kind === 'granted')
    claim.lease.release(60_000)
    await until(async () => lastOf(await other.claim('object', RUN)) === 'off', 'it is open')
    assert.equal(await other.isTaken('object', 0), false)
  })

  test('patience for one object is spent once, not at every slice of it', async (t) => {
    const { one, other } = await two(t, { leaseWaitMs: 300 })
    await one.claim('object', RUN)
    const waits: number[] = []
    for (const index of [0, 1, 2]) {
      const startedAt = performance.now()
      await other.wait('object', index, { signal: undefined })
      waits.push(performance.now() - startedAt)
    }
    const [first = 0, ...rest] = waits
    assert.ok(first >= 290, `${first}`)
    assert.ok(Math.max(...rest) < 250, rest.join())
  })

  test('whoever may not use scripts has Redis all the same, and no leases', async (t) => {
    const server = await serverFor(t)
    const rule = ['ACL', 'SETUSER', 'default', '+@all', '-eval'] as const
    await server.command(...rule)
    const { tier, events } = await tierFor(t, redisConfig({ at: server.url }))
    await until(() => tier.leases.isOn, 'it is up')
    assert.equal(lastOf(await tier.leases.claim('object', RUN)), 'off')
    assert.equal(tier.leases.isOn, false)
    await tier.put('key', slice(1))
    assert.notEqual(await tier.get('key'), undefined)
    assert.ok(!told(events).includes('aside'))
  })

  test('nobody asks for leases without Redis, alone, or with no time to wait', async (t) => {
    const { server } = await two(t)
    const up = await tierFor(t, redisConfig({ at: server.url }))
    await until(() => up.tier.leases.isOn, 'it is up')
    const alone = await tierFor(t, redisConfig({ at: server.url }), { isAlone: () => true })
    const hasty = await tierFor(t, redisConfig({ at: server.url, leaseWaitMs: 0 }))
    const gone = await tierFor(t, redisConfig({}))
    for (const { tier } of [alone, hasty, gone]) assert.equal(tier.leases.isOn, false)
    await server.kill()
    await up.tier.leases.claim('object', RUN)
    assert.equal(up.tier.leases.isOn, false)
  })

  test('a cluster keeps them, too', async (t) => {
    const server = await openRedisCluster()
    t.after(() => server.close())
    const config = redisConfig({ cluster: [{ host: '127.0.0.1', port: server.port }] })
    const [one, other] = [await leasesFor(t, config), await leasesFor(t, config)]
    await until(() => one.isOn && other.isOn, 'they are up')
    assert.equal(lastOf(await one.claim('object', RUN)), 3)
    assert.equal(lastOf(await other.claim('object', RUN)), 'taken')
  })
})
