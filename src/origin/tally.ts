// What one bucket's origin has been asked, and how that went, since the process began. It outlives
// the replicas it counts for: a counter never goes backwards.

import { countUp, SECONDS } from '../exchange/counts.ts'
import type { FailoverCount, OriginCounts, ReplicaCounts } from '../exchange/counts.ts'
import { addValue, createHistogram } from '../primitives/histogram.ts'
import type { FailureKind } from './failure.ts'
import type { ObjectAnswer } from './question.ts'

type Phase = FailoverCount['phase']

export class ReplicaTally {
  readonly outcomes = new Map<string, number>()
  readonly seconds = createHistogram(SECONDS)
  /** Of bodies, as they came in. */
  bytes = 0

  /** One request to S3, up to the head of its answer. */
  note(outcome: ObjectAnswer['kind'] | FailureKind, ms: number): void {
    countUp(this.outcomes, outcome)
    // How long nobody waited for it says nothing about the replica.
    if (outcome !== 'cancelled') addValue(this.seconds, ms / 1000)
  }
}

export class OriginTally {
  readonly #replicas = new Map<string, ReplicaTally>()
  readonly #failovers = new Map<string, Record<Phase, Map<string, number>>>()
  readonly #retries = new Map<string, number>()
  readonly #hedges = { won: 0, lost: 0 }

  replica(name: string): ReplicaTally {
    const known = this.#replicas.get(name) ?? new ReplicaTally()
    this.#replicas.set(name, known)
    return known
  }

  /** One was asked in place of another that would not do. */
  failover(from: string, to: string, phase: Phase): void {
    const known = this.#failovers.get(from) ?? { head: new Map(), body: new Map() }
    this.#failovers.set(from, known)
    countUp(known[phase], to)
  }

  /** One that had been asked was asked once more. */
  retry(reason: string): void {
    countUp(this.#retries, reason)
  }

  hedge(hasWon: boolean): void {
    this.#hedges[hasWon ? 'won' : 'lost'] += 1
  }

  counts(bucket: string, breakers: ReadonlyMap<string, ReplicaCounts['breaker']>): OriginCounts {
    const replicas = [...this.#replicas].map(([replica, { outcomes, seconds, bytes }]) => {
      return { replica, breaker: breakers.get(replica), outcomes, seconds, bytes }
    })
    const failovers = [...this.#failovers].flatMap(([from, { head, body }]) => [
      ...countsOf(from, head, 'head'),
      ...countsOf(from, body, 'body'),
    ])
    return { bucket, replicas, failovers, retries: this.#retries, hedges: this.#hedges }
  }
}

function countsOf(from: string, by: ReadonlyMap<string, number>, phase: Phase): FailoverCount[] {
  return [...by].map(([to, count]) => ({ from, to, phase, count }))
}
