// The tiers in their order: asked fast to slow, promoted on the way back, and never believed about
// anything a ban covers. What is still being written counts as kept.

import { Bans } from './bans.ts'
import type { Ban } from './ban.ts'
import type { Circle, Leases } from './lease.ts'
import type { Entry, Tier, TierName } from './tier.ts'
import { ownBytes } from './tier.ts'

export interface Found {
  readonly entry: Entry
  readonly tier: TierName
  /** A soft purge came after it: it is stale from then on. */
  readonly staleSince: number | undefined
}

/** What a tier has, whether or not it is to be believed. */
export interface Seen {
  readonly tier: TierName
  readonly entry: Entry
  /** The hardest that covers it. */
  readonly ban: Ban | undefined
}

/** What the requests of a bucket ask of the tiers. */
export type Shelves = Pick<
  Tiers,
  | 'all'
  | 'bans'
  | 'get'
  | 'getShared'
  | 'isAtHand'
  | 'isInDoubt'
  | 'look'
  | 'put'
  | 'remove'
  | 'settled'
  | 'shared'
  | 'untouched'
>

export interface TierLimits {
  /** The largest object any of whose slices a tier keeps. */
  readonly maxObjectBytes: Readonly<Partial<Record<TierName, number>>>
  /** Purges may have been missed: what was received before this instant is not to be believed. */
  readonly trustedFrom?: () => number
}

export class Tiers {
  readonly bans = new Bans()
  #tiers: readonly Tier[]
  #limits: TierLimits
  readonly #threads: Leases | undefined
  #circles: readonly Circle[]
  /** What the tiers that take their time do not show yet; without an entry, it is being removed. */
  readonly #pending = new Map<string, Pending>()

  /** `threads` is how those of this process agree; undefined where there is one. */
  constructor(tiers: readonly Tier[], limits: TierLimits, threads?: Leases) {
    this.#tiers = tiers
    this.#limits = limits
    this.#threads = threads
    this.#circles = this.#drawCircles()
  }

  /** In their order. */
  get all(): readonly Tier[] {
    return this.#tiers
  }

  /** Those who agree who fetches what, the nearest first. */
  get circles(): readonly Circle[] {
    return this.#circles
  }

  /** From now on. What was asked of the others before may still come. */
  replace(tiers: readonly Tier[], limits: TierLimits): void {
    this.#tiers = tiers
    this.#limits = limits
    this.#circles = this.#drawCircles()
  }

  get isInDoubt(): boolean {
    return this.#trustedFrom() === Number.POSITIVE_INFINITY
  }

  /** As they are for whoever must leave no trace: the same is found, and nothing kept or dropped. */
  untouched(): Shelves {
    const shelves: Shelves = {
      all: this.all,
      bans: this.bans,
      isInDoubt: this.isInDoubt,
      get: (key) => this.#peek(key),
      getShared: () => Promise.resolve(undefined),
      isAtHand: (key) => this.isAtHand(key),
      look: (key) => this.look(key),
      put: () => undefined,
      remove: () => undefined,
      settled: () => Promise.resolve(),
      shared: () => undefined,
      untouched: () => shelves,
    }
    return shelves
  }

  /** What each tier has, in their order, without a trace. */
  async look(key: string): Promise<readonly Seen[]> {
    const all: Seen[] = []
    for await (const seen of this.#each(key)) all.push(seen)
    return all
  }

  async *#each(key: string): AsyncGenerator<Seen> {
    for (const tier of this.#tiers) {
      const entry = await Promise.resolve(this.#glance(tier, key)).catch(missing)
      if (entry !== undefined) yield { tier: tier.name, entry, ban: this.bans.covering(entry) }
    }
  }

  get(key: string, at?: number): Found | undefined | Promise<Found | undefined> {
    const from = this.#trustedFrom()
    if (from === Number.POSITIVE_INFINITY) return undefined
    for (let depth = 0; depth < this.#tiers.length; depth += 1) {
      const tier = this.#tiers[depth]
      if (tier === undefined) break
      const got = this.#ask(tier, key, at)
      if (got instanceof Promise) return this.#await(key, depth, got)
      const found = this.#judge(key, trusted(got, from), tier, depth)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** What others may have put, though a faster tier has something older. Only what is wanted is promoted. */
  async getShared(
    key: string,
    circle: Circle,
    isWanted: (found: Found) => boolean,
  ): Promise<Found | undefined> {
    const from = this.#trustedFrom()
    if (from === Number.POSITIVE_INFINITY) return undefined
    for (const tier of circle.tiers) {
      // It has been looked for and counted before.
      const got = await Promise.resolve(this.#glance(tier, key)).catch(missing)
      const depth = this.#tiers.indexOf(tier)
      const found = this.#judge(key, trusted(got, from), tier, depth, isWanted)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Settles when others can have what was put last, or never will; undefined where they can by now. */
  shared(key: string, { tiers }: Circle): Promise<void> | undefined {
    const work = this.#pending.get(key)?.work
    const parts = tiers.filter((tier) => work?.has(tier)).map((tier) => work?.get(tier))
    const slow = parts.filter((part) => part instanceof Promise)
    return slow.length < parts.length || slow.length === 0 ? undefined : Promise.race(slow)
  }

  /** Without reading it and without waiting: true only where it is known for sure. */
  isAtHand(key: string): boolean {
    const pending = this.#pending.get(key)
    if (pending !== undefined) return pending.entry !== undefined
    const from = this.#trustedFrom()
    if (from === Number.POSITIVE_INFINITY) return false
    if (from === Number.NEGATIVE_INFINITY)
      return this.#tiers.some((tier) => tier.has?.(key) === true)
    // Only memory says when it was received, and need not be waited for.
    return this.#tiers.some((tier) => {
      const entry = tier.name === 'memory' ? tier.peek(key) : undefined
      return !(entry instanceof Promise) && trusted(entry, from) !== undefined
    })
  }

  put(key: string, entry: Entry): void {
    const takers = this.#tiers.filter((tier) => this.#accepts(tier, entry))
    this.#settle(key, entry, new Map(takers.map((tier) => [tier, tier.put(key, entry)])))
  }

  remove(key: string): void {
    this.#settle(key, undefined, new Map(this.#tiers.map((tier) => [tier, tier.remove(key)])))
  }

  /** When what was put so far is written, or let go. */
  async settled(): Promise<void> {
    await Promise.all([...this.#pending.values()].map(({ written }) => written))
  }

  async close(): Promise<void> {
    await Promise.all(this.#tiers.map((tier) => tier.close()))
  }

  #trustedFrom(): number {
    return this.#limits.trustedFrom?.() ?? Number.NEGATIVE_INFINITY
  }

  /** From now on it is so, though the slower tiers are still at it; what they cannot keep they drop. */
  #settle(key: string, entry: Entry | undefined, work: Pending['work']): void {
    const slow = [...work.values()].filter((part) => part instanceof Promise)
    if (slow.length === 0) return
    const loan = entry?.kind === 'slice' ? entry.lender?.lend() : undefined
    const forget = (): void => {
      loan?.giveBack()
      if (this.#pending.get(key) === pending) this.#pending.delete(key)
    }
    const written = Promise.allSettled(slow).then(forget)
    const pending: Pending = { entry, written, work }
    this.#pending.set(key, pending)
  }

  async #peek(key: string): Promise<Found | undefined> {
    if (this.isInDoubt) return undefined
    for await (const { entry, tier, ban } of this.#each(key)) {
      if (ban === undefined || ban.isSoft) return { entry, tier, staleSince: ban?.at }
    }
    return undefined
  }

  #ask(tier: Tier, key: string, at?: number): Entry | undefined | Promise<Entry | undefined> {
    const pending = this.#pendingAt(tier, key)
    return pending === undefined ? tier.get(key, at) : pending.entry
  }

  #glance(tier: Tier, key: string): Entry | undefined | Promise<Entry | undefined> {
    const pending = this.#pendingAt(tier, key)
    return pending === undefined ? tier.peek(key) : ownBytes(pending.entry)
  }

  /** Only memory has done at once what it was told. */
  #pendingAt({ name }: Tier, key: string): Pending | undefined {
    return name === 'memory' ? undefined : this.#pending.get(key)
  }

  async #await(
    key: string,
    from: number,
    first: Promise<Entry | undefined>,
  ): Promise<Found | undefined> {
    let late: Entry | undefined | Promise<Entry | undefined> = first
    for (const [depth, tier] of this.#tiers.entries()) {
      if (depth < from) continue
      if (depth > from) late = this.#ask(tier, key)
      const got = late instanceof Promise ? await late.catch(missing) : ownBytes(late)
      // It may have been put or removed while it was read.
      const pending = this.#pending.get(key)
      const last = pending === undefined ? got : ownBytes(pending.entry)
      const entry = trusted(last, this.#trustedFrom())
      const found = this.#judge(key, entry, tier, depth)
      if (found !== undefined) return found
    }
    return undefined
  }

  #judge(
    key: string,
    entry: Entry | undefined,
    tier: Tier,
    depth: number,
    isWanted: (found: Found) => boolean = always,
  ): Found | undefined {
    if (entry === undefined) return undefined
    const ban = this.bans.covering(entry, tier.name === 'redis')
    if (ban !== undefined && !ban.isSoft) {
      void tier.remove(key)
      return undefined
    }
    const found = { entry, tier: tier.name, staleSince: ban?.at }
    if (!isWanted(found)) return undefined
    if (depth > 0) this.#promote(key, entry, depth)
    return found
  }

  #promote(key: string, entry: Entry, depth: number): void {
    for (const tier of this.#tiers.slice(0, depth)) {
      if (!this.#accepts(tier, entry)) continue
      // What memory lends may be somebody else's before a slower tier has written it.
      const kept = tier.name === 'memory' ? entry : ownBytes(entry)
      if (kept !== undefined) void Promise.resolve(tier.put(key, kept)).catch(missing)
    }
  }

  #drawCircles(): readonly Circle[] {
    const common = this.#tiers.filter(({ isCommon }) => isCommon === true)
    const threads = common.length === 0 ? [] : this.#circleOf(this.#threads, common)
    return [...threads, ...this.#tiers.flatMap((tier) => this.#circleOf(tier.leases, [tier]))]
  }

  #circleOf(leases: Leases | undefined, tiers: readonly Tier[]): readonly Circle[] {
    if (leases === undefined) return []
    const canShare = (objectBytes: number): boolean =>
      tiers.some((tier) => this.#keeps(tier, objectBytes))
    return [{ leases, tiers, canShare }]
  }

  /** A head is small whatever its object is. */
  #accepts(tier: Tier, entry: Entry): boolean {
    return entry.kind === 'head' || this.#keeps(tier, entry.objectBytes)
  }

  #keeps({ name }: Tier, objectBytes: number): boolean {
    const max = this.#limits.maxObjectBytes[name]
    return max === undefined || objectBytes <= max
  }
}

function trusted(entry: Entry | undefined, from: number): Entry | undefined {
  return entry !== undefined && entry.receivedAt >= from ? entry : undefined
}

interface Pending {
  readonly entry: Entry | undefined
  /** Never rejects. */
  readonly written: Promise<void>
  /** Of each tier that was told; none rejects. */
  readonly work: ReadonlyMap<Tier, void | Promise<void>>
}

function always(): boolean {
  return true
}

/** A tier that fails is a miss; it says so itself. */
function missing(): undefined {
  return undefined
}
