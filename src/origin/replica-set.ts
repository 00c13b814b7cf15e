// Failover: asks one replica after another until one gives an answer. Each is tried once before
// any is tried twice; trying twice is paid for from an allowance, so that trouble at the origin
// is not answered with a multiple of the load. One budget of time covers all tries.

import { createAllowance, earn, spend } from '../primitives/allowance.ts'
import { backoffMs } from '../primitives/backoff.ts'
import type { CancelSignal } from '../primitives/cancel.ts'
import { monotonic } from '../primitives/clock.ts'
import { RecentPercentile } from '../primitives/percentile.ts'
import type { SharedSlots } from '../primitives/shared-slots.ts'
import type { S3Config } from '../config/s3.ts'
import { createChooser } from './choose.ts'
import type { Choose, Credit } from './choose.ts'
import { blamesReplica, failureFrom, OriginFailure } from './failure.ts'
import { hedge } from './hedge.ts'
import { Lease } from './lease.ts'
import type { ObjectAnswer, ObjectQuestion } from './question.ts'
import type { Replica } from './replica.ts'
import { OriginTally } from './tally.ts'
import { beginTry, createTrail, statusOf } from './trail.ts'
import type { Trail } from './trail.ts'

export interface AskContext {
  readonly signal: CancelSignal | undefined
  readonly trail: Trail
  /** Before the client has a byte, or to go on with a body that broke. */
  readonly phase: 'head' | 'body'
  /** Replicas whose bodies broke: asked again only when no other is left. */
  readonly broken?: readonly Replica[]
  /** Why an answer will not do here, if it will not. */
  readonly reject?: (answer: ObjectAnswer) => OriginFailure | undefined
}

export interface Leased {
  readonly answer: ObjectAnswer
  /** The place taken at the replica: to be settled when the answer's body has ended. */
  readonly lease: Lease
}

interface Search {
  readonly context: AskContext
  readonly deadline: number
  /** In their order; one may stand there twice. */
  readonly tried: Replica[]
  /** Holds another version, or has not the object: no use in this search. */
  readonly excluded: Replica[]
  attempts: number
}

interface Try {
  readonly replica: Replica
  readonly question: ObjectQuestion
  readonly search: Search
  /** Taken already, and to be given back when it has ended. */
  readonly place: SharedSlots | undefined
  /** Sent because another was slow. */
  readonly isHedge: boolean
}

/** What a search would do that began now. */
export interface Foreseen {
  /** Each once, in the order they would be tried. */
  readonly order: readonly Replica[]
  /** What would be thrown at once, where nobody is to be asked. */
  readonly failure: OriginFailure | undefined
}

export interface ReplicaSetOptions {
  readonly tally?: OriginTally | undefined
  /** Undefined: it gets as many as come. */
  readonly slots?: OriginSlots | undefined
}

/** How many requests the origin gets at one time. */
export interface OriginSlots {
  readonly places: SharedSlots
  /** How long one may be waited for. */
  readonly queueTimeoutMs: number
}

export class ReplicaSet {
  readonly replicas: readonly Replica[]
  readonly #slots: OriginSlots | undefined
  readonly #config: S3Config
  readonly #choose: Choose
  readonly #tally: OriginTally
  readonly #credit: Credit = new Map()
  readonly #random: () => number
  readonly #repeats
  readonly #hedges
  readonly #firstByteMs: RecentPercentile

  constructor(
    replicas: readonly Replica[],
    config: S3Config,
    random: () => number,
    { tally = new OriginTally(), slots }: ReplicaSetOptions = {},
  ) {
    this.replicas = replicas
    this.#config = config
    this.#tally = tally
    this.#slots = slots
    this.#random = random
    this.#choose = createChooser(config.balance, random, this.#credit)
    this.#repeats = createAllowance(config.retry.budgetPercent)
    this.#hedges = createAllowance(config.hedge?.budgetPercent ?? 0)
    const after = config.hedge?.after
    this.#firstByteMs = new RecentPercentile(after?.kind === 'percentile' ? after.percentile : 50)
  }

  async ask(question: ObjectQuestion, context: AskContext): Promise<Leased> {
    earn(this.#repeats)
    earn(this.#hedges)
    const search = this.#begin(context)
    let failure: OriginFailure | undefined
    let last = context.broken?.at(-1)
    for (;;) {
      const replica = this.#fresh(search) ?? (await this.#repeat(search))
      if (replica === undefined) throw failure ?? this.#unavailable()
      if (last !== undefined) this.#noteAnother(replica, last, search)
      last = replica
      try {
        const leased = await this.#attempt(replica, question, search)
        context.trail.replica = leased.lease.replica.name
        if (!this.#isWorthAskingElsewhere(leased, search)) return leased
        leased.lease.settle('success')
        search.excluded.push(replica)
      } catch (error) {
        failure = failureFrom(error)
        if (failure.kind === 'cancelled' || monotonic() >= search.deadline) throw failure
        // Whom else to ask does not matter where nobody more may be asked.
        if (failure.kind === 'busy') throw failure
      }
    }
  }

  /** Without taking a turn. */
  foresee(): Foreseen {
    const context = { signal: undefined, trail: createTrail(), phase: 'head' } as const
    const search = this.#begin(context)
    const choose = createChooser(this.#config.balance, this.#random, new Map(this.#credit))
    const order: Replica[] = []
    for (;;) {
      const next = this.#fresh(search, choose)
      if (next === undefined) break
      order.push(next)
      search.tried.push(next)
    }
    return { order, failure: order.length === 0 ? this.#unavailable() : undefined }
  }

  #begin(context: AskContext): Search {
    const { broken = [] } = context
    const deadline = monotonic() + this.#config.firstByteBudgetMs
    return { context, deadline, tried: [...broken], excluded: [], attempts: broken.length }
  }

  #noteAnother(replica: Replica, last: Replica, { tried, context }: Search): void {
    const { trail, phase } = context
    if (!tried.includes(replica)) this.#tally.failover(last.name, replica.name, phase)
    else this.#tally.retry(trail.failed.at(-1)?.kind ?? 'unavailable')
  }

  #fresh(search: Search, choose: Choose = this.#choose): Replica | undefined {
    return choose(this.#usable(search, 'fresh'))
  }

  /** A replica to try once more, after the wait that is due. */
  async #repeat(search: Search): Promise<Replica | undefined> {
    if (search.attempts >= this.#config.retry.maxAttempts) return undefined
    const repeats = leastTried(this.#usable(search, 'any'), search.tried)
    if (repeats.length === 0) return undefined
    // A broken body is resumed without asking the allowance: the work is half done already.
    if (search.context.phase === 'head' && !spend(this.#repeats)) return undefined
    const delay = backoffMs(this.#config.retry, search.attempts - 1, this.#random())
    await pause(Math.min(delay, search.deadline - monotonic()), search.context.signal)
    return this.#choose(repeats.filter((replica) => replica.wouldAdmit()))
  }

  /** Healthy ones if there are any; one that probes call unhealthy is better than none. */
  #usable({ tried, excluded }: Search, wanted: 'fresh' | 'any'): Replica[] {
    const healthy: Replica[] = []
    const doubtful: Replica[] = []
    for (const replica of this.replicas) {
      if (wanted === 'fresh' && tried.includes(replica)) continue
      if (excluded.includes(replica) || !replica.wouldAdmit()) continue
      if (replica.probed === 'unhealthy') doubtful.push(replica)
      else healthy.push(replica)
    }
    return healthy.length > 0 ? healthy : doubtful
  }

  #attempt(replica: Replica, question: ObjectQuestion, search: Search): Promise<Leased> {
    const slots = this.#slots
    if (slots === undefined) return this.#askAt(replica, question, search, undefined)
    return takePlace(slots, search).then(() => this.#askAt(replica, question, search, slots.places))
  }

  #askAt(
    replica: Replica,
    question: ObjectQuestion,
    search: Search,
    place: SharedSlots | undefined,
  ): Promise<Leased> {
    const afterMs = search.attempts === 0 ? this.#hedgeAfterMs() : undefined
    const { signal } = search.context
    const first = { replica, question, search, place, isHedge: false }
    if (afterMs === undefined) return this.#try(first, signal)
    let hedged: Replica | undefined
    const outcome = hedge({
      afterMs,
      signal,
      first: (own) => this.#try(first, own),
      second: (own) => {
        const others = this.#usable(search, 'fresh')
        // Nobody waits for a place to ask twice.
        if (others.length === 0 || place?.tryTake() === false) return undefined
        hedged = spend(this.#hedges) ? this.#choose(others) : undefined
        if (hedged === undefined) place?.giveBack()
        return hedged && this.#try({ ...first, replica: hedged, isHedge: true }, own)
      },
      release: (loser) => {
        if (loser.answer.kind === 'object') loser.answer.body.discard()
        loser.lease.settle('neutral')
      },
    })
    const note = (winner?: Replica): void => {
      if (hedged !== undefined) this.#tally.hedge(winner === hedged)
    }
    outcome.then(
      ({ lease }) => note(lease.replica),
      () => note(),
    )
    return outcome
  }

  #hedgeAfterMs(): number | undefined {
    const { hedge: config } = this.#config
    if (config === undefined || this.replicas.length < 2) return undefined
    return config.after.kind === 'fixed' ? config.after.ms : this.#firstByteMs.value()
  }

  async #try(
    { replica, question, search, place, isHedge }: Try,
    signal: CancelSignal | undefined,
  ): Promise<Leased> {
    const { trail, phase, reject } = search.context
    search.attempts += 1
    search.tried.push(replica)
    const lease = Lease.take(replica, place)
    if (lease === undefined) throw this.#unavailable()
    trail.attempts += 1
    const startedAt = monotonic()
    const begun = beginTry(trail, { replica: replica.name, phase, isHedge, startedAt })
    try {
      const timeoutMs = Math.min(replica.config.timeoutMs, search.deadline - startedAt)
      const answer = await replica.ask(question, { timeoutMs: Math.max(1, timeoutMs), signal })
      const answeredAt = monotonic()
      replica.noteLatency(answeredAt - startedAt, answeredAt)
      begun.endedAt = answeredAt
      begun.outcome = answer.kind
      begun.status = statusOf(answer)
      const unfit = reject?.(answer)
      if (unfit !== undefined) {
        if (answer.kind === 'object') answer.body.discard()
        search.excluded.push(replica)
        throw unfit
      }
      this.#firstByteMs.add(answeredAt - startedAt)
      replica.tally.note(answer.kind, answeredAt - startedAt)
      if (answer.kind !== 'object') lease.settle('success')
      return { answer, lease }
    } catch (error) {
      const failure = failureFrom(error)
      const failedAt = monotonic()
      replica.tally.note(failure.kind, failedAt - startedAt)
      begun.endedAt = failedAt
      begun.outcome = failure.kind
      begun.isFailure = true
      begun.status ??= failure.status
      const isToBlame = blamesReplica(failure)
      if (isToBlame) replica.lastFailure = failure
      lease.settle(isToBlame ? 'failure' : 'neutral')
      const { kind, code } = failure
      if (kind !== 'cancelled') trail.failed.push({ replica: replica.name, kind, phase, code })
      throw failure
    }
  }

  #isWorthAskingElsewhere({ answer }: Leased, search: Search): boolean {
    if (!this.#config.failoverOnNotFound || answer.kind !== 'not-found') return false
    return this.#usable(search, 'fresh').length > 0
  }

  #unavailable(): OriginFailure {
    const [first] = this.replicas
    // A set-up that is wrong stays so, whether or not the breakers let anybody ask again.
    const isMisconfigured = this.replicas.every(({ lastFailure }) => blamesSetUp(lastFailure))
    if (isMisconfigured && first?.lastFailure !== undefined) return first.lastFailure
    const waits = this.replicas.map((replica) => replica.openForMs())
    const retryAfterMs = Math.min(...waits)
    return new OriginFailure('unavailable', 'no replica is to be asked now', { retryAfterMs })
  }
}

/** First come, first served: for as long as the line, and the whole search, may take. */
async function takePlace(
  { places, queueTimeoutMs }: OriginSlots,
  { context, deadline }: Search,
): Promise<void> {
  const timeoutMs = Math.max(0, Math.min(queueTimeoutMs, deadline - monotonic()))
  const taken = await places.take(timeoutMs, context.signal)
  if (taken === 'taken') return
  if (taken === 'left') throw new OriginFailure('cancelled', 'the caller left')
  throw new OriginFailure('busy', BUSY[taken])
}

const BUSY = {
  full: 'so many wait for the origin that nobody more may',
  late: 'the origin had no place for a request in time',
} as const

function blamesSetUp(failure: OriginFailure | undefined): boolean {
  return failure?.kind === 'misconfigured' || failure?.kind === 'credentials'
}

function leastTried(replicas: readonly Replica[], tried: readonly Replica[]): Replica[] {
  const count = (replica: Replica): number => tried.filter((one) => one === replica).length
  const fewest = Math.min(...replicas.map(count))
  return replicas.filter((replica) => count(replica) === fewest)
}

function pause(ms: number, signal: CancelSignal | undefined): Promise<void> {
  if (signal?.isCancelled === true) return Promise.resolve()
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer)
      signal?.offCancel(finish)
      resolve()
    }
    const timer = setTimeout(finish, Math.max(0, ms))
    signal?.onCancel(finish)
  })
}
