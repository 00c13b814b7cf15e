// What can be asked of the caches of all threads together, and how it is answered.

import { describeFreshness, describeHead, describeRule, instant } from '../cache/cache.ts'
import type { ByTier, Inspected, Swept, TierCounts } from '../cache/cache.ts'
import type { PurgeOrder } from './purge-order.ts'

export interface CacheDesk {
  purge(order: PurgeOrder): Promise<Purged>
  stats(bucket: string | undefined): Promise<ByTier<TierCounts>>
  /** Undefined when nothing is stored. */
  inspect(bucket: string, key: string): Promise<Inspected | undefined>
}

export interface Purged extends Swept {
  /**
   * 'ok': in force in every thread, and there to stay. Not so otherwise: some thread has not said
   * that it knows, or a crash could take it back.
   */
  readonly state: 'ok' | 'unconfirmed' | 'not_durable'
  /** Those that have said that it is in force, of those that lived when last heard of. */
  readonly nodes: { readonly acknowledged: number; readonly known: number }
}

export interface DeskAnswer {
  readonly status: number
  readonly value: object
}

export function purgeAnswer(
  order: PurgeOrder,
  { state, entries, bytes, nodes }: Purged,
): DeskAnswer {
  const { rule, isDryRun } = order
  const dryRun = isDryRun ? { dry_run: true } : {}
  return {
    status: state === 'ok' ? 200 : 503,
    value: { status: state, rule: describeRule(rule), ...dryRun, entries, bytes, nodes },
  }
}

export function statsAnswer(tiers: ByTier<TierCounts>): DeskAnswer {
  const value = Object.fromEntries(
    Object.entries(tiers).map(([name, counts]) => [name, withRate(counts)]),
  )
  return { status: 200, value }
}

/** What a tier does not know of one bucket is left out. */
function withRate({ hits, misses, entries, bytes, evictions, errors }: TierCounts): object {
  const asked = (hits ?? 0) + (misses ?? 0)
  const rate = hits === undefined || misses === undefined ? undefined : hits / Math.max(1, asked)
  return { hits, misses, entries, bytes, evictions, errors, hit_rate: rate }
}

export function infoAnswer(inspected: Inspected, now: number): DeskAnswer {
  const { stored, softPurgedAt, held, slices, sliceBytes, tiers } = inspected
  return {
    status: 200,
    value: {
      head: describeHead(stored),
      freshness: describeFreshness(stored, inspected, now),
      ...(softPurgedAt === undefined ? {} : { soft_purged_at: instant(softPurgedAt) }),
      slices: { size: sliceBytes, total: slices, held },
      tiers,
      received_at: instant(stored.receivedAt),
    },
  }
}
