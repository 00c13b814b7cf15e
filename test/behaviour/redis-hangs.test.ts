// A Redis that hangs, where both limits and objects are in it: a request waits for it once at the most.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openFront } from '../support/front.ts'
import { request } from '../support/http.ts'
import { partMissing } from '../support/parts.ts'
import { openRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const skip = partMissing('redis-server')
const TIMEOUT_MS = 3000

test('a cold request waits one timeout for it, whatever is in it', { skip }, async () => {
  await using redis = await openRedis()
  await using front = await openFront({
    cache: {
      cache_layers: ['memory', 'redis'],
      redis: { enabled: true, redis_url: redis.url, timeout: `${TIMEOUT_MS}ms` },
    },
    rate_limiting: {
      store: 'redis',
      limits: [{ name: 'all', key: 'global', requests_per_second: 1000 }],
    },
  })
  for (const key of ['warm', 'cold', 'next']) front.put(key, 'body')
  const get = (key: string) => request(`${front.url}/files/${key}`)
  await until(
    'both are in Redis',
    async () => {
      await get('warm')
      return redis.command('KEYS', 'sluice:*')
    },
    (keys) => keys.includes('sluice:{limits}:/') && keys.includes('sluice:e'),
  )
  redis.pause()
  try {
    const took = async (key: string): Promise<number> => {
      const start = performance.now()
      assert.equal((await get(key)).status, 200)
      return performance.now() - start
    }
    const cold = await took('cold')
    assert.ok(cold < 1.7 * TIMEOUT_MS, `${cold} ms`)
    const next = await took('next')
    assert.ok(next < 0.7 * TIMEOUT_MS, `${next} ms`)
  } finally {
    redis.resume()
  }
})
