import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { PrewarmOrder } from '../admin/admin.ts'
import type { Config } from '../config/config.ts'
import { Refusal } from '../exchange/refusal.ts'
import { Prewarming } from './prewarming.ts'
import type { WarmPart } from './warm-part.ts'

const cache = {
  enabled: true,
  layers: ['memory'],
  sliceBytes: 1,
  fillMemoryBytes: 1000,
  warming: { concurrency: 10, perSecond: 100_000 },
}
// The cast: of a configuration no more is looked at.
const config = { cache, buckets: [{ name: 'b', cache: { enabled: true } }] } as unknown as Config

function orderFor(...keys: readonly string[]): PrewarmOrder {
  return { bucket: 'b', what: { kind: 'keys', keys } }
}

function openWith(part: Partial<WarmPart>): Prewarming {
  const whole: WarmPart = {
    list: async () => ({ kind: 'forbidden' }),
    warm: async () => ({ kind: 'done', bytes: 5 }),
    release: async () => undefined,
    ...part,
  }
  return new Prewarming({ config, parts: () => [whole], emit: () => undefined })
}

test('the totals are those of all tasks, the running and the forgotten included', async () => {
  const never = Promise.withResolvers<never>()
  const prewarming = openWith({
    warm: (_context, key) =>
      key === 'held' ? never.promise : Promise.resolve({ kind: 'done', bytes: 5 }),
  })
  for (let count = 0; count < 120; count += 1) {
    const id = prewarming.begin(orderFor('a', 'b'))
    while (prewarming.find(id)?.state === 'running') await new Promise(setImmediate)
  }
  assert.equal(prewarming.all().length, 100)
  const id = prewarming.begin(orderFor('c', 'held'))
  while (prewarming.find(id)?.objects.done === 0) await new Promise(setImmediate)
  assert.equal(prewarming.find(id)?.state, 'running')
  assert.deepEqual(prewarming.totals, { objects: 241, bytes: 1205 })
})

test('a hundred tasks run at once, and no more are begun', async () => {
  const prewarming = openWith({ warm: () => Promise.withResolvers<never>().promise })
  for (let count = 0; count < 100; count += 1) prewarming.begin(orderFor('a'))
  assert.throws(
    () => prewarming.begin(orderFor('a')),
    (error) => error instanceof Refusal && error.code === 'too_busy',
  )
})
