// Bans on their way to every node: an append-only stream in Redis that each node reads from where it
// last was, so that one that was away cannot revive what was purged meanwhile. It tells how many
// nodes have applied a ban, and whether this one knows all there are: until it does, what it holds
// may have been purged. What a ban means, and what to do while in doubt, is decided by whoever asks.

import { setTimeout as delay } from 'node:timers/promises'

import type { RedisConfig } from '../config/redis.ts'
import type { Emit } from '../exchange/event.ts'
import type { Ban } from './ban.ts'
import { announce, countLive, hasApplied, leave, listLive } from './ban-fleet.ts'
import type { FleetPlace } from './ban-fleet.ts'
import {
  decodeEntries,
  decodeFacts,
  decodeRead,
  encodeBan,
  isStreamId,
  isTrimmed,
  STREAM_START,
} from './ban-record.ts'
import type { StreamEntry, StreamId } from './ban-record.ts'
import { Currency } from './currency.ts'
import type { Clocks } from './currency.ts'
import { connectRedis } from './redis.ts'
import type { RedisArgument, RedisConnection } from './redis.ts'
import { isAnswer, reasonOf, within } from './redis-link.ts'

export interface BanStreamOptions {
  readonly config: RedisConfig
  /** Unique in the fleet among those that live. */
  readonly nodeId: string
  /** Called in the order of the stream, again for one known already. Until it is done the node is not current. */
  readonly onBan: (ban: Ban) => void | Promise<void>
  /**
   * Bans may have been missed: those after our position have been trimmed from the stream, or Redis
   * has lost it while this node was not there. Comes before the node is current again, and before
   * what the stream still holds is read from its start.
   */
  readonly onGap?: () => void | Promise<void>
  /** Kept where the entries are that bans cover. Without a position all of the stream is read. */
  readonly position: {
    readonly load: () => StreamId | undefined
    readonly save: (id: StreamId) => void
  }
  /** Where bans outlive this process that Redis could not be told of. Without it they do not. */
  readonly outbox?: BanOutbox
  readonly emit: Emit
  readonly clocks: Clocks
  /** In [0, 1). */
  readonly random: () => number
  readonly limits?: Partial<BanStreamLimits>
}

export interface BanOutbox {
  /** Those that were kept in this life or another, and not dropped. */
  readonly load: () => readonly Ban[]
  /** True when it outlives any crash. */
  readonly keep: (ban: Ban) => boolean
  readonly drop: (id: string) => void
}

export interface BanStreamLimits {
  /** A pause of this process longer than this puts all it knows in doubt. */
  readonly stopMs: number
  /** The longest since everything was known, for the node to count as current. */
  readonly maxLagMs: number
  /** The longest a publisher waits for the other nodes. */
  readonly acknowledgeMs: number
}

export interface Published {
  /** Live nodes that have applied it. Who publishes has, and is one. */
  readonly acknowledged: number
  /** Live nodes; while Redis is away, those that lived when it was last heard. */
  readonly known: number
  /** False while Redis is away: it is published as soon as that is back. */
  readonly isPublished: boolean
  /** It is published, now or later, even if this process ends at once. */
  readonly isKept: boolean
}

const LIMITS: BanStreamLimits = { stopMs: 1000, maxLagMs: 3000, acknowledgeMs: 1000 }
const MAX_ENTRIES = 100_000
const READ_AT_ONCE = 500
/** Shorter than the silence after which a connection is given up. */
const BLOCK_MS = 500
const BUDGET_MS = 1000
const TURN_MS = 200
const ANNOUNCE_MS = 1000
/** A fleet too large to be counted every second is counted so seldom. */
const COUNT_EVERY = 20
const RETRY_MS = 100
const POLL_MS = 20

export function openBanStream(options: BanStreamOptions): BanStream {
  return new BanStream(options)
}

export class BanStream {
  readonly #options: BanStreamOptions
  readonly #limits: BanStreamLimits
  readonly #key: string
  readonly #currency: Currency
  /** Held up by what it waits for, so it does nothing else. */
  readonly #reader: RedisConnection
  readonly #talker: RedisConnection
  readonly #fleet: FleetPlace
  readonly #unpublished = new Map<string, Ban>()
  readonly #end = new AbortController()
  readonly #timers: readonly NodeJS.Timeout[]
  readonly #reading: Promise<void>
  readonly #caughtUp = Promise.withResolvers<void>()
  #position: StreamId
  /** There is a position that bans must have been read from: of a former life, or of this one. */
  #hasPosition: boolean
  #hasCaughtUp = false
  /** Redis was asked on this connection whether it still has what stands at our position. */
  #isPositionSure = false
  #known = 1
  #rounds = 0
  #isAlone = false
  #isAside = false
  #trouble = 'Redis was not reached'

  constructor(options: BanStreamOptions) {
    this.#options = options
    this.#limits = { ...LIMITS, ...options.limits }
    const { config, clocks, nodeId, position, random } = options
    this.#key = `${config.keyPrefix}bans`
    const saved = position.load()
    this.#hasPosition = isStreamId(saved)
    this.#position = isStreamId(saved) ? saved : STREAM_START
    // What is kept from now on must not be believed by a later life that has missed a ban, even if
    // this one ends before it has heard of any.
    if (!this.#hasPosition) position.save(STREAM_START)
    this.#currency = new Currency(clocks, this.#limits)

    const onReady = (): void => undefined
    const onTrouble = (error: Error): void => void (this.#trouble = reasonOf(error))
    const onReaderTrouble = (error: Error): void => {
      onTrouble(error)
      this.#isPositionSure = false
    }
    this.#reader = connectRedis(config, { random, onReady, onTrouble: onReaderTrouble })
    this.#talker = connectRedis(config, { random, onReady, onTrouble })
    const ask = this.#ask.bind(this)
    this.#fleet = { key: `${config.keyPrefix}nodes`, nodeId, ask }

    this.#timers = [
      setInterval(() => this.#turn(), TURN_MS).unref(),
      setInterval(() => void this.#tend(), ANNOUNCE_MS).unref(),
    ]
    this.#reading = this.#read()
  }

  /** Every ban there was a moment ago is applied here. At once false after this process stood still. */
  isCurrent(): boolean {
    return this.#currency.isCurrent()
  }

  /** Not current, and not about to be: Redis has not answered for longer than catching up may take. */
  isCutOff(): boolean {
    return !this.isCurrent() && this.#currency.uncertainForMs() > this.#limits.maxLagMs
  }

  /** For how long nothing has been sure. */
  lagMs(): number {
    return this.#currency.lagMs()
  }

  /** Every ban there was at some time in this life has been applied. */
  get hasCaughtUp(): boolean {
    return this.#hasCaughtUp
  }

  /** Settled when the node is current for the first time, or closed. */
  get caughtUp(): Promise<void> {
    return this.#caughtUp.promise
  }

  /** No other node lives, as of about a second ago. */
  get isAlone(): boolean {
    return this.#isAlone
  }

  /** Never rejects, and never waits much longer than nodes may take to acknowledge. */
  async publish(ban: Ban): Promise<Published> {
    const id = await this.#append(ban)
    if (id === undefined) {
      this.#unpublished.set(ban.id, ban)
      const isKept = this.#options.outbox?.keep(ban) ?? false
      return { acknowledged: 1, known: this.#known, isPublished: false, isKept }
    }
    return { ...(await this.#acknowledgements(id)), isPublished: true, isKept: true }
  }

  async close(): Promise<void> {
    if (this.#end.signal.aborted) return
    for (const timer of this.#timers) clearInterval(timer)
    // A node that leaves is not waited for by the next publisher.
    await leave(this.#fleet).catch(() => undefined)
    this.#end.abort()
    this.#caughtUp.resolve()
    this.#reader.close()
    this.#talker.close()
    await this.#reading
  }

  async #read(): Promise<void> {
    while (!this.#end.signal.aborted) {
      try {
        await this.#readOnce()
      } catch (error) {
        if (this.#reader.isReady) this.#trouble = reasonOf(error)
        // Its end is the loop's end.
        await delay(RETRY_MS, undefined, { ref: false, signal: this.#end.signal }).catch(() => {})
      }
    }
  }

  async #readOnce(): Promise<void> {
    if (!this.#isPositionSure || !this.#currency.isCurrent()) {
      await this.#assurePosition()
      for (const ban of this.#options.outbox?.load() ?? []) this.#unpublished.set(ban.id, ban)
      await this.#publishLate()
      // Whoever publishes from now on waits for this node, too.
      await this.#announce()
      await this.#lookAround()
    }
    await this.#publishLate()
    // In doubt an answer is wanted at once, not when the next ban comes.
    const wait = this.#currency.isCurrent() ? ['BLOCK', BLOCK_MS] : []
    const prove = this.#currency.asking()
    const args = ['COUNT', READ_AT_ONCE, ...wait, 'STREAMS', this.#key, this.#position]
    const entries = decodeRead(
      await within(this.#reader.send('xread', ...args), BLOCK_MS + BUDGET_MS),
    )
    for (const entry of entries) await this.#apply(entry)
    if (entries.length > 0) await this.#moved()
    if (entries.length < READ_AT_ONCE) prove()
    if (this.#currency.isCurrent()) this.#catchUp()
  }

  #catchUp(): void {
    if (this.#hasCaughtUp) return
    this.#hasCaughtUp = true
    // Where there was no ban yet, too: what comes after this must not be missed.
    this.#hasPosition = true
    this.#options.position.save(this.#position)
    this.#caughtUp.resolve()
  }

  /** A position that Redis does not know has no place among what it has now. */
  async #assurePosition(): Promise<void> {
    this.#isPositionSure = true
    try {
      const isKnown = await this.#isPositionKnown()
      const isGap = isKnown ? false : !this.#hasCaughtUp || (await this.#isTrimmed())
      if (isGap) await this.#options.onGap?.()
      if (isKnown) return
      this.#position = STREAM_START
      this.#options.position.save(STREAM_START)
    } catch (error) {
      this.#isPositionSure = false
      throw error
    }
  }

  async #isPositionKnown(): Promise<boolean> {
    const position = this.#position
    // At the start there is nothing to be known of, but what came after it must still be there.
    if (position === STREAM_START) return !this.#hasPosition || !(await this.#isTrimmed())
    const range = this.#reader.send('xrange', this.#key, position, position)
    return decodeEntries(await within(range, BUDGET_MS)).length > 0
  }

  /**
   * Whether the stream has lost its oldest. A Redis that lost all of it and began anew, while this
   * node listened, has not: there was no time in which a ban could have been missed.
   */
  async #isTrimmed(): Promise<boolean> {
    const about = this.#reader.send('xinfo', 'STREAM', this.#key)
    try {
      return isTrimmed(decodeFacts(await within(about, BUDGET_MS)), MAX_ENTRIES)
    } catch (error) {
      // There is no stream yet.
      if (isAnswer(error)) return false
      throw error
    }
  }

  async #apply({ id, ban }: StreamEntry): Promise<void> {
    // Applied before it is passed: what fails here is read again.
    if (ban !== undefined) await this.#options.onBan(ban)
    this.#position = id
  }

  async #moved(): Promise<void> {
    this.#options.position.save(this.#position)
    // At once, since a publisher waits for it.
    await this.#announce()
  }

  /** It is said again every second. */
  async #announce(): Promise<void> {
    await announce(this.#fleet, this.#position).catch(() => undefined)
  }

  /** Undefined when it is not known to stand in the stream. */
  async #append(ban: Ban, by = this.#talker): Promise<StreamId | undefined> {
    try {
      const args = ['MAXLEN', '~', MAX_ENTRIES, '*', ...encodeBan(ban)]
      const id = await within(by.send('xadd', this.#key, ...args), BUDGET_MS)
      return Buffer.isBuffer(id) ? id.toString() : undefined
    } catch (error) {
      this.#trouble = reasonOf(error)
      return undefined
    }
  }

  /** Before this node is current again: what it brings is no news from then on. */
  async #publishLate(): Promise<void> {
    for (const ban of this.#unpublished.values()) {
      // By the connection that is known to be there, whatever became of the other.
      if ((await this.#append(ban, this.#reader)) === undefined) return
      this.#unpublished.delete(ban.id)
      this.#options.outbox?.drop(ban.id)
    }
  }

  async #acknowledgements(id: StreamId): Promise<Pick<Published, 'acknowledged' | 'known'>> {
    const { monotonic } = this.#options.clocks
    const until = monotonic() + this.#limits.acknowledgeMs
    let acknowledged = 1
    for (;;) {
      try {
        const live = await within(listLive(this.#fleet), Math.max(1, until - monotonic()))
        this.#meet(live.length)
        const others = live.filter((node) => node.id !== this.#options.nodeId)
        acknowledged = 1 + others.filter((node) => hasApplied(node, id)).length
        if (acknowledged === live.length) break
      } catch {
        // Redis went after it took the ban: nobody can be heard.
      }
      if (monotonic() + POLL_MS > until || this.#end.signal.aborted) break
      await delay(POLL_MS)
    }
    return { acknowledged, known: this.#known }
  }

  #turn(): void {
    this.#currency.turn()
    const isAside = this.isCutOff()
    if (isAside === this.#isAside || (!isAside && !this.isCurrent())) return
    this.#isAside = isAside
    const reason = isAside ? this.#trouble : 'all bans are known again'
    this.#options.emit({ kind: 'tier', tier: 'bans', state: isAside ? 'aside' : 'back', reason })
  }

  async #tend(): Promise<void> {
    if (!this.#talker.isReady) return
    await this.#announce()
    await this.#lookAround()
  }

  /** Who was there is known when Redis is not, too. */
  async #lookAround(): Promise<void> {
    const isNeeded = this.#rounds % COUNT_EVERY === 0
    this.#rounds += 1
    try {
      const live = await countLive(this.#fleet, isNeeded)
      if (live === undefined) this.#isAlone = false
      else this.#meet(live)
    } catch {
      // It is as it was last.
    }
  }

  #meet(live: number): void {
    this.#known = live
    this.#isAlone = live === 1
  }

  #ask(command: string, ...args: readonly RedisArgument[]): Promise<unknown> {
    return within(this.#talker.send(command, ...args), BUDGET_MS)
  }
}
