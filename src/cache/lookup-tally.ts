// How often a bucket found what it looked for, by tier: a tier counts for all buckets together, and
// knows of what it does not have no bucket.

import type { Tier, TierName } from './tier.ts'
import type { Found } from './tiers.ts'

interface Count {
  readonly name: TierName
  hits: number
  misses: number
}

export class LookupTally {
  #counts: readonly Count[]

  constructor(tiers: readonly Tier[]) {
    this.#counts = tiers.map(({ name }) => ({ name, hits: 0, misses: 0 }))
  }

  /** They are others from now on, or in another order; what was counted is kept. */
  follow(tiers: readonly Tier[]): void {
    this.#counts = tiers.map(({ name }) => ({ name, ...this.of(name) }))
  }

  /** They were asked in their order, up to the one that had it. */
  note(found: Found | undefined): void {
    for (const count of this.#counts) {
      if (count.name === found?.tier) {
        count.hits += 1
        break
      }
      count.misses += 1
    }
  }

  noteSoon(found: Found | undefined | Promise<Found | undefined>): void {
    if (!(found instanceof Promise)) this.note(found)
    // Whoever waits for it hears of a failure.
    else
      found.then(
        (late) => this.note(late),
        () => undefined,
      )
  }

  of(tier: TierName): { readonly hits: number; readonly misses: number } {
    const { hits = 0, misses = 0 } = this.#counts.find(({ name }) => name === tier) ?? {}
    return { hits, misses }
  }
}
