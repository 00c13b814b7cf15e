// What to do with a request, from what is stored for it, what it asks for, and the time: a table with
// no memory. RFC 9111 §4 says when a stored answer may be used, §5.2.1 what a request may ask.

import { NO_REQUEST_DIRECTIVES } from '../http/cache-control.ts'
import type { RequestDirectives } from '../http/cache-control.ts'
import { currentAgeMs } from '../http/freshness.ts'
import type { CachePolicy, StorageTerms } from './store-decision.ts'

export type Verdict =
  | { readonly kind: 'serve'; readonly why: 'fresh' | 'max-stale' }
  /** Serve it stale now, renew it behind. */
  | { readonly kind: 'refresh' }
  /** Ask the origin first, with the stored validators where there are some. */
  | {
      readonly kind: 'revalidate'
      /** 'request': it is fresh, but the client wants to be sure. */
      readonly why: 'stale' | 'request'
      /** If the origin fails or is slow before this instant, what is stored may be sent; 0: never. */
      readonly staleIfErrorUntil: number
      /** This long is slow; 0: nothing is. */
      readonly staleIfSlowMs: number
    }
  | { readonly kind: 'fetch'; readonly why: 'uri-miss' | 'vary-miss' }
  /** `only-if-cached`, and it is not (RFC 9111 §5.2.1.7): 504. */
  | { readonly kind: 'refuse' }

export interface CacheQuestion {
  /** The one that the request's fields select. */
  readonly stored: StorageTerms | undefined
  /** Something is stored for this object, but for other requests. */
  readonly hasOtherVariants: boolean
  readonly request: RequestDirectives
  /** When the oldest soft purge that covers it was declared. */
  readonly softPurgedAt: number | undefined
  readonly policy: Pick<CachePolicy, 'staleIfSlowMs' | 'honourRequestDirectives'>
}

export interface Periods {
  readonly freshUntil: number
  readonly staleWhileRevalidateUntil: number
  readonly staleIfErrorUntil: number
}

export function decide(question: CacheQuestion, now: number): Verdict {
  const { policy } = question
  const request = policy.honourRequestDirectives ? question.request : NO_REQUEST_DIRECTIVES
  const verdict = verdictOn(question, request, now)
  const asksOrigin = verdict.kind === 'revalidate' || verdict.kind === 'fetch'
  return asksOrigin && request.onlyIfCached ? { kind: 'refuse' } : verdict
}

/** A soft purge makes stale at once; how long stale use is allowed counts from then on. */
export function periodsOf(stored: StorageTerms, softPurgedAt: number | undefined): Periods {
  const endedAt = Math.min(stored.freshUntil, softPurgedAt ?? Infinity)
  const earlierMs = stored.freshUntil - endedAt
  return {
    freshUntil: endedAt,
    staleWhileRevalidateUntil: stored.staleWhileRevalidateUntil - earlierMs,
    staleIfErrorUntil: stored.staleIfErrorUntil - earlierMs,
  }
}

// The request's no-store plays no part: it does not reach what is stored already (§5.2.1.5).
function verdictOn(question: CacheQuestion, request: RequestDirectives, now: number): Verdict {
  const { stored } = question
  if (stored === undefined || now >= stored.keepUntil)
    return { kind: 'fetch', why: question.hasOtherVariants ? 'vary-miss' : 'uri-miss' }

  const periods = periodsOf(stored, question.softPurgedAt)
  const isFresh = now < periods.freshUntil && !stored.isAlwaysValidated
  const isYoungEnough = !request.noCache && acceptsAge(request, stored, now)
  if (isFresh) {
    if (isYoungEnough && staysFresh(request, periods, now)) return { kind: 'serve', why: 'fresh' }
    return revalidation({ ...question, request }, stored, periods, 'request')
  }
  const staleMs = now - periods.freshUntil
  if (isYoungEnough && !stored.isAlwaysValidated && acceptsStale(request, staleMs)) {
    if (now < periods.staleWhileRevalidateUntil) return { kind: 'refresh' }
    if (request.maxStaleS !== undefined && !stored.isNeverStale)
      return { kind: 'serve', why: 'max-stale' }
  }
  return revalidation({ ...question, request }, stored, periods, 'stale')
}

/** §5.2.1.1. 0 is what a browser's reload sends: it never means "if you have it from this instant". */
function acceptsAge({ maxAgeS }: RequestDirectives, stored: StorageTerms, now: number): boolean {
  if (maxAgeS === undefined) return true
  const ageMs = currentAgeMs(stored.initialAgeMs, stored.receivedAt, now)
  return maxAgeS > 0 && ageMs <= maxAgeS * 1000
}

/** §5.2.1.3. */
function staysFresh({ minFreshS }: RequestDirectives, periods: Periods, now: number): boolean {
  return minFreshS === undefined || periods.freshUntil - now >= minFreshS * 1000
}

/** max-age and min-fresh ask for something fresh (§5.2.1.1, §5.2.1.3), max-stale says how stale (§5.2.1.2). */
function acceptsStale(request: RequestDirectives, staleMs: number): boolean {
  const { maxAgeS, minFreshS, maxStaleS } = request
  if (minFreshS !== undefined) return false
  if (maxStaleS === undefined) return maxAgeS === undefined
  return maxStaleS === 'any' || staleMs <= maxStaleS * 1000
}

function revalidation(
  question: CacheQuestion,
  stored: StorageTerms,
  periods: Periods,
  why: 'stale' | 'request',
): Verdict {
  const { request, policy } = question
  // A client that asks for the origin's word waits for it; failing that, an answer beats an error.
  const waits = why === 'request' || request.noCache || !acceptsStale(request, 0)
  return {
    kind: 'revalidate',
    why,
    staleIfErrorUntil: staleIfErrorUntil(request, stored, periods),
    staleIfSlowMs: waits ? 0 : policy.staleIfSlowMs,
  }
}

/** A request's own stale-if-error (RFC 5861 §4) widens or narrows what is allowed, for itself alone. */
function staleIfErrorUntil(
  { staleIfErrorS }: RequestDirectives,
  stored: StorageTerms,
  periods: Periods,
): number {
  if (stored.isAlwaysValidated) return 0
  if (stored.isNeverStale) return periods.freshUntil
  return staleIfErrorS === undefined
    ? periods.staleIfErrorUntil
    : periods.freshUntil + staleIfErrorS * 1000
}
