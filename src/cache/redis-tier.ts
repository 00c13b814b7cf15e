// Heads and slices in Redis, for the whole fleet. Redis forgets by itself, by age and for want of
// room; nobody waits for it longer than its budget, and without it every entry is simply a miss.
// What it gives is believed only when every checksum says that one of us wrote it under this key.

import type { RedisConfig } from '../config/redis.ts'
import type { Emit } from '../exchange/event.ts'
import { RedisLeases } from './redis-leases.ts'
import { isAnswer, RedisAway, RedisLink } from './redis-link.ts'
import type { RedisNews } from './redis-news.ts'
import { packEntry, redisKey, unpackEntry } from './redis-value.ts'
import { unlink, walkEntries } from './redis-walk.ts'
import type { Walked, WalkPlace } from './redis-walk.ts'
import { RedisWriter } from './redis-writer.ts'
import type { Entry, EntryFacts, Swept, Tier, TierStats } from './tier.ts'

export interface RedisTierOptions {
  readonly config: RedisConfig
  readonly now: () => number
  readonly emit: Emit
  /** In [0, 1). */
  readonly random: () => number
  /** What is heard of this Redis by other ways. */
  readonly news?: RedisNews | undefined
  /** Nobody else uses this Redis: there is nobody to agree with. */
  readonly isAlone?: () => boolean
  /** The most that may be on its way to Redis. */
  readonly maxPendingBytes?: number
  /** How old the numbers of entries and bytes may be when they are asked for. */
  readonly censusMs?: number
}

/** A lower bound, where there was too much to look at all of it. */
export interface Counted extends Swept {
  readonly isEstimate?: true
}

type Matches = (facts: EntryFacts) => boolean

const MIB = 1024 * 1024
const MAX_PENDING_BYTES = 16 * MIB
const CENSUS_MS = 5 * 60_000
/** What a count looks at before it gives what it has. */
const MAX_COUNTED = 100_000
/** What a value has beside the bytes of its slice is less than this. */
const ROOM_FOR_HEADERS = 256 * 1024
const NOTHING: Swept = { entries: 0, bytes: 0 }

export function openRedisTier(options: RedisTierOptions): RedisTier {
  return new RedisTier(options)
}

export class RedisTier implements Tier {
  readonly name = 'redis'
  readonly leases: RedisLeases
  readonly #options: RedisTierOptions
  readonly #link: RedisLink
  readonly #writer: RedisWriter
  readonly #counts = { hits: 0, misses: 0, errors: 0, dropped: 0 }
  #census: { readonly held: Swept; readonly at: number } | undefined
  #isCounting = false
  #isClosed = false

  constructor(options: RedisTierOptions) {
    this.#options = options
    const { config, emit, random, news, maxPendingBytes = MAX_PENDING_BYTES } = options
    this.#link = new RedisLink({ config, emit, random, news })
    this.leases = new RedisLeases({
      config,
      link: this.#link,
      isAlone: options.isAlone ?? (() => false),
    })
    this.#writer = new RedisWriter({ config, random, maxPendingBytes })
  }

  /** Settled when the first attempt to reach Redis has ended, well or not. */
  get opened(): Promise<void> {
    return Promise.all([this.#link.opened, this.#writer.opened]).then(() => undefined)
  }

  get(key: string): Entry | undefined | Promise<Entry | undefined> {
    return this.#link.isUp ? this.#get(key) : this.#counted(undefined)
  }

  /** Redis itself may take the look for a use; what we count and keep stays as it is. */
  async peek(key: string): Promise<Entry | undefined> {
    const value = this.#link.isUp ? await this.#ask(key).catch(() => undefined) : undefined
    const entry = value === undefined ? undefined : unpackEntry(key, ownBytes(value))
    return entry !== undefined && entry.keepUntil > this.#options.now() ? entry : undefined
  }

  async haveAll(keys: readonly string[]): Promise<readonly boolean[]> {
    if (!this.#link.isUp) return keys.map(() => false)
    const asked = keys.map((key) => this.#link.ask('exists', this.#redisKey(key)))
    const answers = await Promise.allSettled(asked)
    return answers.map((one) => one.status === 'fulfilled' && Number(one.value) === 1)
  }

  /** Resolves when Redis has it, or when the budget is spent: it may have it later, or never. */
  async put(key: string, entry: Entry): Promise<void> {
    if (!this.#link.isUp) return
    const { config, now } = this.#options
    const lifetimeMs = Math.floor(Math.min(config.ttlMs, entry.keepUntil - now()))
    if (lifetimeMs <= 0 || sizeOf(entry) > config.maxItemBytes) return this.remove(key)

    const value = packEntry(key, entry)
    if (!this.#writer.hasRoomFor(value.length)) {
      this.#counts.dropped += 1
      // What it would have replaced is not what was to be kept, either.
      return this.remove(key)
    }
    await this.#write(value.length, 'set', this.#redisKey(key), value, 'PX', lifetimeMs)
  }

  async remove(key: string): Promise<void> {
    if (this.#link.isUp) await this.#write(0, 'unlink', this.#redisKey(key))
  }

  async sweep(matches: Matches): Promise<Swept> {
    let swept = NOTHING
    await this.#walk(Number.POSITIVE_INFINITY, async (found, place) => {
      const matching = found.filter(({ facts }) => facts !== undefined && matches(facts))
      const gone = await Promise.all(matching.map(({ key }) => unlink(place, key)))
      const freed = matching.filter((_, index) => gone[index])
      swept = plus(swept, freed)
      return found.filter((walked) => !freed.includes(walked))
    })
    return swept
  }

  /** Of a prefix with more entries than are looked at, a lower bound. */
  async count(matches: Matches): Promise<Counted> {
    let counted = NOTHING
    const isWhole = await this.#walk(MAX_COUNTED, (found) => {
      const matching = found.filter(({ facts }) => facts !== undefined && matches(facts))
      counted = plus(counted, matching)
      return found
    })
    return isWhole ? counted : { ...counted, isEstimate: true }
  }

  /**
   * Entries and bytes are the fleet's, as of the last walk over them. Asking starts a walk when the
   * last is some minutes past, so the first answer knows of none. What Redis evicts it tells nobody.
   */
  stats(isToLook = true): TierStats {
    const { hits, misses, errors } = this.#counts
    if (isToLook) this.#countInBackground()
    return { ...(this.#census?.held ?? NOTHING), hits, misses, evictions: 0, errors }
  }

  /** Puts that were let go because Redis did not follow. */
  get droppedPuts(): number {
    return this.#counts.dropped
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.leases.close()
    this.#link.close()
    await this.#writer.close()
  }

  async #get(key: string): Promise<Entry | undefined> {
    const value = await this.#read(key)
    if (value === undefined || value.length === 0) return this.#counted(undefined)
    const entry = unpackEntry(key, ownBytes(value))
    if (entry === undefined) {
      this.#counts.errors += 1
      void this.remove(key)
      return this.#counted(undefined)
    }
    return this.#counted(entry.keepUntil > this.#options.now() ? entry : undefined)
  }

  /** Never more than an entry can have, whatever stands there. */
  async #ask(key: string): Promise<Buffer | undefined> {
    const last = this.#options.config.maxItemBytes + ROOM_FOR_HEADERS
    const value = await this.#link.ask('getrange', this.#redisKey(key), 0, last)
    return Buffer.isBuffer(value) ? value : undefined
  }

  async #read(key: string): Promise<Buffer | undefined> {
    try {
      return await this.#ask(key)
    } catch (error) {
      if (!(error instanceof RedisAway)) this.#counts.errors += 1
      // Something that is no text stands in the place: it would stay there for ever.
      if (isAnswer(error) && error.message.startsWith('WRONGTYPE')) void this.remove(key)
      return undefined
    }
  }

  #counted(found: Entry | undefined): Entry | undefined {
    if (found === undefined) this.#counts.misses += 1
    else this.#counts.hits += 1
    return found
  }

  async #write(bytes: number, ...command: Parameters<RedisWriter['ask']>): Promise<void> {
    try {
      await this.#writer.write(bytes, ...command)
    } catch {
      if (!this.#isClosed) this.#counts.errors += 1
    }
  }

  /** `visit` gives what it has left. True when it met all there is. */
  async #walk(
    maxEntries: number,
    visit: (found: readonly Walked[], place: WalkPlace) => Promise<Walked[]> | readonly Walked[],
  ): Promise<boolean> {
    const place = this.#walkPlace()
    let held = NOTHING
    let met = 0
    let isWhole = true
    try {
      if (!this.#link.isUp) return false
      for await (const found of walkEntries(place)) {
        if (this.#isClosed) return false
        held = plus(held, await visit(found, place))
        met += found.length
        isWhole = met < maxEntries
        if (!isWhole) break
      }
      this.#census = { held, at: this.#options.now() }
      return isWhole
    } catch {
      // Redis went while it was walked: what was met was met.
      if (!this.#isClosed) this.#counts.errors += 1
      return false
    }
  }

  #walkPlace(): WalkPlace {
    return {
      prefix: this.#options.config.keyPrefix,
      servers: () => this.#writer.servers(),
      ask: (command, ...args) => this.#writer.ask(command, ...args),
    }
  }

  #countInBackground(): void {
    const { now, censusMs = CENSUS_MS } = this.#options
    const isDue = this.#census === undefined || now() - this.#census.at >= censusMs
    if (!isDue || this.#isCounting || !this.#link.isUp) return
    this.#isCounting = true
    void this.#walk(MAX_COUNTED, (found) => found).finally(() => (this.#isCounting = false))
  }

  #redisKey(key: string): string {
    return redisKey(this.#options.config.keyPrefix, key)
  }
}

/** A head is small, and without it the slices are of no use. */
function sizeOf(entry: Entry): number {
  return entry.kind === 'slice' ? entry.bytes.length : 0
}

/** A short answer is a view into all that came with it, which it would keep in memory. */
function ownBytes(value: Buffer): Buffer {
  if (value.buffer.byteLength <= value.length) return value
  const own = Buffer.allocUnsafeSlow(value.length)
  value.copy(own)
  return own
}

function plus(sum: Swept, found: readonly Walked[]): Swept {
  const bytes = found.reduce((all, walked) => all + walked.bytes, 0)
  return { entries: sum.entries + found.length, bytes: sum.bytes + bytes }
}
