// What is kept of an object, in the words operators read it in.

import { currentAgeMs } from '../http/freshness.ts'
import type { Periods } from './decide.ts'
import { explainLifetime } from './store-decision.ts'
import type { CachePolicy, Lifetime } from './store-decision.ts'
import type { StoredHead } from './stored-head.ts'

export function describeHead({ outcome, head, tags }: StoredHead): object {
  if (outcome === 'absent') return { status: 404, tags }
  const { size, etag, contentType } = head
  return { status: 200, size, etag, content_type: contentType, tags }
}

export function describeFreshness(stored: StoredHead, periods: Periods, now: number): object {
  const { freshUntil, staleWhileRevalidateUntil, staleIfErrorUntil } = periods
  const ageMs = currentAgeMs(stored.initialAgeMs, stored.receivedAt, now)
  return {
    state: stateOf(stored, periods, now),
    age: Math.floor(ageMs / 1000),
    ttl: Math.round((freshUntil - now) / 1000),
    fresh_until: instant(freshUntil),
    stale_while_revalidate_until: instant(staleWhileRevalidateUntil),
    stale_if_error_until: instant(staleIfErrorUntil),
  }
}

function stateOf(stored: StoredHead, periods: Periods, now: number): string {
  if (stored.isAlwaysValidated) return 'always-validated'
  if (now < periods.freshUntil) return 'fresh'
  if (now < periods.staleWhileRevalidateUntil) return 'stale-while-revalidate'
  return now < periods.staleIfErrorUntil ? 'stale-if-error' : 'stale'
}

/** How long it was fresh when it came, and who said so: the policy is the one in force now. */
export function describeLifetime(stored: StoredHead, policy: CachePolicy): object {
  const { outcome, head, receivedAt, freshUntil } = stored
  const { source, boundedBy }: Lifetime = explainLifetime(
    {
      status: outcome === 'absent' ? 404 : 200,
      ...head.caching,
      hasValidator: head.etag !== undefined || head.lastModified !== undefined,
      size: head.size,
      requestedAt: receivedAt,
      receivedAt,
    },
    policy,
  )
  const bound = boundedBy === undefined ? {} : { bounded_by: boundedBy }
  return { seconds: Math.round((freshUntil - receivedAt) / 1000), source, ...bound }
}

export function instant(at: number): string | null {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}
