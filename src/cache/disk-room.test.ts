import assert from 'node:assert/strict'
import { test } from 'node:test'

import { slice, until, worldOf } from './disk-world.contract.ts'
import { patternBytes, sliceEntry } from './entries.contract.ts'
import type { SliceEntry } from './tier.ts'

const MIB = 1024 * 1024

function of(bucket: string, seed: number): SliceEntry {
  return sliceEntry(patternBytes(100_000, seed), { bucket })
}

function bounded(most: number): {
  maxBytes: number
  maxBytesOf: (bucket: string) => number | undefined
} {
  return { maxBytes: 64 * MIB, maxBytesOf: (bucket) => (bucket === 'bounded' ? most : undefined) }
}

test('a bucket that is bounded makes room among its own, those used last being spared', async (t) => {
  const { open, clock } = worldOf(t)
  const tier = open(bounded(MIB))
  await Promise.all([1, 2, 3, 4].map((seed) => tier.put(`calm ${seed}`, of('calm', seed))))
  await tier.put('popular', of('bounded', 0))
  for (let seed = 1; seed <= 40; seed += 1) {
    clock.now += 60_000
    await tier.put(`${seed}`, of('bounded', seed))
    await tier.get('popular')
    assert.ok(tier.statsFor('bounded').bytes <= MIB)
  }
  assert.deepEqual(
    ['popular', '1', '40'].map((key) => tier.has(key)),
    [true, false, true],
  )
  assert.equal(tier.statsFor('calm').entries, 4)
  assert.ok(tier.statsFor('bounded').entries >= 8)
})

test('many at once do not fill a bucket above its bound', async (t) => {
  const { open } = worldOf(t)
  const tier = open(bounded(MIB))
  const seeds = Array.from({ length: 60 }, (_, index) => index)
  await Promise.all(
    seeds.map(async (seed) => {
      await tier.put(`${seed}`, of('bounded', seed))
      assert.ok(tier.statsFor('bounded').bytes <= MIB)
    }),
  )
  assert.ok(tier.statsFor('bounded').entries > 0)
})

test('what can never fit is not kept, and pushes nothing out', async (t) => {
  const { open } = worldOf(t)
  const tier = open(bounded(MIB))
  await tier.put('small', of('bounded', 1))
  await tier.put('giant', sliceEntry(patternBytes(MIB + 1, 1), { bucket: 'bounded' }))
  assert.deepEqual([tier.has('small'), tier.has('giant')], [true, false])
})

test('several on one folder hold one bound between them', async (t) => {
  const { open } = worldOf(t)
  const tiers = [open(bounded(MIB)), open(bounded(MIB))]
  for (let seed = 0; seed < 30; seed += 1) {
    await tiers[seed % 2]?.put(`${seed}`, of('bounded', seed))
    assert.ok((tiers[0]?.statsFor('bounded').bytes ?? 0) <= MIB)
  }
})

test('a bound that is lower than before is held soon', async (t) => {
  const { open } = worldOf(t)
  const before = open()
  for (let seed = 0; seed < 30; seed += 1) await before.put(`${seed}`, of('bounded', seed))
  await before.put('calm', slice(1))
  await before.close()
  const tier = open(bounded(MIB))
  await until(() => tier.statsFor('bounded').bytes <= MIB, 'it is trimmed')
  assert.deepEqual([tier.has('0'), tier.has('29'), tier.has('calm')], [false, true, true])
})
