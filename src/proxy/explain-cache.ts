// What is told of the cache: what is kept of the object and where, what covers it, how long it is
// good for and who said so, and what is therefore done.

import { describeFreshness, describeHead, describeLifetime } from '../cache/cache.ts'
import { describeRule, instant } from '../cache/cache.ts'
import type { Inspected, Seen, Shelved, StoreDecision, StoredHead } from '../cache/cache.ts'
import { now } from '../primitives/clock.ts'
import type { ExplainedStep } from './account.ts'
import type { CachedOrigin, Course } from './cached-origin.ts'
import type { Forecast } from './forecast.ts'
import type { Rehearsed, Rehearsing } from './rehearse.ts'

export interface Telling extends Rehearsing {
  readonly rehearsed: Rehearsed
}

const STEP = 'cache'

export function tellCache({ route, request, rehearsed }: Telling): ExplainedStep {
  const { cached } = route
  const { forecast } = rehearsed
  const { course, shelved, inspected } = forecast
  if (cached === undefined) {
    const reason = 'The cache is off for this bucket, or altogether.'
    return { step: STEP, outcome: 'off', reason, enabled: false }
  }
  if (course === undefined) {
    const reason = 'The key is empty: it names the bucket itself, of which nothing is kept.'
    return { step: STEP, outcome: 'pass', reason, enabled: true }
  }
  const { ending } = rehearsed
  // A page may stand in for the refusal.
  const no = course.kind === 'refuse' && ending.kind === 'refused' ? ending.refusal : undefined
  return {
    step: STEP,
    outcome: no === undefined ? course.kind : 'refused',
    reason: reasonOf(course, forecast),
    enabled: true,
    ...(no === undefined ? {} : { code: no.code, status: no.status }),
    ...goingOn(forecast),
    ...(shelved === undefined ? {} : { layers: shelved.seen.map(tellSeen) }),
    ...(inspected === undefined ? {} : tellKept(inspected, cached)),
    would_store: tellWouldStore(cached.foreseeStored(request.headers)),
  }
}

function reasonOf(course: Course, forecast: Forecast): string {
  const { shelved } = forecast
  switch (course.kind) {
    case 'pass':
      return course.why === 'bypass'
        ? 'A numbered part is a cut of S3, which alone knows where it begins.'
        : 'The request says no-store: it is answered past the cache.'
    case 'serve':
      return course.why === 'fresh'
        ? 'It is kept, and fresh.'
        : 'It is kept and stale, and the request takes it so (max-stale).'
    case 'refresh':
      return 'It is kept and stale, and may be served while it is renewed behind.'
    case 'revalidate':
      return revalidationReason(course, forecast)
    case 'refuse':
      return `The request says only-if-cached, and it cannot be had so: ${missReason(shelved)}`
    case 'fetch':
      return course.why === 'vary-miss'
        ? 'It is kept, but for requests with other values in the fields that Vary names.'
        : missReason(shelved)
  }
}

function revalidationReason(
  { why }: Extract<Course, { kind: 'revalidate' }>,
  { shelved, isSpared }: Forecast,
): string {
  if (isSpared === true) return 'It is stale, and the origin has just failed to renew it.'
  if (why === 'request') return 'It is fresh, but the request asks for the word of the origin.'
  return shelved?.lookup.stored?.isAlwaysValidated === true
    ? 'It was sent with no-cache: the origin is asked each time whether it still holds.'
    : 'It is stale: the origin is asked whether it still holds.'
}

function missReason(shelved: Shelved | undefined): string {
  if (shelved === undefined || shelved.lookup.stored !== undefined) return 'It is too old.'
  if (shelved.isInDoubt) return 'Purges may have been missed: nothing kept is believed.'
  const isPurged = shelved.seen.some(({ ban }) => ban?.isSoft === false)
  return isPurged ? 'What is kept was purged.' : 'Nothing is kept of it.'
}

/** What other requests are at. */
function goingOn({ isCollapsed, isUnshared, isSpared }: Forecast): object {
  return {
    ...(isCollapsed === true
      ? { collapsed: 'Another request has asked: its answer is awaited.' }
      : {}),
    ...(isUnshared === true
      ? { unshared: 'The last answer could not be kept: nobody waits for this one.' }
      : {}),
    ...(isSpared === true ? { spared: 'Renewing failed within the last second.' } : {}),
  }
}

function tellSeen({ tier, ban }: Seen): object {
  if (ban === undefined) return { tier, head: true }
  const purged = { rule: describeRule(ban.rule), at: instant(ban.at), soft: ban.isSoft }
  return { tier, head: true, purged }
}

function tellKept(inspected: Inspected, cached: CachedOrigin): object {
  const { stored, tier, softPurgedAt, slices, sliceBytes, runs } = inspected
  return {
    tier,
    head: describeHead(stored),
    received_at: instant(stored.receivedAt),
    freshness: describeFreshness(stored, inspected, now()),
    lifetime: describeLifetime(stored, cached.policy),
    ...(softPurgedAt === undefined ? {} : { soft_purged_at: instant(softPurgedAt) }),
    ...(stored.isNeverStale ? { never_stale: true } : {}),
    ...(stored.selecting.length === 0 ? {} : { vary: varyOf(stored) }),
    slices: { size: sliceBytes, total: slices, held: runs },
  }
}

/** The names alone: a value may be a credential's digest. */
function varyOf({ selecting }: StoredHead): string[] {
  return selecting.map(([name]) => name)
}

function tellWouldStore(
  decisions: ReturnType<CachedOrigin['foreseeStored']>,
): Readonly<Record<string, object>> {
  return { object: tellDecision(decisions.object), not_found: tellDecision(decisions.absence) }
}

/** Of an answer that says nothing of caching itself. */
function tellDecision(decision: StoreDecision): object {
  if (decision.kind === 'no') return { stored: false, reason: decision.reason }
  const { receivedAt, freshUntil, staleWhileRevalidateUntil, staleIfErrorUntil } = decision.terms
  return {
    stored: true,
    ttl: (freshUntil - receivedAt) / 1000,
    stale_while_revalidate: (staleWhileRevalidateUntil - freshUntil) / 1000,
    stale_if_error: (staleIfErrorUntil - freshUntil) / 1000,
  }
}
