// The limits that are asked at one point of a request's life, all of them or none: one that says no
// costs the caller nothing of the others. They are counted in this process, which takes no promise, or
// by all nodes together; while those cannot meet, each keeps to its share of every limit.

import { Refusal, retryAfter } from '../exchange/refusal.ts'
import { formatPolicies, formatServiceLimits } from '../http/rate-limit-fields.ts'
import { shareOf } from '../primitives/rate.ts'
import type { Rate, Standing } from '../primitives/rate.ts'
import type { Identity } from './access.ts'
import type { FleetCounts } from './fleet-counts.ts'
import type { PlacedLimit } from './limit-key.ts'
import type { LimitTally } from './limit-tally.ts'
import type { CountedLimit, LocalCounts } from './local-counts.ts'

/** Where limits are counted, and how their answers look: the same for all of them. */
export interface LimitWorld {
  readonly counts: LocalCounts
  /** Undefined: this process counts for itself. */
  readonly fleet: FleetCounts | undefined
  readonly tally: LimitTally
  /** Answers that were admitted say what is left. */
  readonly isTold: boolean
  /** Epoch ms. */
  readonly now: () => number
}

/** Flat header fields for the answer; undefined where nothing is told. */
export type LimitFields = readonly string[] | undefined

export interface LimitStanding extends Standing {
  readonly name: string
  readonly key: string
}

export class RateLimits {
  readonly #limits: readonly CountedLimit[]
  readonly #world: LimitWorld
  /** Whose refusals these are; '' where there is no bucket. */
  readonly #bucket: string

  constructor(limits: readonly PlacedLimit[], bucket: string, world: LimitWorld) {
    this.#limits = limits.map((limit) => world.counts.counted(limit))
    this.#bucket = bucket
    this.#world = world
    for (const { name } of limits) world.tally.expect(bucket, name)
  }

  /** Throws or rejects with the refusal. */
  take(address: string, identity: Identity | undefined): LimitFields | Promise<LimitFields> {
    const { fleet } = this.#world
    if (fleet?.isUp === true) return this.#takeThere(fleet, address, identity)
    return this.#takeHere(address, identity)
  }

  /** What they would say, in the same words; nothing is spent, and no refusal counted. */
  async foresee(
    address: string,
    identity: Identity | undefined,
  ): Promise<readonly LimitStanding[]> {
    const { fleet } = this.#world
    const there =
      fleet?.isUp === true
        ? await fleet.look(this.#limits, address, identity).catch(() => undefined)
        : undefined
    const standings = there ?? this.#standings(address, identity, this.#world.now())
    if (standings.some(({ waitMs }) => waitMs > 0)) throw this.#refusal(standings, identity)
    return this.#limits.map(({ name, config }, index) => {
      const { waitMs = 0, remaining = 0, restoredMs = 0 } = standings[index] ?? {}
      return { name, key: config.key, waitMs, remaining, restoredMs }
    })
  }

  async #takeThere(
    fleet: FleetCounts,
    address: string,
    identity: Identity | undefined,
  ): Promise<LimitFields> {
    const counted = await fleet.take(this.#limits, address, identity).catch(() => undefined)
    // Access by other steps fails closed; a limit that cannot be asked is kept by each for itself.
    if (counted === undefined) return this.#takeHere(address, identity)
    if (!counted.isTaken) this.#refuse(counted.standings, identity)
    return this.#world.isTold ? this.#fieldsOf(counted.standings) : undefined
  }

  #takeHere(address: string, identity: Identity | undefined): LimitFields {
    const { counts, isTold } = this.#world
    const now = this.#world.now()
    const limits = this.#limits
    for (let index = 0; index < limits.length; index += 1) {
      const limit = limits[index]
      if (limit === undefined) break
      if (counts.take(limit, this.#rateOf(limit), address, identity, now) === 0) continue
      for (const taken of limits.slice(0, index)) {
        counts.giveBack(taken, this.#rateOf(taken), address, identity, now)
      }
      this.#refuse(this.#standings(address, identity, now), identity)
    }
    return isTold ? this.#fieldsOf(this.#standings(address, identity, now)) : undefined
  }

  #standings(address: string, identity: Identity | undefined, now: number): Standing[] {
    return this.#limits.map((limit) =>
      this.#world.counts.standing(limit, this.#rateOf(limit), address, identity, now),
    )
  }

  /** What this node may admit: a share, where it does not hear of the others. */
  #rateOf({ rate }: PlacedLimit): Rate {
    const { fleet } = this.#world
    return fleet === undefined || fleet.size === 1 ? rate : shareOf(rate, fleet.size)
  }

  #refuse(standings: readonly Standing[], identity: Identity | undefined): never {
    const first = standings.findIndex(({ waitMs }) => waitMs > 0)
    this.#world.tally.countUp(this.#bucket, this.#limits[first]?.name)
    throw this.#refusal(standings, identity)
  }

  /** Whoever waits for the longest of them is admitted by all. */
  #refusal(standings: readonly Standing[], identity: Identity | undefined): Refusal {
    const longest = Math.max(...standings.map(({ waitMs }) => waitMs))
    const refusing = this.#limits.filter((_, index) => (standings[index]?.waitMs ?? 0) > 0)
    return new Refusal('rate_limited', {
      headers: [...retryAfter(longest), ...this.#fieldsOf(standings)],
      cause: `by ${refusing.map(({ name }) => name).join(', ')}`,
      user: identity?.subject,
    })
  }

  #fieldsOf(standings: readonly Standing[]): readonly string[] {
    const limits = this.#limits.map(({ name }, index) => {
      const { waitMs = 0, remaining = 0, restoredMs = 0 } = standings[index] ?? {}
      return { name, remaining, resetMs: remaining > 0 ? restoredMs : waitMs }
    })
    const policies = this.#limits.map(({ name, rate: { quota, windowMs } }) => ({
      name,
      quota,
      windowMs,
    }))
    const fields = ['RateLimit', formatServiceLimits(limits)]
    return [...fields, 'RateLimit-Policy', formatPolicies(policies)]
  }
}
