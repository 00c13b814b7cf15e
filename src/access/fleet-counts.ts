// What callers have spent at all nodes together, in Redis and by its clock. One call asks all limits of
// a request: if one says no, nothing is taken of any. Who waits how long for Redis, and when it is not
// asked at all, is the link's to decide.

import type { Rate, Standing } from '../primitives/rate.ts'
import type { Identity } from './access.ts'
import { digestOf, idOf } from './limit-key.ts'
import type { Networks, PlacedLimit } from './limit-key.ts'
import { COUNT_SCRIPT, COUNT_SCRIPT_SHA, MEET_SCRIPT } from './fleet-scripts.ts'

/** The way to Redis, lent by whoever has it. */
export interface FleetLink {
  readonly isUp: boolean
  /** Rejects where there is no answer in time. */
  ask(command: string, ...args: readonly (string | number)[]): Promise<unknown>
}

export interface FleetOptions {
  readonly networks: Networks
  readonly link: FleetLink
  readonly keyPrefix: string
  /** The same in all threads of a process. */
  readonly nodeId: string
  /** Undefined: as many as have met. */
  readonly fleetSize: number | undefined
}

/** What the nodes said together. */
export interface Counted {
  /** None said no, and one of each is taken. */
  readonly isTaken: boolean
  readonly standings: readonly Standing[]
}

const MEET_MS = 1000

export class FleetCounts {
  readonly #options: FleetOptions
  /** Braces: a cluster keeps them on one of its nodes, where one call can have them all. */
  readonly #prefix: string
  #met = 1
  #meeting: NodeJS.Timeout | undefined

  constructor(options: FleetOptions) {
    this.#options = options
    this.#prefix = `${options.keyPrefix}{limits}:`
  }

  get isUp(): boolean {
    return this.#options.link.isUp
  }

  /** Nodes that share the limits. */
  get size(): number {
    return this.#options.fleetSize ?? this.#met
  }

  /** Tells the others that it is there, again and again. */
  start(): void {
    this.#meeting = setInterval(() => void this.#meet(), MEET_MS)
    this.#meeting.unref()
  }

  close(): void {
    clearInterval(this.#meeting)
  }

  /** One of each, or of none. */
  take(
    limits: readonly PlacedLimit[],
    address: string,
    identity: Identity | undefined,
  ): Promise<Counted> {
    return this.#ask('take', limits, address, identity)
  }

  /** Nothing is spent. */
  async look(
    limits: readonly PlacedLimit[],
    address: string,
    identity: Identity | undefined,
  ): Promise<readonly Standing[]> {
    return (await this.#ask('look', limits, address, identity)).standings
  }

  async #ask(
    mode: 'take' | 'look',
    limits: readonly PlacedLimit[],
    address: string,
    identity: Identity | undefined,
  ): Promise<Counted> {
    const keys = limits.map((limit) => {
      const digest = digestOf(limit, address, identity, this.#options.networks)
      return `${this.#prefix}${idOf(limit)}/${digest}`
    })
    const args = [keys.length, ...keys, mode, ...limits.flatMap(({ rate }) => wordsOf(rate))]
    return readCounted(await this.#run(args), limits.length)
  }

  async #run(args: readonly (string | number)[]): Promise<unknown> {
    const { link } = this.#options
    try {
      return await link.ask('evalsha', COUNT_SCRIPT_SHA, ...args)
    } catch (error) {
      // Redis has begun anew, or never heard of it.
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return link.ask('eval', COUNT_SCRIPT, ...args)
    }
  }

  async #meet(): Promise<void> {
    const { link, nodeId } = this.#options
    if (!link.isUp) return
    try {
      const met = Number(await link.ask('eval', MEET_SCRIPT, 1, `${this.#prefix}nodes`, nodeId))
      if (Number.isSafeInteger(met) && met > 0) this.#met = met
    } catch {
      // It is as it was last; the link has told that Redis is away.
    }
  }
}

function wordsOf({ algorithm, quota, windowMs }: Rate): (string | number)[] {
  return [algorithm, quota, windowMs]
}

function readCounted(reply: unknown, count: number): Counted {
  const numbers: readonly unknown[] = Array.isArray(reply) ? reply : []
  if (numbers.length !== count * 3 + 1 || !numbers.every((one) => typeof one === 'number')) {
    throw new Error('Redis has counted in another way')
  }
  const at = (index: number): number => Number(numbers[index])
  const standings = Array.from({ length: count }, (_, index) => ({
    waitMs: at(index * 3),
    remaining: at(index * 3 + 1),
    restoredMs: at(index * 3 + 2),
  }))
  return { isTaken: at(count * 3) === 1, standings }
}
