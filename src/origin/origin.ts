// The origin of one bucket: asks for an object, from whichever replica will answer, and hands over
// bytes that survive the loss of the replica they came from. Signing, addressing, failover, health
// and S3's dialects are its business; what the answer means to a client is not.

import { Holdings } from '../primitives/commons.ts'
import type { BreakerState } from '../primitives/breaker.ts'
import type { CancelSignal } from '../primitives/cancel.ts'
import type { SharedSlots } from '../primitives/shared-slots.ts'
import type { S3Config } from '../config/s3.ts'
import type { StreamBody } from '../exchange/body.ts'
import type { OriginCounts } from '../exchange/counts.ts'
import type { Emit } from '../exchange/event.ts'
import type { ObjectHead } from '../exchange/object-head.ts'
import { ContinuedBody } from './continued-body.ts'
import type { ContinuedBodyOptions } from './continued-body.ts'
import type { FailureKind, OriginFailure } from './failure.ts'
import { HealthCheck } from './health.ts'
import { isUntold, measure } from './measure.ts'
import type { ByteRoom } from './measured-body.ts'
import { listPage } from './list.ts'
import type { ListAnswer, ListQuestion } from './listing.ts'
import type { ObjectAnswer, ObjectQuestion } from './question.ts'
import { Replica } from './replica.ts'
import type { Health } from './replica-record.ts'
import { ReplicaSet } from './replica-set.ts'
import type { Leased } from './replica-set.ts'
import { ReplicaStore } from './replica-store.ts'
import { OriginTally } from './tally.ts'
import type { Trail } from './trail.ts'

export { OriginFailure } from './failure.ts'
export type { FailureKind } from './failure.ts'
export type { ListAnswer, ListedObject, ListPage, ListPosition, ListQuestion } from './listing.ts'
export { createPut } from './put-object.ts'
export type { PutObject, PutPlace } from './put-object.ts'
export type { ObjectQuestion } from './question.ts'
export { healthOf } from './replica-record.ts'
export type { Health } from './replica-record.ts'
export { placeOf, ReplicaStore } from './replica-store.ts'
export type { SharedReplicas } from './replica-store.ts'
export { allocateReplica, leaveReplica, SharedReplica } from './shared-replica.ts'
export type { ReplicaMemory } from './shared-replica.ts'
export { OriginTally } from './tally.ts'
export { createTrail } from './trail.ts'
export type { FailedAttempt, Trail } from './trail.ts'

/** An object whose bytes `first` to `last` are on their way. */
export interface Delivered {
  readonly kind: 'object'
  readonly head: ObjectHead
  readonly first: number
  readonly last: number | undefined
  /** Takes the bytes from `first` to `last` of those, or lets them all go. To be called once. */
  body(first: number, last: number | undefined): StreamBody
  discard(): void
}

/** What becomes of a question that is asked now, as far as it is known here. */
export interface OriginForesight {
  readonly balance: S3Config['balance']
  /** In the order they would be tried; then those that would not be. */
  readonly replicas: readonly ReplicaForesight[]
  /** What would be thrown at once. */
  readonly failure: OriginFailure | undefined
  /** Undefined: it gets as many requests as come. */
  readonly slots: SlotsForesight | undefined
}

export interface SlotsForesight {
  readonly limit: number
  readonly inUse: number
  readonly waiting: number
}

export interface ReplicaForesight {
  readonly name: string
  readonly isTried: boolean
  readonly bucket: string
  /** Stands before every key there. */
  readonly keyPrefix: string
  readonly priority: number
  readonly weight: number
  readonly health: Health
  readonly breaker: BreakerState
  /** Until it may be asked again. */
  readonly openForMs: number
  readonly inFlight: number
  readonly latencyMs: number
  readonly lastFailure: FailureKind | undefined
}

export type OriginAnswer = Delivered | Exclude<ObjectAnswer, { readonly kind: 'object' }>

export interface OriginOptions {
  readonly bucket: string
  readonly config: S3Config
  readonly random: () => number
  readonly emit: Emit
  /** Goes on with what was counted for the bucket before. */
  readonly tally?: OriginTally
  /** Where the configuration bounds the requests it gets. */
  readonly places?: SharedSlots | undefined
  /** Where replicas are found again that others have known. */
  readonly store?: ReplicaStore
  /** For what has to be taken in to know its length; undefined: nothing is. */
  readonly room?: ByteRoom | undefined
}

export class Origin {
  readonly #bucket: string
  readonly #tally: OriginTally
  readonly #isHedged: boolean
  readonly #places: SharedSlots | undefined
  readonly #set: ReplicaSet
  readonly #balance: S3Config['balance']
  readonly #holdings = new Holdings()
  readonly #openCheck: ((replica: Replica) => HealthCheck) | undefined
  readonly #room: ByteRoom | undefined
  /** Those that run. */
  #checks: readonly HealthCheck[] = []

  constructor(options: OriginOptions) {
    const { bucket, config, random, emit, tally = new OriginTally(), places, room } = options
    const { store = new ReplicaStore() } = options
    this.#places = places
    this.#room = room
    this.#bucket = bucket
    this.#tally = tally
    this.#isHedged = config.hedge !== undefined
    const { healthCheck, circuitBreaker: policy } = config
    const isProbed = healthCheck !== undefined
    const replicas = config.replicas.map((replica) => {
      const own = tally.replica(replica.name)
      const common = { config: replica, bucket, emit }
      const known = store.take(common, this.#holdings)
      return new Replica({ ...common, ...known, policy, isProbed, tally: own })
    })
    const queueTimeoutMs = config.slots?.queueTimeoutMs ?? 0
    const slots = places && { places, queueTimeoutMs }
    this.#set = new ReplicaSet(replicas, config, random, { tally, slots })
    this.#balance = config.balance
    this.#openCheck =
      healthCheck && ((replica) => new HealthCheck(replica, healthCheck, bucket, emit))
  }

  /** Begins the active probes, unless they run. Settles when each has had a result, or was stopped. */
  async start(): Promise<void> {
    const open = this.#openCheck
    if (open === undefined || this.#checks.length > 0) return
    this.#checks = this.#set.replicas.map(open)
    await Promise.all(this.#checks.map((check) => check.start()))
  }

  /** Ends them: what is known stays as it is. */
  stop(): void {
    for (const check of this.#checks) check.stop()
    this.#checks = []
  }

  /** Nobody is to ask it any more. Who still does, or reads what it gave, is not disturbed. */
  retire(): void {
    this.stop()
    this.#holdings.release()
  }

  /** Cuts what is under way. */
  async close(): Promise<void> {
    this.stop()
    await Promise.all(this.#set.replicas.map((replica) => replica.close()))
  }

  health(): Readonly<Record<string, Health>> {
    return Object.fromEntries(this.#set.replicas.map((replica) => [replica.name, replica.health]))
  }

  counts(): OriginCounts {
    const breakers = this.#set.replicas.map(
      ({ name, breakerState }) => [name, breakerState] as const,
    )
    const counts = this.#tally.counts(this.#bucket, new Map(breakers))
    return this.#isHedged ? counts : { ...counts, hedges: undefined }
  }

  /** Asks nobody, and takes nobody's turn. */
  foresee(): OriginForesight {
    const { order, failure } = this.#set.foresee()
    const others = this.#set.replicas.filter((replica) => !order.includes(replica))
    const replicas = [
      ...order.map((replica) => foresightOf(replica, true)),
      ...others.map((replica) => foresightOf(replica, false)),
    ]
    return { balance: this.#balance, replicas, failure, slots: foresightOfSlots(this.#places) }
  }

  ask(
    question: ObjectQuestion,
    { signal, trail }: { signal: CancelSignal | undefined; trail: Trail },
  ): Promise<OriginAnswer> {
    const set = this.#set
    const room = this.#room
    const deliver = ({ answer, lease }: Leased): OriginAnswer =>
      answer.kind === 'object'
        ? new Delivery({ set, question, found: answer, lease, trail })
        : answer
    return set.ask(question, { signal, trail, phase: 'head' }).then((leased) => {
      if (room === undefined || !isUntold(leased.answer, question)) return deliver(leased)
      return measure(leased, { set, question, context: { signal, trail }, room }).then(deliver)
    })
  }

  /** One page of what the bucket holds; its `next` is where the page after it begins. */
  list(
    question: ListQuestion,
    context: { signal: CancelSignal | undefined; trail: Trail },
  ): Promise<ListAnswer> {
    return listPage(this.#set, question, context)
  }
}

function foresightOfSlots(places: SharedSlots | undefined): SlotsForesight | undefined {
  return places && { limit: places.limit, inUse: places.inUse, waiting: places.waiting }
}

function foresightOf(replica: Replica, isTried: boolean): ReplicaForesight {
  const { name, config, health, inFlight, lastFailure } = replica
  const { bucket, keyPrefix, priority, weight } = config
  return {
    name,
    isTried,
    bucket,
    keyPrefix,
    priority,
    weight,
    health,
    breaker: replica.breakerState,
    openForMs: replica.openForMs(),
    inFlight,
    latencyMs: replica.latencyMs(),
    lastFailure: lastFailure?.kind,
  }
}
class Delivery implements Delivered {
  readonly kind = 'object'
  readonly head: ObjectHead
  readonly first: number
  readonly last: number | undefined
  readonly #source: DeliverySource

  constructor(source: DeliverySource) {
    const { head, first, last } = source.found
    this.head = head
    this.first = first
    this.last = last
    this.#source = source
  }

  body(first: number, last: number | undefined): StreamBody {
    return new ContinuedBody({ ...this.#source, first, last })
  }

  discard(): void {
    this.body(this.first, this.last).discard()
  }
}

type DeliverySource = Omit<ContinuedBodyOptions, 'first' | 'last'>
