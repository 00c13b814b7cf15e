// A cache that is to be another from some moment on: what has to be opened for that is opened before,
// and what is of no more use is closed behind it. What is held in tiers that stay, is held on.

import { setTimeout as after } from 'node:timers/promises'

import type { CacheConfig } from '../config/cache.ts'
import { fingerprint } from '../config/transfer.ts'
import { BanStream } from './ban-stream.ts'
import { DiskTier } from './disk-tier.ts'
import { MemoryTier } from './memory-tier.ts'
import { RedisTier } from './redis-tier.ts'
import type { SharedTierMemory } from './shared-memory.ts'
import { SharedTier } from './shared-tier.ts'
import type { Tier } from './tier.ts'

/** How long a new Redis is waited for: without it, it is as if that were away. */
const REDIS_MS = 1000

export interface Opening {
  readonly tier: (layer: CacheConfig['layers'][number]) => Tier | undefined
  readonly fleet: () => BanStream | undefined
}

export interface Shape {
  readonly tiers: readonly Tier[]
  readonly fleet: BanStream | undefined
}

export interface NextShape extends Shape {
  /** Those of them that were not there before. */
  readonly opened: readonly (Tier | BanStream)[]
  /** What was there and is to go. */
  readonly left: readonly (Tier | BanStream)[]
}

export async function nextShape(
  now: Shape,
  from: CacheConfig,
  to: CacheConfig,
  open: Opening,
): Promise<NextShape> {
  const isSameRedis = fingerprint(from.redis) === fingerprint(to.redis)
  const stays = ({ name }: Tier): boolean => name !== 'redis' || isSameRedis
  const layers = to.enabled ? to.layers : []
  const tiers = layers.flatMap((layer) => {
    const known = now.tiers.find((tier) => tier.name === layer && stays(tier))
    return known ?? open.tier(layer) ?? []
  })
  const isSameFleet = isSameRedis && from.enabled === to.enabled
  const fleet = isSameFleet ? now.fleet : to.enabled ? open.fleet() : undefined
  const before = [...now.tiers, now.fleet]
  const later = [...tiers, fleet]
  const next = {
    tiers,
    fleet,
    opened: later.filter((one) => one !== undefined).filter((one) => !before.includes(one)),
    left: before.filter((one) => one !== undefined).filter((one) => !later.includes(one)),
  }
  await readiness(next.opened)
  return next
}

/** Until what needs Redis has met it, and nothing that was kept before is doubted any more. */
export async function readiness(opened: NextShape['opened']): Promise<void> {
  const waits: Promise<void>[] = opened.flatMap((one) => {
    if (one instanceof RedisTier) return [one.opened]
    return one instanceof BanStream ? [one.caughtUp] : []
  })
  if (waits.length === 0) return
  const patience = new AbortController()
  const { signal } = patience
  await Promise.race([
    Promise.all(waits),
    after(REDIS_MS, undefined, { signal }).catch(() => undefined),
  ])
  patience.abort()
}

/** The sizes of those that stay; what is too much goes. */
export function resizeTiers(
  tiers: readonly Tier[],
  { memory, disk }: CacheConfig,
  sharedMemory: SharedTierMemory | undefined,
): void {
  for (const tier of tiers) {
    if (tier instanceof SharedTier && sharedMemory !== undefined) void tier.follow(sharedMemory)
    else if (tier instanceof MemoryTier) void tier.resize(memory.maxBytes)
    // A folder that fails says so itself.
    else if (tier instanceof DiskTier) void tier.resize(disk.maxBytes)
  }
}
