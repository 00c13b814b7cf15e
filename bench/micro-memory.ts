// What a hit in memory costs: a head and a slice that is lent and given back, of the tier of one thread and
// of that of all threads; one object again and again, and many in turn.

import type { Entry, Tier } from '../src/cache/tier.ts'
import { MemoryTier } from '../src/cache/memory-tier.ts'
import { createSharedTierMemory } from '../src/cache/shared-memory.ts'
import { SharedTier } from '../src/cache/shared-tier.ts'
import { headKey, sliceKey } from '../src/cache/key.ts'
import type { StoredHead } from '../src/cache/stored-head.ts'
import { figure, table } from './table.ts'

const MIB = 1024 * 1024
const ROUNDS = 15
const HITS = 40_000
const NAME = 'AbCdEfGhIjKlMnOpQrStUv'

export interface HitCost {
  readonly step: string
  readonly alone: number
  readonly shared: number
}

/** In nanoseconds: the first quartile of rounds that take turns. */
export function measureHits(): HitCost[] {
  const now = (): number => 1000
  const memory = createSharedTierMemory(64 * MIB, 2)
  const tiers = [
    new MemoryTier({ maxBytes: 64 * MIB, now }),
    new SharedTier({ memory, lane: 0, now }),
  ]
  return [1, 1000, 20_000].map((objects) => {
    for (const tier of tiers) for (let object = 0; object < objects; object += 1) keep(tier, object)
    const times = tiers.map((): number[] => [])
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [index, tier] of tiers.entries()) times[index]?.push(timeHits(tier, objects))
    }
    const [alone = 0, shared = 0] = times.map(firstQuartile)
    return { step: `memory hit, ${objects} object(s)`, alone, shared }
  })
}

function timeHits(tier: Tier, objects: number): number {
  const { user } = process.cpuUsage()
  let sum = 0
  for (let turn = 0; turn < HITS; turn += 1) sum += hit(tier, turn % objects)
  if (sum === 0) throw new Error('nothing was hit')
  return ((process.cpuUsage().user - user) * 1000) / HITS
}

function hit(tier: Tier, object: number): number {
  const head = tier.get(headKey('origin', `images/2024/${object}.jpg`, undefined), 1000)
  if (head === undefined || head instanceof Promise || head.kind !== 'head') return 0
  const slice = tier.get(sliceKey(head.stored.bytesName, 0), 1000)
  if (slice === undefined || slice instanceof Promise || slice.kind !== 'slice') return 0
  const bytes = slice.lender?.from(0)
  slice.lender?.lend().giveBack()
  return bytes?.byteLength ?? 0
}

function keep(tier: Tier, object: number): void {
  const objectKey = `images/2024/${object}.jpg`
  const facts = {
    bucket: 'images',
    objectKey,
    tags: [],
    objectBytes: 1024,
    receivedAt: 1000,
    keepUntil: 1e15,
  }
  const bytesName = `${NAME}${object}`
  const head: Entry = { ...facts, kind: 'head', stored: storedOf(bytesName) }
  void tier.put(headKey('origin', objectKey, undefined), head)
  void tier.put(sliceKey(bytesName, 0), { ...facts, kind: 'slice', bytes: Buffer.alloc(1024, 1) })
}

function storedOf(bytesName: string): StoredHead {
  return {
    outcome: 'object',
    head: {
      size: 1024,
      etag: '"d41d8cd98f00b204e9800998ecf8427e"',
      lastModified: 'Tue, 14 Nov 2023 22:13:20 GMT',
      contentType: 'image/jpeg',
      fields: [],
      metadata: [],
      checksums: [],
      versionId: undefined,
      caching: {
        cacheControl: 'max-age=60',
        cdnCacheControl: undefined,
        pragma: undefined,
        expires: undefined,
        date: undefined,
        age: undefined,
        vary: undefined,
        hasSetCookie: false,
      },
      redirectLocation: undefined,
    },
    bytesName,
    receivedAt: 1000,
    dateAt: 1000,
    initialAgeMs: 0,
    freshUntil: 1e15,
    staleWhileRevalidateUntil: 1e15,
    staleIfErrorUntil: 1e15,
    isAlwaysValidated: false,
    isNeverStale: false,
    selecting: [],
    tags: [],
    keepUntil: 1e15,
  }
}

function firstQuartile(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 4)] ?? 0
}

if (import.meta.main) {
  const rows = measureHits().map(({ step, alone, shared }) => [
    step,
    figure(alone),
    figure(shared),
    figure(shared - alone),
  ])
  console.log(table([['CPU ns', 'one thread’s', 'all threads’', 'more'], ...rows], 1))
}
