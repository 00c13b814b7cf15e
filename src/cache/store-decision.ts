// What an answer of the origin becomes in the cache: kept or not, and until when it is good for what.
// RFC 9111 decides, with the bucket's policy on top; every rule of the policy that goes further than
// the RFC is the operator's own and said so here.

import type { IncomingHttpHeaders } from 'node:http'

import { NO_REQUEST_DIRECTIVES, NO_RESPONSE_DIRECTIVES } from '../http/cache-control.ts'
import { parseResponseDirectives } from '../http/cache-control.ts'
import type { RequestDirectives, ResponseDirectives } from '../http/cache-control.ts'
import { parseHttpDate } from '../http/date.ts'
import { correctedInitialAgeMs, statedLifetime } from '../http/freshness.ts'
import type { StatedLifetime } from '../http/freshness.ts'
import { storable } from '../http/storable.ts'
import type { NotStorable } from '../http/storable.ts'
import { parseTargetedDirectives } from '../http/targeted-cache-control.ts'
import { selectingValues, varyNames } from '../http/vary.ts'
import type { StoredHead } from './stored-head.ts'

export interface CachePolicy {
  /** For an object whose answer does not say how long it is fresh. */
  readonly ttlMs: number
  /** The same for the knowledge that there is none; 0 keeps none. */
  readonly negativeTtlMs: number
  /** Bounds to every lifetime, whoever says it; the lower one is not for a 404. */
  readonly minTtlMs: number
  readonly maxTtlMs: number
  readonly staleWhileRevalidateMs: number
  readonly staleIfErrorMs: number
  /** 0: never. */
  readonly staleIfSlowMs: number
  /** False: of what the origin says only `no-store` and `private` count. */
  readonly respectOrigin: boolean
  readonly honourRequestDirectives: boolean
  readonly maxItemBytes: number
  /** Request fields that select an answer besides those its Vary names; lower case. */
  readonly vary: readonly string[]
}

/** Header fields as text; several lines of one are joined by commas. */
export interface OriginAnswerFacts {
  readonly status: number
  readonly cacheControl: string | undefined
  readonly cdnCacheControl: string | undefined
  readonly expires: string | undefined
  readonly date: string | undefined
  readonly age: string | undefined
  readonly vary: string | undefined
  /** Whether it has an ETag or a Last-Modified to ask about later. */
  readonly hasValidator: boolean
  readonly size: number | undefined
  readonly requestedAt: number
  readonly receivedAt: number
}

export interface StoreRequest {
  readonly headers: IncomingHttpHeaders
  readonly directives: RequestDirectives
  /** Carries an Authorization that Sluice itself has not checked. */
  readonly isAuthorized: boolean
}

/** All of a stored head but what it is the head of. */
export type StorageTerms = Omit<StoredHead, 'outcome' | 'head' | 'bytesName' | 'tags'>

export type NotStored = NotStorable | 'too-large' | 'unusable'

export type StoreDecision =
  | { readonly kind: 'store'; readonly terms: StorageTerms }
  | { readonly kind: 'no'; readonly reason: NotStored }

/** How long a head that can be validated is kept when it can no longer be served. */
const VALIDATION_MS = 86_400_000
/** The part of the policy's own ttl that chance may take, so that what came together parts again. */
const JITTER = 0.05

/** `jitter` is in [0, 1). */
export function storeDecision(
  facts: OriginAnswerFacts,
  policy: CachePolicy,
  request: StoreRequest,
  jitter: number,
): StoreDecision {
  const said = sayings(facts)
  const verdict = storable({
    status: facts.status,
    directives: said.directives,
    request: policy.honourRequestDirectives ? request.directives : NO_REQUEST_DIRECTIVES,
    isAuthorized: request.isAuthorized,
    varyNames: varyNames([facts.vary ?? '', ...policy.vary].join(',')),
  })
  if (verdict.kind === 'no') return verdict
  if ((facts.size ?? 0) > policy.maxItemBytes) return { kind: 'no', reason: 'too-large' }

  const instants = instantsOf(facts, countedOf(facts, policy), policy, jitter)
  if (instants.keepUntil <= facts.receivedAt) return { kind: 'no', reason: 'unusable' }
  const selecting = selectingValues(verdict.varyNames, request.headers)
  return { kind: 'store', terms: { ...instants, selecting } }
}

interface Sayings {
  readonly directives: ResponseDirectives
  readonly expires: string | undefined
}

const SAYS_NOTHING: Sayings = { directives: NO_RESPONSE_DIRECTIVES, expires: undefined }

/** What of an answer's sayings counts for its lifetime. */
function countedOf(facts: OriginAnswerFacts, { respectOrigin }: CachePolicy): Sayings {
  return respectOrigin ? sayings(facts) : SAYS_NOTHING
}

// RFC 9213 §2.2. Pragma is not read: in an answer it never had a meaning (RFC 9111 §5.4).
function sayings({ cacheControl, cdnCacheControl, expires }: OriginAnswerFacts): Sayings {
  const targeted = parseTargetedDirectives(cdnCacheControl)
  if (targeted !== undefined) return { directives: targeted, expires: undefined }
  return { directives: parseResponseDirectives(cacheControl), expires }
}

function instantsOf(
  facts: OriginAnswerFacts,
  said: Sayings,
  policy: CachePolicy,
  jitter: number,
): Omit<StorageTerms, 'selecting'> {
  const { receivedAt } = facts
  const { dateAt, initialAgeMs } = ageOf(facts)
  const { source, ms } = lifetimeOf(facts, said, policy, dateAt)
  const shortened = Math.round(ms * (1 - JITTER * jitter))
  const freshMs = isOwn(source) ? Math.max(leastMsOf(facts, policy), shortened) : ms - initialAgeMs
  const stale = staleWindows(facts, said.directives, policy)
  const isAlwaysValidated = said.directives.noCache
  const longestStaleMs = Math.max(stale.whileRevalidateMs, stale.ifErrorMs)
  const usableMs = isAlwaysValidated ? 0 : Math.max(0, freshMs + longestStaleMs)
  const validationMs = facts.hasValidator ? Math.min(VALIDATION_MS, policy.maxTtlMs) : 0
  return {
    receivedAt,
    dateAt,
    initialAgeMs,
    freshUntil: receivedAt + freshMs,
    staleWhileRevalidateUntil: receivedAt + freshMs + stale.whileRevalidateMs,
    staleIfErrorUntil: receivedAt + freshMs + stale.ifErrorMs,
    isAlwaysValidated,
    isNeverStale: stale.isForbidden,
    keepUntil: receivedAt + usableMs + validationMs,
  }
}

/** Without a Date that can be read, it was sent when it came (RFC 9110 §6.6.1). */
function ageOf(facts: OriginAnswerFacts): { dateAt: number; initialAgeMs: number } {
  const { age: ageHeader, requestedAt, receivedAt } = facts
  const dateAt = facts.date === undefined ? undefined : parseHttpDate(facts.date)
  const initialAgeMs = correctedInitialAgeMs({ ageHeader, dateAt, requestedAt, receivedAt })
  return { dateAt: dateAt ?? receivedAt, initialAgeMs }
}

/** Who says how long an answer is fresh: the answer, or the policy where it says nothing. */
export interface Lifetime {
  readonly source: StatedLifetime['source'] | 'ttl' | 'negative_ttl'
  /** The bound of the policy that stands in place of what was said. */
  readonly boundedBy: 'min_ttl' | 'max_ttl' | undefined
  readonly ms: number
}

/** As `storeDecision` reckons, before the age and what chance takes. */
export function explainLifetime(facts: OriginAnswerFacts, policy: CachePolicy): Lifetime {
  return lifetimeOf(facts, countedOf(facts, policy), policy, ageOf(facts).dateAt)
}

// The heuristic that RFC 9111 §4.2.2 leaves to the cache is the operator's ttl and nothing else:
// Last-Modified says when an object was written, not when the next one will be. It counts from the
// reception, so that an origin with a slow clock does not shorten what it never spoke of.
function lifetimeOf(
  facts: OriginAnswerFacts,
  said: Sayings,
  policy: CachePolicy,
  dateAt: number,
): Lifetime {
  const stated = statedLifetime(said.directives, said.expires, dateAt)
  return bounded(stated ?? ownLifetime(facts, policy), facts, policy)
}

type Unbounded = Omit<Lifetime, 'boundedBy'>

function ownLifetime({ status }: OriginAnswerFacts, policy: CachePolicy): Unbounded {
  return status === 404
    ? { source: 'negative_ttl', ms: policy.negativeTtlMs }
    : { source: 'ttl', ms: policy.ttlMs }
}

function isOwn(source: Lifetime['source']): boolean {
  return source === 'ttl' || source === 'negative_ttl'
}

// Beyond the RFC, on the operator's word. min_ttl does not touch `no-cache`, which is not a lifetime,
// nor a 404, since it would hide an object just written.
function bounded(
  { source, ms }: Unbounded,
  facts: OriginAnswerFacts,
  policy: CachePolicy,
): Lifetime {
  const { maxTtlMs } = policy
  const leastMs = leastMsOf(facts, policy)
  if (Math.max(leastMs, ms) > maxTtlMs) return { source, boundedBy: 'max_ttl', ms: maxTtlMs }
  if (ms < leastMs) return { source, boundedBy: 'min_ttl', ms: leastMs }
  return { source, boundedBy: undefined, ms }
}

function leastMsOf({ status }: OriginAnswerFacts, { minTtlMs }: CachePolicy): number {
  return status === 404 ? 0 : minTtlMs
}

interface StaleWindows {
  readonly isForbidden: boolean
  readonly whileRevalidateMs: number
  readonly ifErrorMs: number
}

/** RFC 9111 §4.2.4: what an answer forbids, else what it allows (RFC 5861), else the policy. */
function staleWindows(
  { status }: OriginAnswerFacts,
  directives: ResponseDirectives,
  policy: CachePolicy,
): StaleWindows {
  if (forbidsStale(directives)) return { isForbidden: true, whileRevalidateMs: 0, ifErrorMs: 0 }
  // The policy speaks of objects: a stale 404 would deny one that may be there by now.
  const isPolicySilent = status === 404 || directives.sMaxAgeS !== undefined
  const { staleWhileRevalidateS, staleIfErrorS } = directives
  const fromPolicy = (ms: number): number => (isPolicySilent ? 0 : ms)
  return {
    isForbidden: false,
    whileRevalidateMs: inMs(staleWhileRevalidateS) ?? fromPolicy(policy.staleWhileRevalidateMs),
    ifErrorMs: inMs(staleIfErrorS) ?? fromPolicy(policy.staleIfErrorMs),
  }
}

// s-maxage implies proxy-revalidate (RFC 9111 §5.2.2.10). Where the same answer also spells out a
// stale-* directive, that one is followed, against the letter: `s-maxage=60, stale-while-revalidate=300`
// is written everywhere, and whoever writes it means it.
function forbidsStale(directives: ResponseDirectives): boolean {
  const { mustRevalidate, proxyRevalidate, noCache, sMaxAgeS } = directives
  if (mustRevalidate || proxyRevalidate || noCache) return true
  const { staleWhileRevalidateS, staleIfErrorS } = directives
  return (
    sMaxAgeS !== undefined && staleWhileRevalidateS === undefined && staleIfErrorS === undefined
  )
}

function inMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000
}
