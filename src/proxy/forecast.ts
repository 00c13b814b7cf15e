// What the cache would make of a request, had it come now: every decision as `CachedOrigin` takes it,
// and none of its deeds. Nothing is begun, counted or kept, and nobody is asked.

import { now } from '../primitives/clock.ts'
import { discardBody } from '../exchange/body.ts'
import type { CacheOutcome } from '../http/cache-status.ts'
import type { IncomingHttpHeaders } from 'node:http'
import { OriginFailure } from '../origin/origin.ts'
import type { ObjectQuestion } from '../origin/origin.ts'
import type { Inspected, Lookup, Shelved, StoredHead } from '../cache/cache.ts'
import { forwarded, hit, instead, lackingBytes } from './cache-outcomes.ts'
import type { Stored } from './cache-outcomes.ts'
import { mayBeStale, onlyIfCached, passes } from './cached-origin.ts'
import type { CachedOrigin, Course, Stale } from './cached-origin.ts'
import { firstQuestion, renewingQuestion } from './first-question.ts'
import { obtain, requireKey } from './obtain.ts'
import type { Obtained } from './obtain.ts'
import type { Plan } from './plan.ts'
import { serveStored } from './serve-stored.ts'

/** Filled in on the way, as far as the way goes. */
export interface Forecast {
  shelved?: Shelved
  /** Of what is kept for this request. */
  inspected?: Inspected | undefined
  course?: Course
  outcome?: CacheOutcome
  /** Another request has asked already: this one would wait for that answer. */
  isCollapsed?: boolean
  /** The last answer could not be kept: this request would not be waited for by others. */
  isUnshared?: boolean
  /** Renewing has failed within the last second: what is stale is sent without asking. */
  isSpared?: boolean
  /** What would be asked behind the answer. */
  behind?: ObjectQuestion
  /** The head is held, the first bytes are not. */
  lacksBytes?: boolean
}

export interface Forecasting {
  readonly cached: CachedOrigin
  readonly headers: IncomingHttpHeaders
  readonly forecast: Forecast
  /** Throws whatever would come of asking, or that it would be asked. */
  readonly ask: (question: ObjectQuestion) => never
  /** Throws where the origin would not even be asked. */
  readonly requireOrigin: () => void
}

/** As `CachedOrigin.obtain`; the body of what it gives is let go. */
export async function foresee(plan: Plan, context: Forecasting): Promise<Obtained> {
  requireKey(plan)
  const { cached, headers, forecast } = context
  if (passes(plan)) {
    forecast.course = { kind: 'pass', why: 'bypass' }
    return follow(forecast.course, plan, context)
  }
  forecast.shelved = await cached.cache.peek(plan, headers)
  const { lookup } = forecast.shelved
  forecast.inspected = await cached.cache.inspect(plan, lookup)
  forecast.course = cached.courseFor(lookup, headers, now())
  return follow(forecast.course, plan, context, lookup)
}

async function follow(
  course: Course,
  plan: Plan,
  context: Forecasting,
  lookup?: Lookup,
): Promise<Obtained> {
  if (course.kind === 'refuse') throw onlyIfCached()
  if (course.kind === 'pass') return around(plan, course.why, context)
  const stored = lookup?.stored
  if (course.kind === 'fetch' || lookup === undefined || stored === undefined) {
    return open(plan, course.kind === 'fetch' ? course.why : 'uri-miss', context)
  }
  const held = { stored, lookup }
  if (course.kind === 'revalidate') return renew(course, held, plan, context)
  if (course.kind === 'refresh') await renewBehind(stored, plan, context)
  return serve(stored, plan, hit(held, now()), context)
}

type Why = Extract<CacheOutcome, { kind: 'forward' }>['reason']

function around(plan: Plan, why: Why, { forecast, ask }: Forecasting): Promise<Obtained> {
  forecast.outcome = forwarded(why)
  return obtain(plan, async (question) => ask(question))
}

async function open(plan: Plan, why: Why, context: Forecasting): Promise<Obtained> {
  const { cached, forecast } = context
  forecast.isUnshared = cached.isUnshared(plan)
  if (forecast.isUnshared) return around(plan, why, context)
  forecast.isCollapsed =
    cached.runningOpening(plan) !== undefined || (await cached.isAskedElsewhere(plan))
  const outcome = { ...forwarded(why), isCollapsed: forecast.isCollapsed }
  return askFirst(firstQuestion(plan, cached.cache.settings), outcome, context)
}

/** Whose question it was is told of an answer alone. */
function askFirst(
  question: ObjectQuestion,
  outcome: Extract<CacheOutcome, { kind: 'forward' }>,
  { forecast, ask }: Forecasting,
): never {
  try {
    return ask(question)
  } catch (error) {
    const isAnswered = !(error instanceof OriginFailure)
    forecast.outcome = isAnswered ? outcome : { ...outcome, isCollapsed: false }
    throw error
  }
}

async function renewBehind(
  stored: StoredHead,
  plan: Plan,
  { cached, forecast }: Forecasting,
): Promise<void> {
  forecast.isSpared = cached.isSpared(plan)
  if (forecast.isSpared) return
  forecast.isCollapsed = cached.isRenewing(plan) || (await cached.isAskedElsewhere(plan))
  forecast.behind = renewingQuestion(stored, plan, cached.cache.settings)
}

async function renew(
  verdict: Stale,
  held: Stored,
  plan: Plan,
  context: Forecasting,
): Promise<Obtained> {
  const { cached, forecast } = context
  const { stored } = held
  const serveStale = (): Promise<Obtained> => serve(stored, plan, instead(held), context)
  forecast.isSpared = mayBeStale(verdict) && cached.isSpared(plan)
  if (forecast.isSpared) return serveStale()
  forecast.isCollapsed =
    cached.isRenewing(plan) || (verdict.why === 'stale' && (await cached.isAskedElsewhere(plan)))
  const outcome = { ...forwarded(verdict.why), isCollapsed: forecast.isCollapsed }
  try {
    return askFirst(renewingQuestion(stored, plan, cached.cache.settings), outcome, context)
  } catch (error) {
    if (!(error instanceof OriginFailure) || !mayBeStale(verdict)) throw error
    return serveStale()
  }
}

async function serve(
  stored: StoredHead,
  plan: Plan,
  outcome: CacheOutcome,
  { cached, forecast, requireOrigin }: Forecasting,
): Promise<Obtained> {
  forecast.outcome = outcome
  const fetchNothing = (): Promise<never> => Promise.reject(new Error('a forecast fetches nothing'))
  const origination = { isJustReceived: false, at: now() }
  const { obtained, isHeld, isCollapsed } = serveStored(stored, plan, origination, () =>
    cached.cache.untouched().slicesOf(plan, stored, fetchNothing),
  )
  const held = await isHeld()
  discardBody(obtained.body)
  forecast.lacksBytes = !held
  if (held) return obtained
  if (outcome.kind === 'hit') forecast.outcome = lackingBytes(outcome, isCollapsed)
  requireOrigin()
  return obtained
}
