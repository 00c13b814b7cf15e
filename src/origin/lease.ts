// A place taken at a replica, given back exactly once: at the end of the answer's body, on
// failure, or when nobody wants the answer any more.

import type { Admission, Outcome } from '../primitives/breaker.ts'
import type { Replica } from './replica.ts'

/** A place among all the requests that the origin gets at one time. */
export interface Place {
  giveBack(): void
}

export class Lease {
  readonly replica: Replica
  readonly #admission: Admission
  readonly #place: Place | undefined
  #isSettled = false

  /** Undefined when the replica's breaker lets nobody through. The place is the lease's then. */
  static take(replica: Replica, place?: Place): Lease | undefined {
    const admission = replica.admit()
    if (admission === undefined) place?.giveBack()
    return admission === undefined ? undefined : new Lease(replica, admission, place)
  }

  private constructor(replica: Replica, admission: Admission, place: Place | undefined) {
    this.replica = replica
    this.#admission = admission
    this.#place = place
  }

  settle(outcome: Outcome): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.replica.settle(this.#admission, outcome)
    this.#place?.giveBack()
  }
}
