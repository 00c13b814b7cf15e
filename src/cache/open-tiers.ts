// The tiers that the configuration names, in its order.

import { now } from '../primitives/clock.ts'
import type { CacheConfig } from '../config/cache.ts'
import type { Emit } from '../exchange/event.ts'
import { openDiskTier } from './disk-tier.ts'
import { MemoryTier } from './memory-tier.ts'
import type { RedisNews } from './redis-news.ts'
import { openRedisTier } from './redis-tier.ts'
import type { SharedTierMemory } from './shared-memory.ts'
import { SharedTier } from './shared-tier.ts'
import type { Tier } from './tier.ts'
import type { TierLimits } from './tiers.ts'

/** The memory of the tier that all threads share, and which of them this is. */
export interface SharedTierPlace {
  readonly memory: SharedTierMemory
  readonly lane: number
}

export interface TiersUse {
  /** Called when a tier that was lost can be used again. */
  readonly onBack: () => void
  /** Purges may have been missed: what was received before this instant is not to be believed. */
  readonly trustedFrom: () => number
  /** What is heard of Redis by other ways to it. */
  readonly redisNews: RedisNews | undefined
  /** No other node uses the same Redis. */
  readonly isAlone: () => boolean
  /** What the entries of one bucket may take in each tier that is bounded here. */
  readonly maxBytesOf: (bucket: string) => number | undefined
  /** Undefined where there is no other thread. */
  readonly sharedMemory: SharedTierPlace | undefined
}

export function limitsOf(
  { memory, redis }: CacheConfig,
  { trustedFrom }: Pick<TiersUse, 'trustedFrom'>,
): TierLimits {
  const maxObjectBytes = {
    memory: memory.maxItemBytes,
    ...(redis && { redis: redis.maxItemBytes }),
  }
  return { maxObjectBytes, trustedFrom }
}

/** Undefined where there is no Redis to keep anything in. */
export function openTier(
  layer: CacheConfig['layers'][number],
  { memory, disk, redis }: CacheConfig,
  emit: Emit,
  { onBack, redisNews: news, isAlone, maxBytesOf, sharedMemory }: TiersUse,
): Tier | undefined {
  switch (layer) {
    case 'memory':
      return sharedMemory === undefined
        ? new MemoryTier({ maxBytes: memory.maxBytes, maxBytesOf, now })
        : new SharedTier({ ...sharedMemory, maxBytesOf, now })
    case 'disk':
      return openDiskTier({ ...disk, maxBytesOf, now, emit, onBack })
    case 'redis':
      return (
        redis && openRedisTier({ config: redis, now, emit, random: Math.random, news, isAlone })
      )
  }
}
