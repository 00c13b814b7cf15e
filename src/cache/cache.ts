// The cache of one process: what is known of objects and which of their bytes are held or on their
// way. It decides, keeps and finds; whom to ask for what is missing it is told by whoever uses it.

import { randomUUID } from 'node:crypto'

import { monotonic, now } from '../primitives/clock.ts'
import type { CacheConfig, RedisConfig } from '../config/cache.ts'
import type { CacheCounts } from '../exchange/counts.ts'
import type { Emit } from '../exchange/event.ts'
import { openBanStream } from './ban-stream.ts'
import type { BanStream } from './ban-stream.ts'
import { FillMemory } from './fill-memory.ts'
import { bucketStatsOf, countsOf, statsOf } from './inspect.ts'
import type { Inspected, TierCounts } from './inspect.ts'
import { LookupTally } from './lookup-tally.ts'
import type { Fills, SliceSettings } from './object-slices.ts'
import { openTiers } from './open-tiers.ts'
import { Purges } from './purge.ts'
import type { ByTier } from './purge.ts'
import { RouteCache } from './route-cache.ts'
import type { RouteIdentity } from './route-cache.ts'
import type { Tiers } from './tiers.ts'

export interface CacheUse {
  /** How long what a soft purge covered may be of use to anyone. */
  readonly softMs: number
  /** The most that one bucket may take of memory, and of the disk; undefined for as much as there is. */
  readonly maxBytesOf: (bucket: string) => number | undefined
}

export function openCache(config: CacheConfig, use: CacheUse, emit: Emit): Cache {
  const { softMs, maxBytesOf } = use
  const { sliceBytes, fetchSpanBytes, fillMemoryBytes } = config
  const spanSlices = Math.max(1, Math.floor(fetchSpanBytes / sliceBytes))
  const { redis } = config
  const startedAt = now()
  const trustedFrom = (): number => (fleet === undefined ? ALWAYS : trustedBy(fleet, startedAt))
  // A folder that was away may come back with bans of others.
  const onBack = (): void => comeBack(cache)
  const isAlone = (): boolean => fleet?.isAlone === true
  const tiers = openTiers(config, emit, { onBack, trustedFrom, isAlone, maxBytesOf })
  const keepMs = redis?.ttlMs ?? 0
  const cache = new Cache(tiers, { sliceBytes, spanSlices, fillMemoryBytes, softMs, keepMs })
  const fleet = redis && joinFleet(redis, cache.purges, emit)
  cache.fleet = fleet
  return cache
}

const ALWAYS = Number.NEGATIVE_INFINITY
const NEVER = Number.POSITIVE_INFINITY

/** The instant since which what was received may be served, as far as purges of other nodes go. */
function trustedBy(fleet: BanStream, startedAt: number): number {
  if (fleet.isCurrent()) return ALWAYS
  if (!fleet.isCutOff()) return NEVER
  // While Redis is away nobody can purge through it either: what is held is served meanwhile. But what
  // was purged before this life began is known only to Redis.
  return fleet.hasCaughtUp ? ALWAYS : startedAt
}

/** The disk can be used again, and has been as it was left since. */
function comeBack({ purges, fleet }: Cache): void {
  purges.restore()
  // What it lacks of the bans that were read meanwhile is saved to it now, unless it was not there
  // when they were begun to be read: how far it knew them then has not been looked at.
  if (fleet !== undefined && !purges.isListeningFromDisk) purges.disown(now())
}

/** Purges of other nodes come in, and ours go out. */
function joinFleet(config: RedisConfig, purges: Purges, emit: Emit): BanStream {
  return openBanStream({
    config,
    nodeId: randomUUID(),
    onBan: (ban) => purges.hear(ban),
    onGap: () => purges.disown(now()),
    position: { load: () => purges.heardUntil(), save: (id) => purges.keepHeard(id) },
    emit,
    clocks: { now, monotonic },
    random: Math.random,
  })
}

export interface CacheSettings extends SliceSettings, Pick<CacheUse, 'softMs'> {
  readonly fillMemoryBytes: number
  /** How long at least a ban is kept: what is shared may be swept late. */
  readonly keepMs: number
}

export class Cache {
  readonly tiers: Tiers
  readonly fillMemory: FillMemory
  readonly purges: Purges
  /** The other nodes, where there is a Redis to meet them at. */
  fleet: BanStream | undefined
  readonly #routes = new Map<string, RouteCache>()
  readonly #fills: Fills = new Map()
  readonly #settings: SliceSettings

  constructor(tiers: Tiers, settings: CacheSettings) {
    this.tiers = tiers
    this.#settings = settings
    this.fillMemory = new FillMemory(settings.fillMemoryBytes)
    this.purges = new Purges({ bans: tiers.bans, tiers: tiers.all, now, ...settings })
  }

  forRoute(identity: RouteIdentity): RouteCache {
    const { sliceBytes, spanSlices } = this.#settings
    const settings = { sliceBytes, spanSlices }
    const tally = new LookupTally(this.tiers.all)
    const leases = this.tiers.all.find((tier) => tier.leases !== undefined)?.leases
    const world = { tiers: this.tiers, fills: this.#fills, memory: this.fillMemory, leases }
    const route = new RouteCache(identity, { ...world, settings, tally })
    this.#routes.set(identity.bucket, route)
    return route
  }

  /** Of one bucket, or of all. */
  stats(bucket: string | undefined): ByTier<TierCounts> {
    const { all } = this.tiers
    if (bucket === undefined) return statsOf(all)
    return bucketStatsOf(all, bucket, this.#routes.get(bucket)?.tally)
  }

  /** Of one of the threads that share a tier it is asked to look what that holds. */
  counts(isToLook: boolean): CacheCounts {
    const tiers = this.tiers.all.map((tier) => countsOf(tier, isToLook))
    return { tiers, fillBytes: this.fillMemory.heldBytes, buckets: [...this.#routes.keys()] }
  }

  /** Undefined when nothing is kept that a request could be answered with. */
  async inspect(bucket: string, key: string): Promise<Inspected | undefined> {
    return this.#routes.get(bucket)?.inspect({ key, versionId: undefined })
  }

  async close(): Promise<void> {
    await this.fleet?.close()
    // A sweep under way ends where its tier does.
    await Promise.all([this.purges.close(), this.tiers.close()])
  }
}

export { describeRule } from './ban.ts'
export type { Ban, BanRule } from './ban.ts'
export { describeFreshness, describeHead, describeLifetime, instant } from './describe.ts'
export type { Inspected, SliceRun, TierCounts } from './inspect.ts'
export type { ByTier } from './purge.ts'
export { bytesFrom } from './tier.ts'
export type { Swept } from './tier.ts'
export { decide, periodsOf } from './decide.ts'
export type { Verdict } from './decide.ts'
export { HEAD_RUN } from './lease.ts'
export type { Lease, Leases } from './lease.ts'
export type { FetchRange, ObjectSlices } from './object-slices.ts'
export { SliceBody } from './slice-body.ts'
export { RedisLink } from './redis-link.ts'
export { storeDecision } from './store-decision.ts'
export type { CachePolicy, StorageTerms, StoreDecision } from './store-decision.ts'
export type { StoredHead } from './stored-head.ts'
export type { TierName } from './tier.ts'
export type { Seen } from './tiers.ts'
export type { Lookup, ObjectName, RouteCache, Shelved } from './route-cache.ts'
