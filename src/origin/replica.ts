// One copy of the bucket, and what is known of it over time: breaker, requests in flight, latency,
// and what the active probes say.

import { admit, openForMs, settle, wouldAdmit } from '../primitives/breaker.ts'
import type { Admission, BreakerPolicy, BreakerState, Outcome } from '../primitives/breaker.ts'
import { monotonic } from '../primitives/clock.ts'
import { latencyAt, observeLatency } from '../primitives/peak-ewma.ts'
import type { ReplicaConfig } from '../config/s3.ts'
import type { Emit } from '../exchange/event.ts'
import { OriginFailure } from './failure.ts'
import type { AskLimits, ObjectAnswer, ObjectQuestion } from './question.ts'
import { healthOf, ReplicaRecord } from './replica-record.ts'
import type { Health, ReplicaState } from './replica-record.ts'
import { S3Endpoint } from './s3-endpoint.ts'
import { ReplicaTally } from './tally.ts'

export interface ReplicaOptions {
  readonly config: ReplicaConfig
  /** The name of the bucket it is a copy of, for events. */
  readonly bucket: string
  readonly policy: BreakerPolicy
  readonly isProbed: boolean
  readonly emit: Emit
  readonly tally?: ReplicaTally
  /** Goes on with what was learned before. */
  readonly record?: ReplicaRecord
  readonly endpoint?: S3Endpoint
}

export class Replica {
  readonly config: ReplicaConfig
  readonly tally: ReplicaTally
  readonly #options: ReplicaOptions
  readonly #record: ReplicaRecord
  readonly #state: ReplicaState
  readonly #endpoint: S3Endpoint

  constructor(options: ReplicaOptions) {
    const { config, record = new ReplicaRecord() } = options
    this.config = config
    this.tally = options.tally ?? new ReplicaTally()
    this.#options = options
    this.#record = record
    this.#state = record.state
    this.#endpoint = options.endpoint ?? endpointOf(options)
  }

  get inFlight(): number {
    return this.#record.inFlight
  }

  set inFlight(count: number) {
    this.#record.inFlight = count
  }

  /** Why it was last to blame; undefined once it has answered again. */
  get lastFailure(): OriginFailure | undefined {
    return this.#state.lastFailure
  }

  set lastFailure(failure: OriginFailure | undefined) {
    this.#state.lastFailure = failure
  }

  /** What active probes say; a replica that is not probed is taken for healthy. */
  get probed(): Health {
    return this.#options.isProbed ? this.#state.probed : 'healthy'
  }

  set probed(health: Health) {
    this.#state.probed = health
  }

  /** Who probes it, and what is known of that. */
  get probing(): Pick<ReplicaState, 'mayProbe' | 'leaveProbing' | 'known'> {
    return this.#state
  }

  get name(): string {
    return this.config.name
  }

  get health(): Health {
    return healthOf(this.#state, this.#options.isProbed)
  }

  /** An open one whose time is up would let a request through. */
  get breakerState(): BreakerState {
    const { state } = this.#state.breaker
    return state === 'open' && this.openForMs() === 0 ? 'half-open' : state
  }

  /** To the first byte, as it is to be expected now; 0 where nothing is known. */
  latencyMs(): number {
    return latencyAt(this.#record.latency, monotonic())
  }

  wouldAdmit(): boolean {
    const { breaker, now } = this.#state
    return wouldAdmit(breaker, this.#options.policy, now())
  }

  openForMs(): number {
    const { breaker, now } = this.#state
    return openForMs(breaker, now())
  }

  /** A place for one request, to be given back with `settle` whatever becomes of it. */
  admit(): Admission | undefined {
    const { breaker, now } = this.#state
    const { before, admission } = breaker.change((own) => {
      const { epoch } = own
      return { before: epoch, admission: admit(own, this.#options.policy, now()) }
    })
    if (admission === undefined) return undefined
    if (admission.epoch !== before) this.#announce('half-open')
    this.inFlight += 1
    return admission
  }

  settle(admission: Admission, outcome: Outcome): void {
    this.inFlight -= 1
    if (outcome === 'success') this.lastFailure = undefined
    const { breaker, now } = this.#state
    const changedTo = breaker.change((own) => {
      const hasChanged = settle(own, this.#options.policy, { admission, outcome, now: now() })
      return hasChanged ? own.state : undefined
    })
    if (changedTo !== undefined) this.#announce(changedTo)
  }

  ask(question: ObjectQuestion, limits: AskLimits): Promise<ObjectAnswer> {
    return this.#endpoint.ask(question, limits)
  }

  /** Told how long an answer took to its first byte. */
  noteLatency(ms: number, answeredAt: number): void {
    observeLatency(this.#record.latency, ms, answeredAt)
  }

  /** Throws unless the bucket, or the one key, answers: by the same road a delivery takes. */
  async probe(key: string, limits: AskLimits): Promise<void> {
    const answer = await this.#endpoint.ask({ method: 'HEAD', key }, limits)
    if (answer.kind === 'object') answer.body.discard()
    if (answer.kind === 'not-found') {
      throw new OriginFailure('misconfigured', 'what is probed does not exist')
    }
  }

  async close(): Promise<void> {
    await this.#endpoint.close()
  }

  #announce(state: BreakerState): void {
    const { bucket, emit } = this.#options
    emit({ kind: 'breaker', bucket, replica: this.name, state })
  }
}

/** The way to a copy. */
export function endpointOf({
  config,
  bucket,
  emit,
}: Pick<ReplicaOptions, 'config' | 'bucket' | 'emit'>): S3Endpoint {
  return new S3Endpoint(config, (region) => {
    emit({ kind: 'region-learned', bucket, replica: config.name, region })
  })
}
