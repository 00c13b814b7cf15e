// What a policy says of a request, asked of OPA once and then remembered by the whole of what it was
// told, so that no two requests share a decision that the policy could have made differently. What is
// remembered is found without a promise. While OPA does not answer, it is asked once a second by one
// request, and the others do not wait.

import type { AuthorizationConfig } from '../config/authorization.ts'
import type { Emit } from '../exchange/event.ts'
import type { PolicyFact } from '../exchange/policy-fact.ts'
import { Refusal, retryAfter } from '../exchange/refusal.ts'
import { SPANS, traceFields } from '../exchange/trace.ts'
import { admit, createBreaker, openForMs, settle, wouldAdmit } from '../primitives/breaker.ts'
import type { Admission, Breaker, BreakerPolicy, Outcome } from '../primitives/breaker.ts'
import { monotonic, now } from '../primitives/clock.ts'
import { Flight } from '../primitives/flight.ts'
import { addValue } from '../primitives/histogram.ts'
import { Recent } from '../primitives/recent.ts'
import type { AccessQuestion, Admitted } from './access.ts'
import { own } from './claims.ts'
import type { PolicyDescription } from './describe.ts'
import { Opa } from './opa.ts'
import type { Decision } from './policy-answer.ts'
import { PolicyFailure } from './policy-failure.ts'
import { compileInput } from './policy-input.ts'
import type { Asked, WriteInput } from './policy-input.ts'
import type { Decisions, PolicyTally } from './policy-tally.ts'

export interface PolicyOptions {
  readonly bucket: string
  readonly config: AuthorizationConfig
  readonly tally: PolicyTally
  readonly emit: Emit
}

interface Remembered {
  readonly fact: PolicyFact
  /** Epoch ms. */
  readonly until: number
}

/** A second is the least that Retry-After can say. */
const PATIENCE: BreakerPolicy = {
  failureThreshold: 3,
  successThreshold: 1,
  openMs: 1000,
  halfOpenMaxRequests: 1,
}
/** Bytes of inputs, and of what was decided on them, that are remembered. */
const ROOM = 16 * 1024 * 1024
const OVERHEAD = 256

export class Policy {
  readonly #options: PolicyOptions
  readonly #decisions: Decisions
  readonly #opa: Opa
  readonly #write: WriteInput
  readonly #breaker: Breaker = createBreaker()
  readonly #remembered = new Recent<Remembered>(ROOM)
  readonly #flights = new Map<string, Flight<Decision>>()
  #isAside = false

  constructor(options: PolicyOptions) {
    const { config, bucket, tally } = options
    this.#options = options
    this.#decisions = tally.of(bucket)
    this.#opa = new Opa(config)
    this.#write = compileInput(config.input)
  }

  close(): void {
    this.#opa.close()
  }

  describe(): PolicyDescription {
    const { url, policyPath: path, failMode } = this.#options.config
    return { url, path, failMode, remembered: this.#remembered.size }
  }

  /** Throws or rejects with the refusal; at once, where it has been decided already. */
  admit(question: AccessQuestion, visitor: Admitted): Admitted | Promise<Admitted> {
    this.#refuseUntold(question, visitor)
    const asked = { question, identity: visitor.identity, at: now() }
    const input = this.#write(asked)
    const known = this.#recall(input, asked.at)
    if (known !== undefined) return this.#conclude(known, visitor)
    return this.#find(input, asked).then((fact) => this.#conclude(fact, visitor))
  }

  /** As `admit` would, without a trace: nothing is counted, remembered, or learned of OPA. */
  async foresee(question: AccessQuestion, visitor: Admitted): Promise<Admitted> {
    this.#refuseUntold(question, visitor)
    const asked = { question, identity: visitor.identity, at: now() }
    const input = this.#write(asked)
    const known = this.#recall(input, asked.at)
    if (known !== undefined) return this.#decide(known, visitor)
    return this.#decide(await factOf(() => this.#askOnce(input, asked)), visitor)
  }

  /** A policy that knows paths alone would say yes to one of them, and be taken to mean all below it. */
  #refuseUntold({ listing }: AccessQuestion, { identity }: Admitted): void {
    if (listing?.isDeep !== true || this.#options.config.input.includes('listing')) return
    const cause =
      'a listing of all below a path, which the policy is not told of (input: [listing])'
    throw new Refusal('policy_denied', { cause, user: identity?.subject })
  }

  #recall(input: string, at: number): PolicyFact | undefined {
    const known = this.#remembered.get(input)
    return known !== undefined && at < known.until ? known.fact : undefined
  }

  #find(input: string, asked: Asked): Promise<PolicyFact> {
    return factOf(() => {
      const flight = this.#flights.get(input) ?? this.#start(input, asked)
      return flight.join(asked.question.leaving)
    })
  }

  #askOnce(input: string, { question }: Asked): Promise<Decision> {
    if (!wouldAdmit(this.#breaker, PATIENCE, monotonic())) throw aside()
    return this.#opa.ask(input, traceFields(question.trace, SPANS.policy)).decision
  }

  #start(input: string, asked: Asked): Flight<Decision> {
    const startedAt = monotonic()
    const admission = admit(this.#breaker, PATIENCE, startedAt)
    if (admission === undefined) throw aside()
    // Of those who wait for the one answer, the first is told of.
    const asking = this.#opa.ask(input, traceFields(asked.question.trace, SPANS.policy))
    const answer = asking.decision.then(
      (decision) => {
        this.#ended(flight, input)
        this.#observe(admission, startedAt)
        this.#remember(input, asked, decision)
        return decision
      },
      (error: unknown) => {
        this.#ended(flight, input)
        this.#observe(admission, startedAt, error)
        throw error
      },
    )
    const giveUp = (): void => {
      this.#ended(flight, input)
      asking.cancel()
    }
    const flight = new Flight({ answer, giveUp, left })
    this.#flights.set(input, flight)
    return flight
  }

  /** Whoever comes later asks anew. */
  #ended(flight: Flight<Decision>, input: string): void {
    if (this.#flights.get(input) === flight) this.#flights.delete(input)
  }

  #remember(input: string, { at, identity }: Asked, { isAllowed, reason }: Decision): void {
    const { cacheTtlMs } = this.#options.config
    const until = Math.min(at + cacheTtlMs, expiryOf(identity?.claims))
    if (until <= at) return
    const fact = { decision: isAllowed ? 'allow' : 'deny', reason, isRemembered: true } as const
    const weight = 2 * (input.length + (reason?.length ?? 0)) + OVERHEAD
    this.#remembered.set(input, { fact, until }, weight)
  }

  #observe(admission: Admission, startedAt: number, error?: unknown): void {
    const at = monotonic()
    const outcome = outcomeOf(error)
    if (outcome !== 'neutral') addValue(this.#options.tally.seconds, (at - startedAt) / 1000)
    settle(this.#breaker, PATIENCE, { admission, outcome, now: at })
    this.#tell(error)
  }

  /** Once when OPA is not asked any more, and once when it is again. */
  #tell(error: unknown): void {
    const { state } = this.#breaker
    const isAside = state === 'open' || (this.#isAside && state !== 'closed')
    if (isAside === this.#isAside) return
    this.#isAside = isAside
    const { emit, bucket } = this.#options
    const reason = error instanceof Error ? error.message : 'OPA answers'
    emit({ kind: 'policy', bucket, state: isAside ? 'aside' : 'back', reason })
  }

  #conclude(fact: PolicyFact, visitor: Admitted): Admitted {
    this.#decisions[fact.decision] += 1
    return this.#decide(fact, visitor)
  }

  #decide(fact: PolicyFact, visitor: Admitted): Admitted {
    const { decision, reason: cause } = fact
    const isOpen = decision === 'error' && this.#options.config.failMode === 'open'
    if (decision === 'allow' || isOpen) return { ...visitor, policy: fact }
    const user = visitor.identity?.subject
    if (decision === 'deny') throw new Refusal('policy_denied', { cause, user, policy: fact })
    const headers = retryAfter(openForMs(this.#breaker, monotonic()))
    throw new Refusal('policy_unavailable', { headers, cause, user, policy: fact })
  }
}

/** Rejects where nobody waits for it any more, or something is wrong with us. */
async function factOf(decide: () => Promise<Decision>): Promise<PolicyFact> {
  const from = monotonic()
  let isAsked = false
  const asked = (): PolicyFact['asked'] => (isAsked ? { from, until: monotonic() } : undefined)
  try {
    const deciding = decide()
    isAsked = true
    const { isAllowed, reason } = await deciding
    const decision = isAllowed ? 'allow' : 'deny'
    return { decision, reason, isRemembered: false, asked: asked() }
  } catch (error) {
    if (!(error instanceof PolicyFailure)) throw error
    if (error.kind === 'cancelled') throw new Refusal('policy_unavailable', { cause: error })
    return { decision: 'error', reason: error.message, isRemembered: false, asked: asked() }
  }
}

function left(): PolicyFailure {
  return new PolicyFailure('cancelled', 'nobody waits')
}

function aside(): PolicyFailure {
  return new PolicyFailure('away', 'OPA is not asked: it did not answer')
}

/** An answer that is no decision is an answer: one odd input must not take the policy from others. */
function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof PolicyFailure)) return 'success'
  if (error.kind === 'cancelled') return 'neutral'
  return error.kind === 'away' ? 'failure' : 'success'
}

/** Epoch ms, without leeway: a token that is only just good is asked about each time. */
function expiryOf(claims: object | undefined): number {
  const expiry = claims === undefined ? undefined : own(claims, 'exp')
  return typeof expiry === 'number' ? expiry * 1000 : Number.POSITIVE_INFINITY
}
