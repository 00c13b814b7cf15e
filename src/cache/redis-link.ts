// Redis with a limit to how long anyone waits for it. Each question has a time budget; after the
// first that fails nobody asks any more, and nobody waits, until Redis has answered a sign of life
// that is asked for in the background.

import type { Emit } from '../exchange/event.ts'
import type { RedisConfig } from '../config/redis.ts'
import type { RedisNews } from './redis-news.ts'
import { connectRedis } from './redis.ts'
import type { RedisArgument, RedisConnection } from './redis.ts'

export interface RedisLinkOptions {
  readonly config: RedisConfig
  readonly emit: Emit
  readonly random: () => number
  /** What is heard of this Redis by other ways. */
  readonly news?: RedisNews | undefined
}

/** Thrown without asking: Redis stands aside. */
export class RedisAway extends Error {
  override readonly name = 'RedisAway'
}

/** About once a second, but not all nodes at once. */
const PROBE_MS = 1000
const PROBE_KEY = 'probe'
/** A probe waits longer than a request would: it holds nobody up. */
const MIN_PROBE_BUDGET_MS = 250

export class RedisLink {
  readonly #options: RedisLinkOptions
  readonly #connection: RedisConnection
  readonly #opened = Promise.withResolvers<void>()
  readonly #listener: ReturnType<RedisNews['listen']> | undefined
  #state: 'opening' | 'up' | 'aside' | 'closed' = 'opening'
  #probing: NodeJS.Timeout | undefined
  #isProbing = false

  constructor(options: RedisLinkOptions) {
    this.#options = options
    const { config, random, news } = options
    this.#listener = news?.listen(config, () => this.#doubt())
    this.#connection = connectRedis(config, {
      random,
      onReady: () => void this.#probe(),
      onTrouble: (error) => this.#stepAside(error),
    })
  }

  get isUp(): boolean {
    return this.#state === 'up'
  }

  /** Settled when the first attempt to reach Redis has ended, well or not. */
  get opened(): Promise<void> {
    return this.#opened.promise
  }

  /** Rejects when the budget is spent; an answer that comes later is ignored. */
  ask(command: string, ...args: readonly RedisArgument[]): Promise<unknown> {
    return this.#ask(isOutage, command, args)
  }

  /** The same, for what Redis may forbid us and be of use all the same. */
  askLeave(command: string, ...args: readonly RedisArgument[]): Promise<unknown> {
    return this.#ask(isSilence, command, args)
  }

  close(): void {
    this.#state = 'closed'
    if (this.#listener !== undefined) this.#options.news?.leave(this.#listener)
    clearTimeout(this.#probing)
    this.#opened.resolve()
    this.#connection.close()
  }

  async #ask(
    isReason: (error: unknown) => boolean,
    command: string,
    args: readonly RedisArgument[],
  ): Promise<unknown> {
    if (this.#state !== 'up') throw new RedisAway('Redis stands aside')
    try {
      return await within(this.#connection.send(command, ...args), this.#options.config.timeoutMs)
    } catch (error) {
      if (isReason(error)) this.#stepAside(error)
      if (isSilence(error) && this.#listener !== undefined) this.#options.news?.tell(this.#listener)
      throw error
    }
  }

  /** Nobody waits for it until it has answered here, which is asked at once. */
  #doubt(): void {
    if (this.#state !== 'up') return
    this.#stepAside(new Error('it did not answer others'))
    void this.#probe()
  }

  #stepAside(error: unknown): void {
    if (this.#state === 'aside' || this.#state === 'closed') return
    this.#state = 'aside'
    this.#tell('aside', reasonOf(error))
    this.#opened.resolve()
    this.#probeLater()
  }

  #probeLater(): void {
    clearTimeout(this.#probing)
    const delay = PROBE_MS * (0.75 + this.#options.random() / 2)
    this.#probing = setTimeout(() => void this.#probe(), delay)
    this.#probing.unref()
  }

  async #probe(): Promise<void> {
    if (this.#isProbing || this.#state === 'up' || this.#state === 'closed') return
    this.#isProbing = true
    try {
      await within(this.#askForLife(), this.#probeBudgetMs)
      this.#comeBack()
    } catch (error) {
      this.#stepAside(error)
      this.#probeLater()
    } finally {
      this.#isProbing = false
    }
  }

  get #probeBudgetMs(): number {
    return Math.max(MIN_PROBE_BUDGET_MS, this.#options.config.timeoutMs)
  }

  /** Of every server, and as a read is made: a user may be allowed to ping and nothing else. */
  async #askForLife(): Promise<void> {
    const key = this.#options.config.keyPrefix + PROBE_KEY
    await Promise.all([
      this.#connection.send('getrange', key, 0, 0),
      ...this.#connection.servers().map((server) => server.send('ping')),
    ])
  }

  #comeBack(): void {
    if (this.#state === 'closed') return
    const wasAside = this.#state === 'aside'
    this.#state = 'up'
    clearTimeout(this.#probing)
    if (wasAside) this.#tell('back', 'Redis answers again')
    this.#opened.resolve()
  }

  #tell(state: 'aside' | 'back', reason: string): void {
    this.#options.emit({ kind: 'tier', tier: 'redis', state, reason })
  }
}

/** Settles as the job does, or rejects when it has taken longer than it may. */
export function within<Result>(job: Promise<Result>, budgetMs: number): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // An answer that has arrived while this process was busy is read first: it is not late.
      setImmediate(() => reject(new Error(`there was no answer within ${budgetMs} ms`)))
    }, budgetMs)
    void job.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** Redis answers, and says no to this one command: the next may well succeed. */
export function isAnswer(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError'
}

const SAID_TO_EVERYONE = /^(?:NOAUTH|WRONGPASS|NOPERM|LOADING|MASTERDOWN|CLUSTERDOWN|BUSY)\b/

function isOutage(error: unknown): boolean {
  return isSilence(error) || (isAnswer(error) && SAID_TO_EVERYONE.test(error.message))
}

function isSilence(error: unknown): boolean {
  return !(error instanceof RedisAway) && !isAnswer(error)
}

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.message !== '') return error.message
  // Of several addresses none could be connected to: the words are with each of them.
  const [first] = error instanceof AggregateError ? error.errors : []
  return first === undefined ? error.name : reasonOf(first)
}
