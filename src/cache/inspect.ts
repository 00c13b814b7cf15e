// What the tiers of one thread hold, for whoever looks in from outside.

import { setImmediate as nextTurn } from 'node:timers/promises'

import type { TierCount } from '../exchange/counts.ts'
import { periodsOf } from './decide.ts'
import { DiskTier } from './disk-tier.ts'
import { sliceKey } from './key.ts'
import type { LookupTally } from './lookup-tally.ts'
import { MemoryTier } from './memory-tier.ts'
import type { ByTier } from './purge.ts'
import { SharedTier } from './shared-tier.ts'
import type { StoredHead } from './stored-head.ts'
import type { Tier, TierName, TierStats } from './tier.ts'
import type { Seen } from './tiers.ts'

/** Of one bucket a tier does not know everything. */
export type TierCounts = Partial<TierStats>

export type SliceRun = readonly [first: number, last: number]

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
  /** Which: numbers of first and last, of each run. */
  readonly runs: ByTier<readonly SliceRun[]>
  /** Those that have its head. */
  readonly tiers: readonly TierName[]
}

const LOOKS_AT_ONCE = 1000
/** Of more slices than this a tier that has to be asked for each is not asked. */
const MOST_QUESTIONS = 10_000

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
  const isInMemory = tier instanceof MemoryTier || tier instanceof SharedTier
  return isInMemory || tier instanceof DiskTier ? tier.statsFor(bucket) : {}
}

export interface InspectedHead {
  readonly stored: StoredHead
  readonly tier: TierName
  readonly softPurgedAt: number | undefined
}

export interface InspectedPlace {
  readonly tiers: readonly Tier[]
  /** Heads under its name. */
  readonly seen: readonly Seen[]
  readonly bytesName: string
  readonly sliceBytes: number
}

export async function inspect(found: InspectedHead, place: InspectedPlace): Promise<Inspected> {
  const { stored, softPurgedAt } = found
  const slices = Math.ceil((stored.head.size ?? 0) / place.sliceBytes)
  const runs: Partial<Record<TierName, readonly SliceRun[]>> = {}
  for (const tier of place.tiers) runs[tier.name] = await runsIn(tier, place, slices)
  const held = Object.entries(runs).map(([tier, its]) => [tier, lengthOf(its)])
  const believed = place.seen.filter(({ ban }) => ban === undefined || ban.isSoft)
  return {
    ...found,
    ...periodsOf(stored, softPurgedAt),
    sliceBytes: place.sliceBytes,
    slices,
    held: Object.fromEntries(held),
    runs,
    tiers: believed.map(({ tier }) => tier),
  }
}

function lengthOf(runs: readonly SliceRun[]): number {
  return runs.reduce((sum, [first, last]) => sum + last - first + 1, 0)
}

async function runsIn(tier: Tier, place: InspectedPlace, slices: number): Promise<SliceRun[]> {
  const runs: [first: number, last: number][] = []
  for (let start = 0; start < slices; start += LOOKS_AT_ONCE) {
    const length = Math.min(LOOKS_AT_ONCE, slices - start)
    const keys = Array.from({ length }, (_, index) => sliceKey(place.bytesName, start + index))
    const kept = await keptOf(tier, keys, slices)
    for (const [index, isKept] of kept.entries()) if (isKept) extend(runs, start + index)
    await nextTurn()
  }
  return runs
}

function keptOf(
  tier: Tier,
  keys: readonly string[],
  slices: number,
): readonly boolean[] | Promise<readonly boolean[]> {
  if (tier.haveAll !== undefined && slices <= MOST_QUESTIONS) return tier.haveAll(keys)
  return keys.map((key) => tier.has?.(key) === true)
}

function extend(runs: [first: number, last: number][], index: number): void {
  const run = runs.at(-1)
  if (run !== undefined && run[1] === index - 1) run[1] = index
  else runs.push([index, index])
}
