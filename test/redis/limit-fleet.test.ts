// Threads of one process and nodes of a fleet, as they meet in a Redis of whatever kind.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { FleetCounts, Networks, placeLimit } from '../../src/access/access.ts'
import { RedisLink } from '../../src/cache/cache.ts'
import { toRateLimit } from '../../src/config/rate-limit.ts'
import type { RedisConfig } from '../../src/config/redis.ts'
import { partMissing } from '../support/parts.ts'
import { openTwoNodeCluster } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { redisConfig, serverFor } from './world.ts'

const skip = partMissing('redis-server')
const settings = { algorithm: 'token_bucket', window: 60_000 } as const
const LIMITS = [
  toRateLimit({ ...settings, name: 'few', key: 'ip', requests: 3 }),
  toRateLimit({ ...settings, name: 'all', key: 'global', requests: 100 }),
].map((config) => placeLimit(config, 'b', false))

async function fleetFor(
  t: TestContext,
  config: RedisConfig,
  nodeId: string,
  fleetSize?: number,
): Promise<FleetCounts> {
  const link = new RedisLink({ config, emit: () => undefined, random: () => 0 })
  const networks = new Networks(64)
  const fleet = new FleetCounts({ link, keyPrefix: 'sluice:', nodeId, fleetSize, networks })
  t.after(() => {
    fleet.close()
    link.close()
  })
  fleet.start()
  await until(
    'Redis is there',
    async () => link.isUp,
    (isUp) => isUp,
  )
  return fleet
}

async function admitted(fleet: FleetCounts, count: number): Promise<number> {
  const asked = Array.from({ length: count }, () => fleet.take(LIMITS, '192.0.2.1', undefined))
  return (await Promise.all(asked)).filter(({ isTaken }) => isTaken).length
}

test('in a cluster several limits are asked with one call', { skip }, async (t) => {
  const servers = await openTwoNodeCluster()
  for (const server of servers) t.after(() => server.close())
  const cluster = servers.map(({ port }) => ({ host: '127.0.0.1', port }))
  const fleet = await fleetFor(t, redisConfig({ cluster }), 'one')
  assert.equal(await admitted(fleet, 8), 3)
})

test(
  'the threads of a process are one node, and a node of its own opinion is one too',
  { skip },
  async (t) => {
    const { url } = await serverFor(t)
    const config = redisConfig({ at: url })
    const thread = await fleetFor(t, config, 'one')
    const other = await fleetFor(t, config, 'one')
    const node = await fleetFor(t, config, 'two', 7)
    const sizes = (): Promise<readonly number[]> =>
      Promise.resolve([thread, other, node].map(({ size }) => size))
    await until('they have met', sizes, ([first, second]) => first === 2 && second === 2)
    assert.deepEqual(await sizes(), [2, 2, 7])
    const [first, second] = await Promise.all([admitted(thread, 4), admitted(node, 4)])
    assert.equal(first + second, 3)
  },
)
