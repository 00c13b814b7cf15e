// A place taken at a replica, given back exactly once: at the end of the answer's body, on
// failure, or when nobody wants the answer any more.

import type { Admission, Outcome } from '../primitives/breaker.ts'
import type { Replica } from './replica.ts'

export class Lease {
  readonly replica: Replica
  readonly #admission: Admission
  #isSettled = false

  /** Undefined when the replica's breaker lets nobody through. */
  static take(replica: Replica): Lease | undefined {
    const admission = replica.admit()
    return admission === undefined ? undefined : new Lease(replica, admission)
  }

  private constructor(replica: Replica, admission: Admission) {
    this.replica = replica
    this.#admission = admission
  }

  settle(outcome: Outcome): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.replica.settle(this.#admission, outcome)
  }
}
