// What a request is told that the cache had to do with it (RFC 9211).

import { now } from '../primitives/clock.ts'
import { periodsOf } from '../cache/cache.ts'
import type { Lookup, StoredHead } from '../cache/cache.ts'
import type { CacheOutcome, ForwardReason } from '../http/cache-status.ts'

export interface Stored {
  readonly stored: StoredHead
  readonly lookup: Lookup
}

export function hit(
  { stored, lookup }: Stored,
  at: number,
): Extract<CacheOutcome, { kind: 'hit' }> {
  const ttlS = ttlOf(stored, lookup, at)
  return { kind: 'hit', isStale: ttlS <= 0, ttlS, detail: lookup.tier ?? 'memory' }
}

/** Asked for anew, in vain or for too long: what is stale is sent instead. */
export function instead({ stored, lookup }: Stored): CacheOutcome {
  return { ...forwarded('stale'), isStale: true, ttlS: ttlOf(stored, lookup, now()) }
}

function ttlOf(stored: StoredHead, { softPurgedAt }: Lookup, at: number): number {
  return (periodsOf(stored, softPurgedAt).freshUntil - at) / 1000
}

/** The head was there, the bytes are not. */
export function lackingBytes(
  { isStale, ttlS }: Extract<CacheOutcome, { kind: 'hit' }>,
  isCollapsed: boolean,
): CacheOutcome {
  return { ...forwarded('partial'), isStored: true, isCollapsed, isStale, ttlS }
}

export function forwarded(reason: ForwardReason): Extract<CacheOutcome, { kind: 'forward' }> {
  return { kind: 'forward', reason, isStored: false, isCollapsed: false }
}
