// So many requests at one time, and no more: a place is taken by an exchange, and given back when its
// body has ended.

import type { LaneCount } from '../primitives/lanes.ts'
import type { ShedRatios } from './counts.ts'
import type { LoadGuard } from './load-guard.ts'
import { Refusal, retryAfter } from './refusal.ts'

export interface RequestSlotsOptions {
  readonly count: LaneCount
  readonly limit: number
  /** Undefined: the server's own, at which every request comes in. */
  readonly bucket?: string
  readonly guard: LoadGuard
}

export class RequestSlots {
  readonly limit: number
  readonly #count: LaneCount
  readonly #guard: LoadGuard
  readonly #isEntrance: boolean
  readonly #refusal: Refusal
  #held = 0
  #released: (() => void) | undefined

  constructor({ count, limit, bucket, guard }: RequestSlotsOptions) {
    this.limit = limit
    this.#count = count
    this.#guard = guard
    this.#isEntrance = bucket === undefined
    const of = bucket === undefined ? 'the server' : `the bucket ${bucket}`
    const cause = `max_concurrent_requests of ${of}`
    // Nobody knows when a body ends.
    this.#refusal = new Refusal('too_busy', { headers: retryAfter(0), cause })
  }

  /** In all threads. */
  get inUse(): number {
    return this.#count.sum
  }

  /** What is turned away at this moment for lack of time. */
  get shed(): ShedRatios {
    return this.#guard.shed
  }

  /** Throws where all are taken, or there is no time for more. */
  take(): void {
    if (this.#isEntrance) this.#guard.admit()
    if (!this.#count.tryAdd(this.limit)) {
      this.#guard.count(this.#isEntrance ? 'server_places' : 'bucket_places')
      throw this.#refusal
    }
    this.#held += 1
  }

  /** For one that has a place: throws where there is no time to ask the origin for it. */
  requireTime(): void {
    this.#guard.admitToOrigin()
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

  /** Throws where all are taken, and takes nothing. */
  requireFree(): void {
    if (this.inUse >= this.limit) throw this.#refusal
  }
}
