// So many requests at one time, and no more: a place is taken by an exchange, and given back when its
// body has ended.

import type { LaneCount } from '../primitives/lanes.ts'
import { Refusal, retryAfter } from './refusal.ts'

export class RequestSlots {
  readonly limit: number
  readonly #count: LaneCount
  readonly #cause: string

  /** `of` whom they are, for the log. */
  constructor(count: LaneCount, limit: number, of: string) {
    this.limit = limit
    this.#count = count
    this.#cause = `max_concurrent_requests of ${of}`
  }

  /** In all threads. */
  get inUse(): number {
    return this.#count.sum
  }

  /** Throws where all are taken. */
  take(): void {
    if (!this.#count.tryAdd(this.limit)) throw this.#refusal()
  }

  giveBack(): void {
    this.#count.remove()
  }

  /** Throws as `take` would now, and takes nothing. */
  requireFree(): void {
    if (this.inUse >= this.limit) throw this.#refusal()
  }

  /** Nobody knows when a body ends. */
  #refusal(): Refusal {
    return new Refusal('too_busy', { headers: retryAfter(0), cause: this.#cause })
  }
}
