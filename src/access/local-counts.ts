// What callers have spent, in the memory that the threads of this process share. It is asked for every
// request: what it is asked with are many arguments, so that none is an object made for the purpose.

import { KeyedHash } from '../primitives/keyed-hash.ts'
import { giveBack, standingOf, take } from '../primitives/rate.ts'
import type { Rate, Standing } from '../primitives/rate.ts'
import { SpentTable } from '../primitives/spent-table.ts'
import type { SpentMemory } from '../primitives/spent-table.ts'
import type { Identity } from './access.ts'
import { addCaller, idOf } from './limit-key.ts'
import type { Networks, PlacedLimit } from './limit-key.ts'

/** With what its keys begin, so that nothing of it is worked out for a request. */
export interface CountedLimit extends PlacedLimit {
  readonly low: number
  readonly high: number
}

export class LocalCounts {
  readonly #table: SpentTable
  readonly #hash = new KeyedHash()
  readonly #networks: Networks

  constructor(memory: SpentMemory, networks: Networks, random: () => number) {
    this.#table = new SpentTable(memory, random)
    this.#networks = networks
  }

  /** Names this process to others. */
  get id(): string {
    return this.#table.id
  }

  counted(limit: PlacedLimit): CountedLimit {
    const hash = this.#hash
    hash.begin(...this.#table.secret)
    hash.add(idOf(limit))
    hash.end()
    return { ...limit, low: hash.low, high: hash.high }
  }

  /** 0, or the ms until it may be asked again. */
  take(
    limit: CountedLimit,
    rate: Rate,
    address: string,
    identity: Identity | undefined,
    now: number,
  ): number {
    const table = this.#open(limit, address, identity)
    const waitMs = take(table, rate, now)
    table.close()
    return waitMs
  }

  /** What was taken at that time. */
  giveBack(
    limit: CountedLimit,
    rate: Rate,
    address: string,
    identity: Identity | undefined,
    now: number,
  ): void {
    const table = this.#open(limit, address, identity)
    giveBack(table, rate, now)
    table.close()
  }

  /** Nothing is spent, and nobody remembered. */
  standing(
    limit: CountedLimit,
    rate: Rate,
    address: string,
    identity: Identity | undefined,
    now: number,
  ): Standing {
    this.#hashOf(limit, address, identity)
    const spent = this.#table.read(this.#hash.low, this.#hash.high)
    return standingOf(spent, rate, now)
  }

  /** How many callers are remembered of each limit, by `low`. */
  keysHeld(): ReadonlyMap<number, number> {
    return this.#table.countByOwner()
  }

  #open(limit: CountedLimit, address: string, identity: Identity | undefined): SpentTable {
    this.#hashOf(limit, address, identity)
    this.#table.open(this.#hash.low, this.#hash.high, limit.low)
    return this.#table
  }

  #hashOf(limit: CountedLimit, address: string, identity: Identity | undefined): void {
    this.#hash.begin(limit.low, limit.high)
    addCaller(this.#hash, limit, address, identity, this.#networks)
    this.#hash.end()
  }
}
