import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { BARE_HEAD } from '../exchange/object-head.ts'
import { FillMemory } from './fill-memory.ts'
import { LookupTally } from './lookup-tally.ts'
import { MemoryTier } from './memory-tier.ts'
import { Purges } from './purge.ts'
import { RouteCache } from './route-cache.ts'
import type { StoredHead } from './stored-head.ts'
import { Tiers } from './tiers.ts'

const START = 1_000_000_000_000
const NAME = { key: 'k', versionId: undefined }

function headOf(receivedAt: number): StoredHead {
  return {
    outcome: 'object',
    head: BARE_HEAD,
    bytesName: 'name of the bytes',
    receivedAt,
    dateAt: receivedAt,
    initialAgeMs: 0,
    freshUntil: Infinity,
    staleWhileRevalidateUntil: Infinity,
    staleIfErrorUntil: Infinity,
    isAlwaysValidated: false,
    isNeverStale: false,
    selecting: [],
    tags: [],
    keepUntil: Infinity,
  }
}

function openCache(context: TestContext): {
  cache: RouteCache
  purges: Purges
  clock: { at: number }
} {
  const clock = { at: START }
  const now = (): number => clock.at
  const tiers = new Tiers([new MemoryTier({ maxBytes: 1_000_000, now })], { maxObjectBytes: {} })
  const purges = new Purges({ bans: tiers.bans, tiers: tiers.all, now, softMs: 0 })
  context.after(() => Promise.all([purges.close(), tiers.close()]))
  const cache = new RouteCache(
    { bucket: 'b', origin: 'o' },
    {
      tiers,
      fills: new Map(),
      memory: new FillMemory(1_000_000),
      settings: { sliceBytes: 65_536, spanSlices: 1 },
      tally: new LookupTally(tiers.all),
    },
  )
  return { cache, purges, clock }
}

for (const lateMs of [1, 30_000, 50_000, 50_001, 61_000, 86_400_000]) {
  test(`what comes ${lateMs} ms after it was asked for, and was purged meanwhile, is not found`, async (context) => {
    const { cache, purges, clock } = openCache(context)
    purges.save({ id: 'x', rule: { kind: 'all' }, at: START, isSoft: false })
    for (clock.at = START; clock.at < START + lateMs; clock.at += lateMs / 4) await purges.tend()
    clock.at = START + lateMs
    cache.keep(NAME, headOf(clock.at), START)
    assert.equal((await cache.lookup(NAME, {})).stored, undefined)
  })
}

test('what comes up to 50 s after it was asked for is kept', async (context) => {
  const { cache } = openCache(context)
  assert.equal(cache.keep(NAME, headOf(START + 50_001), START), false)
  assert.equal((await cache.lookup(NAME, {})).stored, undefined)
  assert.equal(cache.keep(NAME, headOf(START + 50_000), START), true)
  assert.equal((await cache.lookup(NAME, {})).stored?.receivedAt, START + 50_000)
})
