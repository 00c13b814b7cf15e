// So many requests at one time, and no more: a place is taken by an exchange, and given back when its
// body has ended.

import type { LaneCount } from '../primitives/lanes.ts'
import { Refusal, retryAfter } from './refusal.ts'

export class RequestSlots {
  readonly limit: number
  readonly #count: LaneCount
  readonly #cause: string
  #held = 0
  #released: (() => void) | undefined

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
    this.#held += 1
  }

  giveBack(): void {
    this.#count.remove()
    this.#held -= 1
    if (this.#held === 0) this.#released?.()
  }

  /** When everybody who has taken a place here, and not of others who count with it, has given it back. */
  allGivenBack(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#held === 0) resolve()
      else this.#released = resolve
    })
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
