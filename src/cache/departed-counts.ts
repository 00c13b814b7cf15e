// What tiers have counted that are gone: a counter never goes backwards, whatever becomes of its tier.

import type { TierCount } from '../exchange/counts.ts'
import { countsOf } from './inspect.ts'
import type { Tier } from './tier.ts'

export class DepartedCounts {
  readonly #counts = new Map<string, TierCount>()

  add(tier: Tier): void {
    const last = { ...countsOf(tier, false), entries: 0, bytes: 0 }
    this.#counts.set(tier.name, sum(last, this.#counts.get(tier.name)))
  }

  /** Those that are there now, and those that are not any more. */
  addedTo(counts: readonly TierCount[]): readonly TierCount[] {
    if (this.#counts.size === 0) return counts
    const there = counts.map((one) => sum(one, this.#counts.get(one.name)))
    const others = [...this.#counts.values()].filter(
      ({ name }) => !counts.some((one) => one.name === name),
    )
    return [...there, ...others]
  }
}

function sum(count: TierCount, other: TierCount | undefined): TierCount {
  if (other === undefined) return count
  return {
    name: count.name,
    entries: count.entries + other.entries,
    bytes: count.bytes + other.bytes,
    hits: count.hits + other.hits,
    misses: count.misses + other.misses,
    evictions: both(count.evictions, other.evictions),
    errors: both(count.errors, other.errors),
  }
}

function both(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one + other
}
