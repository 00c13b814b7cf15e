// The rate limits in force: which are asked where, and where they are counted.

import { randomBytes } from 'node:crypto'

import {
  FleetCounts,
  LimitTally,
  LocalCounts,
  needsIdentity,
  Networks,
  placeLimit,
  RateLimits,
} from '../access/access.ts'
import type { AccessLimits, FleetOptions, LimitWorld } from '../access/access.ts'
import { RedisLink } from '../cache/cache.ts'
import type { RedisNews } from '../cache/cache.ts'
import type { RedisConfig } from '../config/cache.ts'
import type { BucketConfig } from '../config/buckets.ts'
import type { Config } from '../config/config.ts'
import { fingerprint } from '../config/transfer.ts'
import { printRateLimit } from '../config/rate-limit.ts'
import type { RateLimitConfig } from '../config/rate-limit.ts'
import type { Emit } from '../exchange/event.ts'
import { now } from '../primitives/clock.ts'
import { Commons } from '../primitives/commons.ts'
import type { Holdings } from '../primitives/commons.ts'
import { allocateSpent, resizeSpent, roomOf } from '../primitives/spent-table.ts'
import type { SpentMemory } from '../primitives/spent-table.ts'

/** What one thread knows of them. */
export interface LimitReport {
  readonly store: 'local' | 'redis'
  /** The nodes cannot meet: each keeps to its share. */
  readonly isDegraded: boolean
  readonly nodes: number
  readonly limits: readonly LimitAccount[]
}

export interface LimitAccount {
  /** Whose own it is; undefined: it holds for all. */
  readonly bucket: string | undefined
  /** In the words of the configuration. */
  readonly settings: object
  /** By the bucket it was asked at. */
  readonly refused: Readonly<Record<string, number>>
  /** Callers that are remembered; undefined where nobody looked. */
  readonly keys: number | undefined
}

type LimitsConfig = Pick<Config, 'rateLimiting' | 'buckets'>

export function hasLimits({ rateLimiting: { enabled, limits }, buckets }: LimitsConfig): boolean {
  return enabled && (limits.length > 0 || buckets.some(({ rateLimit }) => rateLimit.length > 0))
}

/** For all threads of a process; what is known was spent, even where nothing is limited for a while. */
export function allocateLimits(
  config: LimitsConfig,
  known: SpentMemory | undefined,
): SpentMemory | undefined {
  const { maxKeys } = config.rateLimiting
  if (!hasLimits(config)) return known
  if (known === undefined) {
    return allocateSpent(maxKeys, createSecret())
  }
  const isFitting = roomOf(known) === Math.ceil(maxKeys / 8) * 8
  return isFitting ? known : resizeSpent(known, maxKeys, Math.random)
}

/** For hashes that nobody outside can foresee. */
export function createSecret(): Uint32Array {
  return new Uint32Array(new Uint8Array(randomBytes(16)).buffer)
}

/** The way to the other nodes. */
interface Fleet {
  readonly link: RedisLink
  readonly counts: FleetCounts
}

/** What outlives a configuration of limits. */
export class LimitStore {
  readonly tally = new LimitTally()
  readonly redisNews: RedisNews
  readonly fleets = new Commons<Fleet>(({ link, counts }) => {
    counts.close()
    link.close()
  })

  constructor(redisNews: RedisNews) {
    this.redisNews = redisNews
  }
}

interface LiveLimitsOptions {
  readonly config: Config
  readonly memory: SpentMemory
  readonly random: () => number
  readonly emit: Emit
  readonly store: LimitStore
  readonly holdings: Holdings
}

export class LiveLimits {
  readonly #config: Config
  readonly #world: LimitWorld

  constructor(options: LiveLimitsOptions) {
    const { config, memory, random, store: known } = options
    const { store, ipv6Prefix, fleetSize, headers } = config.rateLimiting
    const networks = new Networks(ipv6Prefix)
    const counts = new LocalCounts(memory, networks, random)
    const { redis } = config.cache
    this.#config = config
    const key = fingerprint([redis, counts.id, fleetSize, ipv6Prefix])
    const fleet =
      store === 'redis' && redis !== undefined
        ? options.holdings.take(known.fleets, key, () => {
            const { keyPrefix } = redis
            return openFleet(redis, options, { keyPrefix, nodeId: counts.id, fleetSize, networks })
          }).counts
        : undefined
    this.#world = { counts, fleet, tally: known.tally, isTold: headers, now }
  }

  /** Those that a request for the bucket meets. */
  of(bucket: BucketConfig): AccessLimits {
    const all = this.#config.rateLimiting.limits.map((limit) => ({ limit, isOwn: false }))
    const own = bucket.rateLimit.map((limit) => ({ limit, isOwn: true }))
    const placed = (isWanted: (limit: RateLimitConfig) => boolean): RateLimits | undefined => {
      const wanted = [...all, ...own].filter(({ limit }) => isWanted(limit))
      if (wanted.length === 0) return undefined
      const limits = wanted.map(({ limit, isOwn }) => placeLimit(limit, bucket.name, isOwn))
      return new RateLimits(limits, bucket.name, this.#world)
    }
    return {
      byAddress: placed((limit) => !needsIdentity(limit)),
      byIdentity: placed(needsIdentity),
    }
  }

  /** Those that a request meets that leads to no bucket. */
  ofStrays(): RateLimits | undefined {
    const limits = this.#config.rateLimiting.limits
      .filter((limit) => !needsIdentity(limit) && limit.parts.every(({ kind }) => kind === 'ip'))
      .map((limit) => placeLimit(limit, '', false))
    return limits.length === 0 ? undefined : new RateLimits(limits, '', this.#world)
  }

  /** One of the threads that share the memory looks how many it holds. */
  report(isToLook: boolean): LimitReport {
    const { fleet, counts } = this.#world
    const held = isToLook ? counts.keysHeld() : undefined
    const { rateLimiting, buckets } = this.#config
    const account = (limit: RateLimitConfig, bucket: string | undefined): LimitAccount => {
      const names = bucket === undefined ? buckets.map(({ name }) => name) : [bucket]
      const places = names.map((name) => placeLimit(limit, name, bucket !== undefined))
      const owners = new Set(places.map((place) => counts.counted(place).low))
      const keys = held && [...owners].reduce((sum, owner) => sum + (held.get(owner) ?? 0), 0)
      return {
        bucket,
        settings: printRateLimit(limit),
        refused: this.#refused(limit, bucket),
        keys,
      }
    }
    return {
      store: rateLimiting.store,
      isDegraded: fleet?.isUp === false,
      nodes: fleet?.size ?? 1,
      limits: [
        ...rateLimiting.limits.map((limit) => account(limit, undefined)),
        ...buckets.flatMap(({ name, rateLimit }) => rateLimit.map((limit) => account(limit, name))),
      ],
    }
  }

  #refused({ name }: RateLimitConfig, bucket: string | undefined): Record<string, number> {
    const counts = this.#world.tally
      .read()
      .filter((count) => count.limit === name && (bucket === undefined || count.bucket === bucket))
    return Object.fromEntries(counts.map((count) => [count.bucket, count.refused]))
  }
}

function openFleet(
  redis: RedisConfig,
  { random, emit, store }: Pick<LiveLimitsOptions, 'random' | 'emit' | 'store'>,
  options: Omit<FleetOptions, 'link'>,
): Fleet {
  const link = linkTo(redis, random, emit, store.redisNews)
  const counts = new FleetCounts({ link, ...options })
  counts.start()
  return { link, counts }
}

/** A way to Redis of its own: a limit waits behind no object, and its trouble has other words. */
function linkTo(config: RedisConfig, random: () => number, emit: Emit, news: RedisNews): RedisLink {
  return new RedisLink({
    config,
    random,
    news,
    emit: (event) => {
      if (event.kind !== 'tier') emit(event)
      else emit({ kind: 'rate-limits', state: event.state, reason: event.reason })
    },
  })
}
