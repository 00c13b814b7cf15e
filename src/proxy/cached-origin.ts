// The only place where cache and origin meet: carries out what the cache decides. Serves what is
// held, asks for what is not, lets those who want the same wait for one question, and falls back
// on what is stale where the origin fails.

import type { IncomingHttpHeaders } from 'node:http'

import type { CancelSignal } from '../primitives/cancel.ts'
import { monotonic, now } from '../primitives/clock.ts'
import { decide, HEAD_RUN, isTooLate } from '../cache/cache.ts'
import type { CachePolicy, Lookup, ObjectSlices, RouteCache, StoredHead } from '../cache/cache.ts'
import type { Verdict } from '../cache/cache.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Marks } from '../exchange/trace.ts'
import { parseRequestDirectives } from '../http/cache-control.ts'
import type { CacheOutcome, ForwardReason } from '../http/cache-status.ts'
import { selects } from '../http/vary.ts'
import type { Trail } from '../origin/origin.ts'
import { forwarded, hit, instead, lackingBytes } from './cache-outcomes.ts'
import type { Stored } from './cache-outcomes.ts'
import { firstQuestion, renewingQuestion } from './first-question.ts'
import { NotedInstants } from './noted-instants.ts'
import { obtain, obtainFrom, requireKey } from './obtain.ts'
import type { Ask, Obtained } from './obtain.ts'
import type { ObjectIntake, Taken } from './object-intake.ts'
import { Opening } from './opening.ts'
import type { Plan } from './plan.ts'
import { Renewals, within } from './renewals.ts'
import { serveStored } from './serve-stored.ts'
import type { Served } from './serve-stored.ts'
import { askTogether } from './shared-asking.ts'

/** On whose behalf: an exchange's, or nobody's who waits for an answer. */
export interface CacheVisit {
  readonly arrival: { readonly receivedAt: number }
  readonly leaving: CancelSignal
  /** Undefined: nobody wants to know how long it takes. */
  readonly marks?: Marks | undefined
  /** What the cache had to do with it. */
  readonly facts: { cache: CacheOutcome | undefined }
  /** Throws where there is no time to ask the origin. Undefined: nobody waits, and there always is. */
  requireTime?(): void
}

export interface CachedContext {
  readonly headers: IncomingHttpHeaders
  readonly exchange: CacheVisit
  readonly trail: Trail
}

export interface CachedOriginOptions {
  readonly cache: RouteCache
  readonly policy: CachePolicy
  readonly intake: ObjectIntake
  /** Asks the origin on nobody's behalf in particular. */
  readonly askFor: (signal: CancelSignal | undefined, trail: Trail) => Ask
  /** For work behind an answer that has been given. */
  readonly createTrail: () => Trail
}

/** What turned out not to be storable is not waited for by others for so long. */
const UNSHARED_MS = 30_000

/** What is to be done: the cache's own word, or past it. */
export type Course = Verdict | { readonly kind: 'pass'; readonly why: ForwardReason }

export type Stale = Extract<Verdict, { kind: 'revalidate' }>

/** How the origin came to be asked. */
interface Asking {
  readonly why: ForwardReason
  /** It was asked on behalf of another request. */
  readonly isCollapsed: boolean
}

export class CachedOrigin {
  readonly #options: CachedOriginOptions
  readonly #openings = new Map<string, Opening<Taken>>()
  readonly #renewals = new Renewals<Taken>()
  readonly #unshared = new NotedInstants()

  constructor(options: CachedOriginOptions) {
    this.#options = options
  }

  get sliceBytes(): number {
    return this.#options.cache.settings.sliceBytes
  }

  /** When what the cache was given so far is written, or let go. */
  settled(): Promise<void> {
    return this.#options.cache.settled()
  }

  /** At once, where it lies in memory. */
  obtain(plan: Plan, context: CachedContext): Obtained | Promise<Obtained> {
    requireKey(plan)
    if (passes(plan)) {
      context.exchange.requireTime?.()
      return this.#around(plan, context, 'bypass')
    }
    const lookup = this.#options.cache.lookup(
      plan,
      context.headers,
      context.exchange.arrival.receivedAt,
    )
    if (!(lookup instanceof Promise)) return this.#decide(lookup, plan, context)
    return lookup.then((late) => this.#decide(late, plan, context))
  }

  get cache(): RouteCache {
    return this.#options.cache
  }

  get policy(): CachePolicy {
    return this.#options.policy
  }

  /** What answers that say nothing of caching would become. */
  foreseeStored(headers: IncomingHttpHeaders): ReturnType<ObjectIntake['foresee']> {
    return this.#options.intake.foresee(headers)
  }

  #decide(lookup: Lookup, plan: Plan, context: CachedContext): Obtained | Promise<Obtained> {
    const { headers, exchange } = context
    const { marks } = exchange
    if (marks !== undefined) marks.lookedUpAt = monotonic()
    const course = this.courseFor(lookup, headers, exchange.arrival.receivedAt)
    if (course.kind === 'pass' || course.kind === 'fetch') exchange.requireTime?.()
    if (course.kind === 'pass') return this.#around(plan, context, course.why)
    return this.#carryOut(course, lookup, plan, context)
  }

  courseFor(lookup: Lookup, headers: IncomingHttpHeaders, askedAt: number): Course {
    const { policy } = this.#options
    const request = parseRequestDirectives(headers['cache-control'], headers.pragma)
    const { stored, hasOtherVariants, softPurgedAt } = lookup
    const question = { stored, hasOtherVariants, softPurgedAt, request, policy }
    const verdict = decide(question, askedAt)
    const asksOrigin = verdict.kind === 'fetch' || verdict.kind === 'revalidate'
    // RFC 9111 §5.2.1.5: nothing of what comes may be kept, and nobody else may wait for it.
    return asksOrigin && request.noStore ? { kind: 'pass', why: verdict.why } : verdict
  }

  #carryOut(
    verdict: Verdict,
    lookup: Lookup,
    plan: Plan,
    context: CachedContext,
  ): Obtained | Promise<Obtained> {
    if (verdict.kind === 'refuse') {
      throw onlyIfCached()
    }
    // True already where the origin is going to fail.
    if (verdict.kind !== 'refresh' && verdict.kind !== 'serve')
      context.exchange.facts.cache = forwarded(verdict.why)
    const { stored } = lookup
    if (verdict.kind === 'fetch' || stored === undefined) {
      return this.#open(plan, context, verdict.kind === 'fetch' ? verdict.why : 'uri-miss')
    }
    const held = { stored, lookup }
    if (verdict.kind === 'revalidate') return this.#revalidate(verdict, held, plan, context)
    if (verdict.kind === 'refresh') this.#renewBehind(stored, plan, context)
    const at = context.exchange.arrival.receivedAt
    return this.#serve(held, plan, context, { outcome: hit(held, at), at })
  }

  #serve(
    { stored }: Stored,
    plan: Plan,
    context: CachedContext,
    { outcome, at }: { readonly outcome: CacheOutcome; readonly at: number },
  ): Obtained | Promise<Obtained> {
    // An absence is thrown: it was a hit all the same.
    context.exchange.facts.cache = outcome
    const open = (): ObjectSlices => this.#slicesOf(stored, plan, context)
    const served = serveStored(stored, plan, { isJustReceived: false, at }, open)
    const held = served.isHeld()
    if (held === true) return served.obtained
    const tell = (isHeld: boolean): Obtained | Promise<Obtained> =>
      isHeld || outcome.kind !== 'hit' ? served.obtained : tellLack(served, outcome, context)
    return held instanceof Promise ? held.then(tell) : tell(held)
  }

  #slicesOf(
    stored: StoredHead,
    plan: Plan,
    { trail }: CachedContext,
    askedAt?: number,
  ): ObjectSlices {
    const { cache, intake } = this.#options
    return cache.slicesOf(plan, stored, intake.fetcherOf(plan, stored, trail), askedAt)
  }

  /** Past the cache, for this request alone. */
  #around(plan: Plan, context: CachedContext, reason: ForwardReason): Promise<Obtained> {
    context.exchange.facts.cache = forwarded(reason)
    return obtain(plan, this.#options.askFor(context.exchange.leaving, context.trail))
  }

  async #open(plan: Plan, context: CachedContext, why: ForwardReason): Promise<Obtained> {
    if (this.isUnshared(plan)) return this.#around(plan, context, why)
    const running = this.runningOpening(plan)
    const isCollapsed = running !== undefined
    const opening = running ?? this.#startOpening(plan, context)
    const taken = await opening.join(context.exchange.leaving)
    return this.#useTaken(taken, plan, context, { why, isCollapsed })
  }

  /** Its last answer could not be kept, and nobody has said since that it is another. */
  isUnshared(plan: Plan): boolean {
    const { cache } = this.#options
    const at = this.#unshared.within(cache.nameOf(plan), UNSHARED_MS, now())
    return at !== undefined && !cache.isPurgedSince(plan, at)
  }

  runningOpening(plan: Plan): Opening<Taken> | undefined {
    const running = this.#openings.get(this.#options.cache.nameOf(plan))
    return running?.isAbandoned === true ? undefined : running
  }

  /** The origin has just failed to renew it, and is not asked again so soon. */
  isSpared(plan: Plan): boolean {
    return this.#renewals.hasJustFailed(this.#options.cache.nameOf(plan))
  }

  isRenewing(plan: Plan): boolean {
    return this.#renewals.isRunning(this.#options.cache.nameOf(plan))
  }

  /** Another thread, or node, asks for its head just now. Leaves no trace. */
  async isAskedElsewhere(plan: Plan): Promise<boolean> {
    const { cache } = this.#options
    const name = cache.leaseName(plan)
    const asked = cache.circles.map(({ leases }) => leases.isTaken(name, HEAD_RUN.first))
    return (await Promise.all(asked)).includes(true)
  }

  #startOpening(plan: Plan, { headers, trail }: CachedContext): Opening<Taken> {
    const { intake, cache, askFor } = this.#options
    const name = cache.nameOf(plan)
    const isAnswer = this.#answers(headers)
    const opening = new Opening((signal) =>
      askTogether(cache, { name: plan, headers, held: undefined, isAnswer, signal }, () => {
        const question = firstQuestion(plan, cache.grid)
        return intake.take({ question, plan, headers }, askFor(signal, trail))
      }),
    )
    this.#openings.set(name, opening)
    const close = (): void => {
      if (this.#openings.get(name) === opening) this.#openings.delete(name)
    }
    opening.answer.then(close, close)
    return opening
  }

  /** Whether what another has kept would be served to a request at once. */
  #answers(headers: IncomingHttpHeaders): (lookup: Lookup) => boolean {
    return (lookup) => this.courseFor(lookup, headers, now()).kind === 'serve'
  }

  #useTaken(
    taken: Taken,
    plan: Plan,
    context: CachedContext,
    asking: Asking,
  ): Obtained | Promise<Obtained> {
    if (taken.kind === 'unstored') return this.#useUnstored(taken, plan, context, asking)
    const { stored, isKept, isFreshened, askedAt } = taken
    const { why } = asking
    const isCollapsed = asking.isCollapsed || taken.isElsewhere === true
    if (asking.isCollapsed && !this.#isForAll(taken, plan, context)) {
      return this.#around(plan, context, why)
    }
    const ttlS = (stored.freshUntil - now()) / 1000
    const status = isFreshened ? { status: 304 } : {}
    context.exchange.facts.cache = {
      ...forwarded(why),
      isStored: isKept,
      isCollapsed,
      ttlS,
      ...status,
    }
    const open = (): ObjectSlices => this.#slicesOf(stored, plan, context, askedAt)
    return serveStored(stored, plan, { isJustReceived: true, at: now() }, open).obtained
  }

  /** What may not be kept is the answer to one request, and to no other that waited for it. */
  #useUnstored(
    taken: Extract<Taken, { kind: 'unstored' }>,
    plan: Plan,
    context: CachedContext,
    { why, isCollapsed }: Asking,
  ): Promise<Obtained> {
    const { cache, askFor } = this.#options
    if (taken.isLasting) this.#unshared.note(cache.nameOf(plan), now())
    const found = isCollapsed ? undefined : taken.claim()
    if (found === undefined) return this.#around(plan, context, why)
    context.exchange.facts.cache = forwarded(why)
    return obtainFrom(found, plan, askFor(context.exchange.leaving, context.trail))
  }

  /** Not what another's request selected (RFC 9111 §4.1), nor what was purged on the way, or may have been. */
  #isForAll(
    { stored, askedAt, isElsewhere }: Extract<Taken, { kind: 'stored' }>,
    plan: Plan,
    { headers }: CachedContext,
  ): boolean {
    if (!selects(stored.selecting, headers)) return false
    // What another has kept was looked at when it was found, however long ago it was asked for.
    if (isElsewhere !== true && isTooLate(askedAt, now())) return false
    return !this.#options.cache.isPurged(plan, stored, askedAt)
  }

  async #revalidate(
    verdict: Stale,
    held: Stored,
    plan: Plan,
    context: CachedContext,
  ): Promise<Obtained> {
    const { stored } = held
    const serveStale = (): Obtained | Promise<Obtained> =>
      this.#serve(held, plan, context, { outcome: instead(held), at: now() })
    if (mayBeStale(verdict) && this.isSpared(plan)) return serveStale()
    const isCollapsed = this.isRenewing(plan)
    const renewal = this.#renew(stored, plan, context, verdict.why)
    let taken: Taken | undefined
    try {
      taken = await within(mayBeStale(verdict) ? verdict.staleIfSlowMs : 0, renewal)
    } catch (error) {
      if (error instanceof Refusal || !mayBeStale(verdict)) throw error
    }
    if (taken === undefined) return serveStale()
    return this.#useTaken(taken, plan, context, { why: verdict.why, isCollapsed })
  }

  #renewBehind(stored: StoredHead, plan: Plan, context: CachedContext): void {
    if (this.isSpared(plan)) return
    const trail = this.#options.createTrail()
    // How it ends is kept, in the cache or among the failures; the stale answer has been given.
    this.#renew(stored, plan, { ...context, trail }, 'stale').catch(() => undefined)
  }

  #renew(
    held: StoredHead,
    plan: Plan,
    { headers, trail }: CachedContext,
    why: Stale['why'],
  ): Promise<Taken> {
    const { cache, intake, askFor } = this.#options
    const ask = (): Promise<Taken> => {
      const question = renewingQuestion(held, plan, cache.settings)
      return intake.take({ question, plan, headers, held }, askFor(undefined, trail))
    }
    const isAnswer = this.#answers(headers)
    const asking = { name: plan, headers, held, isAnswer, signal: undefined }
    // Who wants the word of the origin takes no other's.
    const share = (): Promise<Taken> =>
      why === 'request' ? ask() : askTogether(cache, asking, ask)
    return this.#renewals.renew(cache.nameOf(plan), share)
  }
}

/** By now the bytes are asked for, here or of another node. */
function tellLack(
  { obtained, isCollapsed, slices }: Served,
  outcome: Extract<CacheOutcome, { kind: 'hit' }>,
  { exchange }: CachedContext,
): Obtained | Promise<Obtained> {
  const tell = (collapsed: boolean): Obtained => {
    exchange.facts.cache = lackingBytes(outcome, collapsed)
    return obtained
  }
  const isAwaited = isCollapsed ? undefined : slices?.isAwaited
  return isAwaited === undefined ? tell(isCollapsed) : isAwaited.then(tell)
}

/** A numbered part is S3's own cut of the object; only S3 knows where. */
export function passes({ partNumber }: Plan): boolean {
  return partNumber !== undefined
}

export function mayBeStale({ staleIfErrorUntil }: Stale): boolean {
  return now() < staleIfErrorUntil
}

export function onlyIfCached(): Refusal {
  return new Refusal('origin_timeout', { cause: 'only-if-cached, and it is not' })
}
