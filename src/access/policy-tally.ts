// What became of the questions to policies. It belongs to the process, not to a configuration.

import { SECONDS } from '../exchange/counts.ts'
import type { PolicyCounts } from '../exchange/counts.ts'
import type { PolicyFact } from '../exchange/policy-fact.ts'
import { createHistogram } from '../primitives/histogram.ts'

/** Of one bucket. */
export type Decisions = Record<PolicyFact['decision'], number>

export class PolicyTally {
  /** Of the questions that OPA was really asked. */
  readonly seconds = createHistogram(SECONDS)
  readonly #buckets = new Map<string, Decisions>()

  of(bucket: string): Decisions {
    const decisions = this.#buckets.get(bucket) ?? { allow: 0, deny: 0, error: 0 }
    this.#buckets.set(bucket, decisions)
    return decisions
  }

  counts(): PolicyCounts {
    return { decisions: this.#buckets, seconds: this.seconds }
  }
}
