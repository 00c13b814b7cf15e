// What the tiers of one thread hold, for whoever looks in from outside.

import { setImmediate as nextTurn } from 'node:timers/promises'

import type { TierCount } from '../exchange/counts.ts'
import { periodsOf } from './decide.ts'
import { DiskTier } from './disk-tier.ts'
import { sliceKey } from './key.ts'
import type { SliceKeys } from './key.ts'
import type { LookupTally } from './lookup-tally.ts'
import { MemoryTier } from './memory-tier.ts'
import type { ByTier } from './purge.ts'
import type { StoredHead } from './stored-head.ts'
import type { Tier, TierName, TierStats } from './tier.ts'

/** Of one bucket a tier does not know everything. */
export type TierCounts = Partial<TierStats>

/** One object as it is kept. */
export interface Inspected {
  readonly stored: StoredHead
  /** The first that has its head. */
  readonly tier: TierName
  readonly softPurgedAt: number | undefined
  readonly freshUntil: number
  readonly staleWhileRevalidateUntil: number
  readonly staleIfErrorUntil: number
  readonly sliceBytes: number
  /** How many there are, and how many of them each tier has. */
  readonly slices: number
  readonly held: ByTier<number>
  /** Those that have its head. */
  readonly tiers: readonly TierName[]
}

const LOOKS_AT_ONCE = 1000

export function statsOf(tiers: readonly Tier[]): ByTier<TierCounts> {
  return Object.fromEntries(tiers.map((tier) => [tier.name, tier.stats()]))
}

/** Memory cannot fail, and what Redis evicts it tells nobody. */
export function countsOf(tier: Tier, isToLook: boolean): TierCount {
  const { name } = tier
  const { evictions, errors, ...counts } = tier.stats(isToLook)
  return {
    name,
    ...counts,
    evictions: name === 'redis' ? undefined : evictions,
    errors: name === 'memory' ? undefined : errors,
  }
}

export function bucketStatsOf(
  tiers: readonly Tier[],
  bucket: string,
  tally: LookupTally | undefined,
): ByTier<TierCounts> {
  const counts = tiers.map((tier) => [
    tier.name,
    { ...held(tier, bucket), ...tally?.of(tier.name) },
  ])
  return Object.fromEntries(counts)
}

function held(tier: Tier, bucket: string): TierCounts {
  const knows = tier instanceof MemoryTier || tier instanceof DiskTier
  return knows ? tier.statsFor(bucket) : {}
}

export interface InspectedHead {
  readonly stored: StoredHead
  readonly tier: TierName
  readonly softPurgedAt: number | undefined
}

export interface InspectedPlace {
  readonly tiers: readonly Tier[]
  readonly headKey: string
  readonly sliceKeys: SliceKeys
  readonly sliceBytes: number
}

export async function inspect(found: InspectedHead, place: InspectedPlace): Promise<Inspected> {
  const { stored, softPurgedAt } = found
  const slices = Math.ceil((stored.head.size ?? 0) / place.sliceBytes)
  const held: Partial<Record<TierName, number>> = {}
  for (const tier of place.tiers) held[tier.name] = await countSlices(tier, place, slices)
  const tiers = place.tiers.filter(
    (tier) => tier.name === found.tier || tier.has?.(place.headKey) === true,
  )
  return {
    ...found,
    ...periodsOf(stored, softPurgedAt),
    sliceBytes: place.sliceBytes,
    slices,
    held,
    tiers: tiers.map(({ name }) => name),
  }
}

async function countSlices(
  tier: Tier,
  { sliceKeys }: InspectedPlace,
  slices: number,
): Promise<number> {
  let count = 0
  for (let index = 0; index < slices; index += 1) {
    if (tier.has?.(sliceKey(sliceKeys, index)) === true) count += 1
    if (index % LOOKS_AT_ONCE === LOOKS_AT_ONCE - 1) await nextTurn()
  }
  return count
}
