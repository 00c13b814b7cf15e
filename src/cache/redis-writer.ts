// Writes to Redis, on a connection of their own so that nobody who reads waits behind a megabyte.
// One after another as they were asked for; what comes faster than Redis takes it is let go.

import type { RedisConfig } from '../config/redis.ts'
import { connectRedis } from './redis.ts'
import type { RedisArgument, RedisConnection, RedisServer } from './redis.ts'
import { within } from './redis-link.ts'

export interface RedisWriterOptions {
  readonly config: RedisConfig
  readonly random: () => number
  /** The most that may be on its way. */
  readonly maxPendingBytes: number
}

/** What is asked without anyone waiting for it may take so long. */
const PATIENT_MS = 1000

export class RedisWriter {
  readonly #options: RedisWriterOptions
  readonly #connection: RedisConnection
  readonly #opened = Promise.withResolvers<void>()
  readonly #underWay = new Set<Promise<unknown>>()
  #pendingBytes = 0

  constructor(options: RedisWriterOptions) {
    this.#options = options
    const { config, random } = options
    // That Redis is away is noticed and told by the connection for reading.
    const opened = (): void => this.#opened.resolve()
    this.#connection = connectRedis(config, { random, onReady: opened, onTrouble: opened })
  }

  /** Settled when the first attempt to reach Redis has ended, well or not. */
  get opened(): Promise<void> {
    return this.#opened.promise
  }

  hasRoomFor(bytes: number): boolean {
    return this.#pendingBytes + bytes <= this.#options.maxPendingBytes
  }

  /**
   * Rejects when it is not done within the budget, though it may be done later: until then its bytes
   * count as pending, so that a slow way to Redis is not asked for more than it can carry.
   */
  async write(bytes: number, command: string, ...args: readonly RedisArgument[]): Promise<void> {
    this.#pendingBytes += bytes
    const job = this.#connection.send(command, ...args).finally(() => {
      this.#pendingBytes -= bytes
    })
    this.#underWay.add(job)
    try {
      await within(job, this.#options.config.timeoutMs)
    } finally {
      this.#underWay.delete(job)
    }
  }

  /** For what nobody waits for. */
  ask(command: string, ...args: readonly RedisArgument[]): Promise<unknown> {
    return within(this.#connection.send(command, ...args), PATIENT_MS)
  }

  /** The same of one server, where there are several. */
  servers(): RedisServer[] {
    return this.#connection.servers().map((server) => ({
      send: (command, ...args) => within(server.send(command, ...args), PATIENT_MS),
    }))
  }

  /** What is being written has its budget, and no more. */
  async close(): Promise<void> {
    const all = Promise.allSettled(this.#underWay)
    await within(all, this.#options.config.timeoutMs).catch(() => undefined)
    this.#connection.close()
  }
}
