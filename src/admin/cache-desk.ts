// What can be asked of the caches of all threads together, and how it is answered.

import type { ByTier, Inspected, Swept, TierCounts } from '../cache/cache.ts'
import { currentAgeMs } from '../http/freshness.ts'
import { describeRule } from './purge-order.ts'
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
      head: headOf(inspected),
      freshness: freshnessOf(inspected, now),
      ...(softPurgedAt === undefined ? {} : { soft_purged_at: instant(softPurgedAt) }),
      slices: { size: sliceBytes, total: slices, held },
      tiers,
      received_at: instant(stored.receivedAt),
    },
  }
}

function headOf({ stored }: Inspected): object {
  const { outcome, head, tags } = stored
  if (outcome === 'absent') return { status: 404, tags }
  const { size, etag, contentType } = head
  return { status: 200, size, etag, content_type: contentType, tags }
}

function freshnessOf(inspected: Inspected, now: number): object {
  const { stored, freshUntil, staleWhileRevalidateUntil, staleIfErrorUntil } = inspected
  const ageMs = currentAgeMs(stored.initialAgeMs, stored.receivedAt, now)
  return {
    state: stateOf(inspected, now),
    age: Math.floor(ageMs / 1000),
    ttl: Math.round((freshUntil - now) / 1000),
    fresh_until: instant(freshUntil),
    stale_while_revalidate_until: instant(staleWhileRevalidateUntil),
    stale_if_error_until: instant(staleIfErrorUntil),
  }
}

function stateOf(inspected: Inspected, now: number): string {
  if (inspected.stored.isAlwaysValidated) return 'always-validated'
  if (now < inspected.freshUntil) return 'fresh'
  if (now < inspected.staleWhileRevalidateUntil) return 'stale-while-revalidate'
  return now < inspected.staleIfErrorUntil ? 'stale-if-error' : 'stale'
}

function instant(at: number): string | null {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}
