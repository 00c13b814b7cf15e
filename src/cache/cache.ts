// The cache of one process: what is known of objects and which of their bytes are held or on their
// way. It decides, keeps and finds; whom to ask for what is missing it is told by whoever uses it.

import { randomUUID } from 'node:crypto'

import { monotonic, now } from '../primitives/clock.ts'
import type { CacheConfig, RedisConfig } from '../config/cache.ts'
import { fingerprint } from '../config/transfer.ts'
import type { CacheCounts } from '../exchange/counts.ts'
import type { Emit } from '../exchange/event.ts'
import type { Ban } from './ban.ts'
import { openBanStream } from './ban-stream.ts'
import type { BanStream } from './ban-stream.ts'
import { DepartedCounts } from './departed-counts.ts'
import { FillMemory } from './fill-memory.ts'
import { bucketStatsOf, countsOf, statsOf } from './inspect.ts'
import type { Inspected, TierCounts } from './inspect.ts'
import type { Leases } from './lease.ts'
import { LookupTally } from './lookup-tally.ts'
import type { Fills, SliceSettings } from './object-slices.ts'
import { limitsOf, openTier } from './open-tiers.ts'
import type { SharedTierPlace } from './open-tiers.ts'
import { Purges } from './purge.ts'
import type { ByTier, PurgesOptions } from './purge.ts'
import type { RedisNews } from './redis-news.ts'
import { nextShape, readiness, resizeTiers } from './reshape.ts'
import { RouteCache } from './route-cache.ts'
import type { RouteIdentity } from './route-cache.ts'
import { SharedTier } from './shared-tier.ts'
import type { Tier } from './tier.ts'
import { Tiers } from './tiers.ts'

export interface CacheUse {
  /** How long what a soft purge covered may be of use to anyone. */
  readonly softMs: number
  /** The most that one bucket may take of memory, and of the disk; undefined for as much as there is. */
  readonly maxBytesOf: (bucket: string) => number | undefined
  /** What this thread hears of Redis by other ways to it. */
  readonly redisNews?: RedisNews
  /** How this thread agrees with the others of the process who fetches what. */
  readonly threadLeases?: Leases | undefined
  /** Undefined where this is the only thread. */
  readonly sharedMemory: SharedTierPlace | undefined
}

export function openCache(config: CacheConfig, use: CacheUse, emit: Emit): Cache {
  return new Cache(config, use, emit)
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

/** Purges of other nodes come in, and ours go out. `isNew`: what is known until where is of another. */
function joinFleet(config: RedisConfig, purges: Purges, emit: Emit, isNew: boolean): BanStream {
  return openBanStream({
    config,
    nodeId: randomUUID(),
    onBan: (ban) => purges.hear(ban),
    onGap: () => purges.disown(now()),
    position: {
      load: () => (isNew ? undefined : purges.heardUntil()),
      save: (id) => purges.keepHeard(id),
    },
    outbox: purges.outbox,
    emit,
    clocks: { now, monotonic },
    random: Math.random,
  })
}

/** Where the nodes meet, whatever else is said of it. */
function meetingPlace(redis: RedisConfig | undefined): string {
  return fingerprint([redis?.url, redis?.sentinel, redis?.cluster, redis?.db, redis?.keyPrefix])
}

/** What is ready to be in force. */
export interface CacheChange {
  /** In one turn. */
  apply(): void
  /** It is not to be. */
  abandon(): void
}

export class Cache {
  readonly tiers: Tiers
  readonly fillMemory: FillMemory
  readonly purges: Purges
  /** The other nodes, where there is a Redis to meet them at. */
  fleet: BanStream | undefined
  readonly #emit: Emit
  readonly #startedAt = now()
  readonly #fills: Fills = new Map()
  readonly #tallies = new Map<string, LookupTally>()
  /** What tiers have counted that are there no more. */
  readonly #departed = new DepartedCounts()
  #routes: ReadonlyMap<string, RouteCache> = new Map()
  #config: CacheConfig
  #use: CacheUse

  constructor(config: CacheConfig, use: CacheUse, emit: Emit) {
    this.#config = config
    this.#use = use
    this.#emit = emit
    const tiers = config.layers.flatMap((layer) => this.#openTier(layer, config, use) ?? [])
    this.tiers = new Tiers(tiers, limitsOf(config, this.#trust), use.threadLeases)
    this.fillMemory = new FillMemory(config.fillMemoryBytes)
    this.purges = new Purges(this.#purgesOptions())
    this.fleet = config.redis && joinFleet(config.redis, this.purges, emit, false)
  }

  /** When what it kept in an earlier life can be had, or Redis has been waited for long enough. */
  get opened(): Promise<void> {
    const { fleet } = this
    return readiness(fleet === undefined ? this.tiers.all : [...this.tiers.all, fleet])
  }

  /** As a bucket's requests see it; what is told of a bucket is told of those that are `serving`. */
  forRoute(identity: RouteIdentity, settings: CacheConfig = this.#config): RouteCache {
    const { bucket } = identity
    const tally = this.#tallies.get(bucket) ?? new LookupTally(this.tiers.all)
    this.#tallies.set(bucket, tally)
    const { tiers } = this
    return new RouteCache(identity, {
      tiers,
      fills: this.#fills,
      memory: this.fillMemory,
      settings: sliceSettings(settings),
      tally,
      get circles() {
        return tiers.circles
      },
    })
  }

  /** From now on, by bucket. */
  set serving(routes: ReadonlyMap<string, RouteCache>) {
    this.#routes = routes
  }

  /** Opens what another configuration needs, and changes nothing that there is. */
  async prepare(config: CacheConfig, use: CacheUse): Promise<CacheChange> {
    const from = this.#config
    const isNew = meetingPlace(from.redis) !== meetingPlace(config.redis)
    const next = await nextShape({ tiers: this.tiers.all, fleet: this.fleet }, from, config, {
      tier: (layer) => this.#openTier(layer, config, use),
      fleet: () => config.redis && joinFleet(config.redis, this.purges, this.#emit, isNew),
    })
    return {
      apply: () => {
        this.#config = config
        this.#use = use
        for (const tier of this.tiers.all) if (next.left.includes(tier)) this.#departed.add(tier)
        this.tiers.replace(next.tiers, limitsOf(config, this.#trust))
        for (const tally of this.#tallies.values()) tally.follow(next.tiers)
        this.fleet = next.fleet
        this.fillMemory.resize(config.fillMemoryBytes)
        // A folder that is new here may have bans of others, or of an earlier life.
        this.purges.restore()
        resizeTiers(next.tiers, config, use.sharedMemory?.memory)
        this.#closeAll(next.left)
      },
      abandon: () => this.#closeAll(next.opened),
    }
  }

  /** Of one bucket, or of all. */
  stats(bucket: string | undefined): ByTier<TierCounts> {
    const { all } = this.tiers
    if (bucket === undefined) return statsOf(all)
    return bucketStatsOf(all, bucket, this.#tallies.get(bucket))
  }

  /** Of one of the threads that share a tier it is asked to look what that holds. */
  counts(isToLook: boolean): CacheCounts {
    const tiers = this.#departed.addedTo(this.tiers.all.map((tier) => countsOf(tier, isToLook)))
    return { tiers, fillBytes: this.fillMemory.heldBytes, buckets: [...this.#routes.keys()] }
  }

  /**
   * What other threads keep in memory that is shared, has been there before this one: it is believed with
   * the bans that they know, and where nobody could tell them, not at all.
   */
  inherit(bans: readonly Ban[] | undefined): void {
    for (const ban of bans ?? []) this.purges.declare(ban)
    if (bans !== undefined) return
    for (const tier of this.tiers.all) if (tier instanceof SharedTier) tier.clear()
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

  readonly #trust = {
    trustedFrom: (): number => {
      const { fleet } = this
      return fleet === undefined ? ALWAYS : trustedBy(fleet, this.#startedAt)
    },
  }

  #openTier(
    layer: CacheConfig['layers'][number],
    config: CacheConfig,
    { redisNews, sharedMemory }: CacheUse,
  ): Tier | undefined {
    return openTier(layer, config, this.#emit, {
      ...this.#trust,
      // A folder that was away may come back with bans of others.
      onBack: () => this.#comeBack(),
      redisNews,
      sharedMemory,
      isAlone: () => this.fleet?.isAlone === true,
      maxBytesOf: (bucket) => this.#use.maxBytesOf(bucket),
    })
  }

  /** The disk can be used again, and has been as it was left since. */
  #comeBack(): void {
    const { purges, fleet } = this
    purges.restore()
    // What it lacks of the bans that were read meanwhile is saved to it now, unless it was not there
    // when they were begun to be read: how far it knew them then has not been looked at.
    if (fleet !== undefined && !purges.isListeningFromDisk) purges.disown(now())
  }

  #purgesOptions(): PurgesOptions {
    const { tiers } = this
    const current = (): CacheUse & { readonly keepMs: number } => ({
      ...this.#use,
      keepMs: this.#config.redis?.ttlMs ?? 0,
    })
    return {
      bans: tiers.bans,
      now,
      get tiers() {
        return tiers.all
      },
      get softMs() {
        return current().softMs
      },
      get keepMs() {
        return current().keepMs
      },
    }
  }

  #closeAll(all: readonly (Tier | BanStream)[]): void {
    for (const one of all) {
      one.close().catch((error: unknown) => this.#emit({ kind: 'bug', error }))
    }
  }
}

function sliceSettings({ sliceBytes, fetchSpanBytes }: CacheConfig): SliceSettings {
  return { sliceBytes, spanSlices: Math.max(1, Math.floor(fetchSpanBytes / sliceBytes)) }
}

export { describeRule, isTooLate } from './ban.ts'
export type { Ban, BanRule } from './ban.ts'
export { describeFreshness, describeHead, describeLifetime, instant } from './describe.ts'
export type { Inspected, SliceRun, TierCounts } from './inspect.ts'
export type { ByTier } from './purge.ts'
export { bytesFrom } from './tier.ts'
export type { Swept } from './tier.ts'
export { decide, periodsOf } from './decide.ts'
export type { Verdict } from './decide.ts'
export { FillMemory } from './fill-memory.ts'
export { HEAD_RUN } from './lease.ts'
export type { Circle, Lease } from './lease.ts'
export type { FetchRange, ObjectSlices } from './object-slices.ts'
export { SliceBody } from './slice-body.ts'
export { RedisLink } from './redis-link.ts'
export { RedisNews } from './redis-news.ts'
export { ThreadLeases } from './thread-leases.ts'
export { storeDecision } from './store-decision.ts'
export type { CachePolicy, StorageTerms, StoreDecision } from './store-decision.ts'
export { createSharedTierMemory } from './shared-memory.ts'
export type { SharedTierMemory } from './shared-memory.ts'
export type { SharedTierPlace } from './open-tiers.ts'
export { forgetReader } from './shared-store.ts'
export type { StoredHead } from './stored-head.ts'
export type { TierName } from './tier.ts'
export type { Seen } from './tiers.ts'
export type { Lookup, ObjectName, RouteCache, Shelved } from './route-cache.ts'
