// What all threads know of a replica, in memory that they share: its breaker, what probes say of it, and
// which of the threads probes it.

import { sharedMonotonic } from '../primitives/clock.ts'
import { allocateBreaker, SharedBreaker } from '../primitives/shared-breaker.ts'
import type { BreakerMemory } from '../primitives/shared-breaker.ts'
import { FAILURE_KINDS, OriginFailure } from './failure.ts'
import type { Health, ReplicaState } from './replica-record.ts'

export interface ReplicaMemory {
  /** Names it among all that there ever were. */
  readonly id: string
  readonly breaker: BreakerMemory
  readonly health: SharedArrayBuffer
}

/** In 32-bit words: when it was last probed is a double before them all. */
const HEALTH = 2
const PROBER = 3
const FAILURE = 4
const HEALTH_WORDS = 6
const HEALTHS: readonly Health[] = ['probing', 'healthy', 'unhealthy']
const NOBODY = 0
/** Who waits for the first result looks whether it is still wanted. */
const LOOK_MS = 250

export function allocateReplica(threads: number, id: string): ReplicaMemory {
  const health = new SharedArrayBuffer(HEALTH_WORDS * Int32Array.BYTES_PER_ELEMENT)
  return { id, breaker: allocateBreaker(threads), health }
}

/** One of the threads has ended: it asks nothing any more, and does not probe. */
export function leaveReplica({ breaker, health }: ReplicaMemory, lane: number): void {
  new SharedBreaker(breaker, lane, Math.random).clear()
  Atomics.compareExchange(new Int32Array(health), PROBER, lane + 1, NOBODY)
}

export class SharedReplica implements ReplicaState {
  readonly breaker: SharedBreaker
  readonly now = sharedMonotonic
  readonly #words: Int32Array<SharedArrayBuffer>
  readonly #probedAt: Float64Array<SharedArrayBuffer>
  readonly #self: number
  /** Who probes it in this thread, for all. */
  #prober: object | undefined
  /** With all that is known here of it. */
  #failure: OriginFailure | undefined

  constructor({ breaker, health }: ReplicaMemory, lane: number, random: () => number) {
    this.breaker = new SharedBreaker(breaker, lane, random)
    this.#words = new Int32Array(health)
    this.#probedAt = new Float64Array(health, 0, 1)
    this.#self = lane + 1
  }

  get probed(): Health {
    return HEALTHS[Atomics.load(this.#words, HEALTH)] ?? 'probing'
  }

  set probed(health: Health) {
    Atomics.store(this.#words, HEALTH, HEALTHS.indexOf(health))
    Atomics.notify(this.#words, HEALTH)
  }

  get lastFailure(): OriginFailure | undefined {
    const kind = FAILURE_KINDS[Atomics.load(this.#words, FAILURE) - 1]
    if (kind === undefined || this.#failure?.kind === kind) return kind && this.#failure
    return new OriginFailure(kind, 'as another thread has found')
  }

  set lastFailure(failure: OriginFailure | undefined) {
    this.#failure = failure
    const number = failure === undefined ? 0 : FAILURE_KINDS.indexOf(failure.kind) + 1
    if (Atomics.load(this.#words, FAILURE) !== number) Atomics.store(this.#words, FAILURE, number)
  }

  /** One of all who would: until it leaves, or has not come for so long. */
  mayProbe(prober: object, lateMs: number): boolean {
    const found = Atomics.load(this.#words, PROBER)
    const at = this.now()
    const isOwn = found === this.#self && (this.#prober ?? prober) === prober
    const isLate = at - (this.#probedAt[0] ?? 0) > lateMs
    if (!isOwn && found !== NOBODY && !isLate) return false
    if (Atomics.compareExchange(this.#words, PROBER, found, this.#self) !== found) return false
    this.#prober = prober
    this.#probedAt[0] = at
    return true
  }

  leaveProbing(prober: object): void {
    if (this.#prober !== prober) return
    this.#prober = undefined
    Atomics.compareExchange(this.#words, PROBER, this.#self, NOBODY)
  }

  /** Settles when something is known of it, or `isWanted` says no more. */
  async known(isWanted: () => boolean): Promise<void> {
    while (this.probed === 'probing' && isWanted()) {
      await Atomics.waitAsync(this.#words, HEALTH, 0, LOOK_MS).value
    }
  }
}
