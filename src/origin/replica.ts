// One copy of the bucket, and what is known of it over time: breaker, requests in flight, latency,
// and what the active probes say.

import { admit, createBreaker, openForMs, settle, wouldAdmit } from '../primitives/breaker.ts'
import type {
  Admission,
  Breaker,
  BreakerPolicy,
  BreakerState,
  Outcome,
} from '../primitives/breaker.ts'
import { monotonic } from '../primitives/clock.ts'
import { createPeakEwma, latencyAt, observeLatency } from '../primitives/peak-ewma.ts'
import type { ReplicaConfig } from '../config/s3.ts'
import type { Emit } from '../exchange/event.ts'
import { OriginFailure } from './failure.ts'
import type { AskLimits, ObjectAnswer, ObjectQuestion } from './question.ts'
import { S3Endpoint } from './s3-endpoint.ts'
import { ReplicaTally } from './tally.ts'

export type Health = 'probing' | 'healthy' | 'unhealthy'

/** What time has taught of a copy: it outlives the settings under which it was learned. */
export class ReplicaRecord {
  readonly breaker = createBreaker()
  readonly latency = createPeakEwma()
  inFlight = 0
  lastFailure: OriginFailure | undefined
  probed: Health = 'probing'
}

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
  readonly #breaker: Breaker
  readonly #endpoint: S3Endpoint

  constructor(options: ReplicaOptions) {
    const { config, record = new ReplicaRecord() } = options
    this.config = config
    this.tally = options.tally ?? new ReplicaTally()
    this.#options = options
    this.#record = record
    this.#breaker = record.breaker
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
    return this.#record.lastFailure
  }

  set lastFailure(failure: OriginFailure | undefined) {
    this.#record.lastFailure = failure
  }

  /** What active probes say; a replica that is not probed is taken for healthy. */
  get probed(): Health {
    return this.#options.isProbed ? this.#record.probed : 'healthy'
  }

  set probed(health: Health) {
    this.#record.probed = health
  }

  get name(): string {
    return this.config.name
  }

  /**
   * A breaker whose time is up does not speak against the replica: it is only a request that can
   * close it, and none would come where readiness waits for it to close.
   */
  get health(): Health {
    if (this.openForMs() > 0 || this.probed === 'unhealthy') return 'unhealthy'
    return this.#breaker.probesInFlight > 0 ? 'probing' : this.probed
  }

  /** An open one whose time is up would let a request through. */
  get breakerState(): BreakerState {
    const { state } = this.#breaker
    return state === 'open' && this.openForMs() === 0 ? 'half-open' : state
  }

  /** To the first byte, as it is to be expected now; 0 where nothing is known. */
  latencyMs(): number {
    return latencyAt(this.#record.latency, monotonic())
  }

  wouldAdmit(): boolean {
    return wouldAdmit(this.#breaker, this.#options.policy, monotonic())
  }

  openForMs(): number {
    return openForMs(this.#breaker, monotonic())
  }

  /** A place for one request, to be given back with `settle` whatever becomes of it. */
  admit(): Admission | undefined {
    const before = this.#breaker.state
    const admission = admit(this.#breaker, this.#options.policy, monotonic())
    if (admission === undefined) return undefined
    if (this.#breaker.state !== before) this.#announce()
    this.inFlight += 1
    return admission
  }

  settle(admission: Admission, outcome: Outcome): void {
    this.inFlight -= 1
    if (outcome === 'success') this.lastFailure = undefined
    const end = { admission, outcome, now: monotonic() }
    if (settle(this.#breaker, this.#options.policy, end)) this.#announce()
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

  #announce(): void {
    const { bucket, emit } = this.#options
    emit({ kind: 'breaker', bucket, replica: this.name, state: this.#breaker.state })
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
