// A breaker that lies in memory which threads share, so that what one of them learns all of them go by.
// The machine is that of `breaker.ts`; each change of it is made under a lock. Requests that probe are
// counted by lane, so that those of a thread that has ended are known and given up.

import type { Breaker, BreakerState } from './breaker.ts'
import { SharedLock } from './shared-lock.ts'

export type BreakerMemory = SharedArrayBuffer

/** In 32-bit words: `openUntil` is a double before them all, the lanes come behind. */
const LOCK = 2
const STATE = 3
const FAILURES = 4
const SUCCESSES = 5
const EPOCH = 6
const LANES = 7
const STATES: readonly BreakerState[] = ['closed', 'open', 'half-open']

export function allocateBreaker(lanes: number): BreakerMemory {
  const words = Math.ceil((LANES + lanes) / 2) * 2
  return new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT)
}

export class SharedBreaker implements Breaker {
  readonly #words: Int32Array<SharedArrayBuffer>
  readonly #openUntil: Float64Array<SharedArrayBuffer>
  readonly #lock: SharedLock
  readonly #lane: number

  constructor(memory: BreakerMemory, lane: number, random: () => number) {
    this.#words = new Int32Array(memory)
    this.#openUntil = new Float64Array(memory, 0, 1)
    this.#lock = new SharedLock(this.#words, random)
    this.#lane = LANES + lane
  }

  /** Nobody else changes it meanwhile. */
  change<Result>(work: (breaker: Breaker) => Result): Result {
    this.#lock.enter(LOCK)
    try {
      return work(this)
    } finally {
      this.#lock.leave()
    }
  }

  /** The thread of this lane has ended, with all that it had asked. */
  clear(): void {
    this.change(() => Atomics.store(this.#words, this.#lane, 0))
  }

  get state(): BreakerState {
    return STATES[this.#read(STATE)] ?? 'closed'
  }

  set state(state: BreakerState) {
    Atomics.store(this.#words, STATE, STATES.indexOf(state))
  }

  get failures(): number {
    return this.#read(FAILURES)
  }

  set failures(count: number) {
    Atomics.store(this.#words, FAILURES, count)
  }

  get successes(): number {
    return this.#read(SUCCESSES)
  }

  set successes(count: number) {
    Atomics.store(this.#words, SUCCESSES, count)
  }

  get epoch(): number {
    return this.#read(EPOCH)
  }

  set epoch(epoch: number) {
    Atomics.store(this.#words, EPOCH, epoch)
  }

  get openUntil(): number {
    return this.#openUntil[0] ?? 0
  }

  set openUntil(at: number) {
    this.#openUntil[0] = at
  }

  get probesInFlight(): number {
    let sum = 0
    for (let lane = LANES; lane < this.#words.length; lane += 1) sum += this.#read(lane)
    return sum
  }

  /** More or fewer are those of this thread; none are those of nobody. */
  set probesInFlight(count: number) {
    if (count === 0) this.#words.fill(0, LANES)
    else Atomics.add(this.#words, this.#lane, count - this.probesInFlight)
  }

  #read(word: number): number {
    return Atomics.load(this.#words, word)
  }
}
