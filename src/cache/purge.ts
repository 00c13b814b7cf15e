// The purges of one thread. A ban counts from the moment it is declared; saved beside the entries on
// disk it outlives the process; what it covers is swept behind it, twice, because what was on its way
// when it came may be put down after the first time; then it is of no more use and retires.

import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { decodeBan, STREAM_START } from './ban-record.ts'
import { REMEMBERED_MS } from './ban.ts'
import type { Ban, BanRule } from './ban.ts'
import type { BanOutbox } from './ban-stream.ts'
import { matcherFor } from './bans.ts'
import type { Bans, Matcher } from './bans.ts'
import { DiskTier } from './disk-tier.ts'
import { repeatedAmong } from './repeated-bans.ts'
import type { EntryFacts, Swept, Tier, TierName } from './tier.ts'

export type ByTier<Value> = Readonly<Partial<Record<TierName, Value>>>

export interface PurgesOptions {
  readonly bans: Bans
  readonly tiers: readonly Tier[]
  readonly now: () => number
  /** How long what a soft purge covered may be of use to anyone. */
  readonly softMs: number
  /** How long at least a ban is kept: what is shared with other nodes may be swept late. */
  readonly keepMs?: number
  readonly tendMs?: number
}

interface Declared {
  readonly ban: Ban
  readonly matches: Matcher
  /** Whoever saved a ban sweeps the disk for it: one of all the threads that share the folder. */
  isOwn: boolean
  /** It was ordered here: what the nodes share is swept by one of them. */
  isFromHere: boolean
  sweeps: number
}

const TEND_MS = 10_000
/** By then what was on its way when the ban came has been put down, on a slow disk, too, or is not kept. */
const SETTLED_MS = REMEMBERED_MS + 10_000
/** A ban older than this has lost its owner. */
const ORPHANED_MS = 600_000

export class Purges {
  readonly #options: PurgesOptions
  readonly #declared = new Map<string, Declared>()
  readonly #counts = new Set<Promise<unknown>>()
  /** Of other nodes, and not saved yet. */
  #heard: Ban[] = []
  #isListeningFromDisk = true
  readonly #timer: NodeJS.Timeout
  #tending: Promise<void> | undefined
  #isClosed = false

  constructor(options: PurgesOptions) {
    this.#options = options
    this.restore()
    this.#timer = setInterval(() => void this.tend(), options.tendMs ?? TEND_MS)
    this.#timer.unref()
  }

  /** What was saved, by this process or another: to be called before anything on disk is served. */
  restore(): void {
    for (const { json } of this.#disk?.loadBans() ?? []) {
      const ban = decodeBan(json)
      if (ban !== undefined) this.#declare(ban)
    }
  }

  declare(ban: Ban): void {
    this.#declare(ban)
    void this.#tendSoon()
  }

  /** All that count here now. */
  get inForce(): readonly Ban[] {
    return [...this.#declared.values()].map(({ ban }) => ban)
  }

  /** True when it outlives any crash. */
  save(ban: Ban): boolean {
    const declared = this.#declare(ban)
    declared.isOwn = true
    declared.isFromHere = ban.rule.kind !== 'held'
    declared.sweeps = 0
    void this.#tendSoon()
    const disk = this.#disk
    return disk === undefined || disk.saveBan(ban.id, JSON.stringify(ban), ban.at)
  }

  /** From another node. It counts at once; that it outlives this process, `heardUntil` sees to. */
  hear(ban: Ban): void {
    this.declare(ban)
    this.#heard.push(ban)
  }

  /** All that was heard is kept where the entries are that it covers, with how far that is. */
  keepHeard(until: string): void {
    const heard = this.#heard
    this.#heard = []
    const saved = heard.map((ban) => ({ id: ban.id, json: JSON.stringify(ban), at: ban.at }))
    for (const id of this.#disk?.saveHeard(saved, until) ?? []) {
      const declared = this.#declared.get(id)
      if (declared === undefined || declared.isOwn) continue
      declared.isOwn = true
      declared.sweeps = 0
    }
  }

  /** How far the bans of other nodes are known to what is on disk; with all there are of those. */
  heardUntil(): string | undefined {
    // Where it cannot be said, no ban that ever was may be missing.
    const until = this.#disk?.heardUntil(STREAM_START)
    this.#isListeningFromDisk = this.#disk?.isAway !== true
    // Another thread may have saved more since: what it has heard counts here, too.
    this.restore()
    return until
  }

  /** False when the disk could not be asked how far it has heard. */
  get isListeningFromDisk(): boolean {
    return this.#isListeningFromDisk
  }

  /** Where bans wait that other nodes could not be told of. */
  readonly outbox: BanOutbox = {
    load: () => (this.#disk?.loadUntold() ?? []).flatMap(({ json }) => decodeBan(json) ?? []),
    keep: (ban) =>
      this.#disk?.keepUntold({ id: ban.id, json: JSON.stringify(ban), at: ban.at }) ?? false,
    drop: (id) => this.#disk?.dropUntold(id),
  }

  /** What this node holds may have been purged elsewhere, and nobody can say what of it. */
  disown(at: number): void {
    this.save({ id: randomUUID(), rule: { kind: 'held' }, at, isSoft: false })
  }

  /** What a ban of this rule would cover. Nothing is swept meanwhile. */
  count(rule: BanRule, at: number): Promise<ByTier<Swept>> {
    const counting = this.#count(rule, at)
    this.#counts.add(counting)
    return counting.finally(() => this.#counts.delete(counting))
  }

  /** Sweeps and retires what it is time for. It comes by itself every so often. */
  tend(): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    this.#tending ??= this.#tendOnce().finally(() => (this.#tending = undefined))
    return this.#tending
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#isClosed = true
    await this.#tending
  }

  get #disk(): DiskTier | undefined {
    return this.#options.tiers.find((tier) => tier instanceof DiskTier)
  }

  #declare(ban: Ban): Declared {
    const known = this.#declared.get(ban.id)
    if (known !== undefined) return known
    const matches = matcherFor(ban.rule)
    const declared = { ban, matches, isOwn: false, isFromHere: false, sweeps: 0 }
    this.#declared.set(ban.id, declared)
    this.#options.bans.declare(ban)
    return declared
  }

  async #tendSoon(): Promise<void> {
    // One that is under way may have looked already.
    await this.#tending
    await nextTurn()
    await this.tend()
  }

  async #tendOnce(): Promise<void> {
    await Promise.allSettled(this.#counts)
    this.restore()
    this.#retireRepeated()
    // What is in a folder that cannot be used now is covered for as long as it is not swept.
    if (this.#disk?.isAway === true) return
    this.#adoptOrphans()
    await this.#sweep([...this.#declared.values()].filter((declared) => this.#isDue(declared)))
    this.#retireSwept()
  }

  #isDue({ ban, sweeps }: Declared): boolean {
    return sweeps < 2 && this.#options.now() >= this.#dueAt(ban) + sweeps * SETTLED_MS
  }

  /** What a soft purge covered is of use for a while; what nobody renewed by then may go. */
  #dueAt({ at, isSoft }: Ban): number {
    return at + (isSoft ? this.#options.softMs : 0)
  }

  /** Whoever saved them has ended before the disk was swept. */
  #adoptOrphans(): void {
    const saved = this.#saved()
    const now = this.#options.now()
    for (const declared of this.#declared.values()) {
      const { ban, isOwn } = declared
      if (isOwn || now - this.#dueAt(ban) <= ORPHANED_MS || !saved.has(ban.id)) continue
      declared.isOwn = true
      declared.sweeps = 0
    }
  }

  async #sweep(due: readonly Declared[]): Promise<void> {
    if (due.length === 0) return
    const own = due.filter(({ isOwn }) => isOwn)
    await Promise.all(this.#options.tiers.map((tier) => sweepTier(tier, due, own)))
    // Then it may not have come to its end.
    if (this.#isClosed) return
    for (const declared of due) {
      // Whoever came to own it meanwhile has not swept what is shared.
      if (declared.isOwn === own.includes(declared)) declared.sweeps += 1
    }
  }

  #retireSwept(): void {
    const saved = this.#saved()
    for (const { ban, isOwn, sweeps } of this.#declared.values()) {
      const isKept = this.#options.now() < ban.at + (this.#options.keepMs ?? 0)
      if (sweeps < 2 || isKept) continue
      // Others wait for the owner, who sweeps what they share.
      if (isOwn || !saved.has(ban.id)) this.#retire(ban, isOwn)
    }
  }

  #saved(): ReadonlySet<string> {
    return new Set(this.#disk?.loadBans().map(({ id }) => id))
  }

  #retireRepeated(): void {
    const saved = this.#saved()
    // One that a crash would take away does not stand in for one that outlives it.
    const mayStandIn = ({ id }: Ban): boolean => this.#disk === undefined || saved.has(id)
    for (const ban of repeatedAmong(this.inForce, mayStandIn))
      this.#retire(ban, this.#declared.get(ban.id)?.isOwn === true)
  }

  #retire({ id }: Ban, isOwn: boolean): void {
    if (isOwn) this.#disk?.dropBan(id)
    this.#declared.delete(id)
    this.#options.bans.retire(id)
  }

  async #count(rule: BanRule, at: number): Promise<ByTier<Swept>> {
    const matches = coverOf([{ ban: { rule, at }, matches: matcherFor(rule) }])
    const counts = this.#options.tiers.map(async (tier) => {
      const known = tier instanceof DiskTier ? knownBy(tier, rule) : undefined
      return [tier.name, (await known) ?? (await tier.count(matches))] as const
    })
    return Object.fromEntries(await Promise.all(counts))
  }
}

interface Cover {
  readonly ban: { readonly rule: BanRule; readonly at: number }
  readonly matches: Matcher
}

function coverOf(covers: readonly Cover[]): (facts: EntryFacts) => boolean {
  return (facts) => covers.some(({ ban, matches }) => facts.receivedAt <= ban.at && matches(facts))
}

/** What one thread holds is its own to sweep; what all share is swept by one of them. */
async function sweepTier(
  tier: Tier,
  due: readonly Cover[],
  own: readonly Declared[],
): Promise<void> {
  if (!(tier instanceof DiskTier)) {
    const covers = tier.name === 'memory' ? due : own.filter(({ isFromHere }) => isFromHere)
    if (covers.length > 0) await tier.sweep(coverOf(covers))
    return
  }
  const wide: Cover[] = []
  for (const cover of own) {
    const { rule, at } = cover.ban
    if (rule.kind === 'key') await tier.sweepObject(rule.bucket, rule.key, at)
    else wide.push(cover)
  }
  if (wide.length > 0) await tier.sweep(coverOf(wide))
}

/** Where the index knows the sum, there is no need to walk. */
function knownBy(disk: DiskTier, rule: BanRule): Swept | Promise<Swept> | undefined {
  switch (rule.kind) {
    case 'all':
      return sizeOf(disk.stats())
    case 'bucket':
      return sizeOf(disk.statsFor(rule.bucket))
    case 'key':
      return disk.countObject(rule.bucket, rule.key)
    case 'prefix':
    case 'glob':
    case 'tag':
    case 'held':
      return undefined
  }
}

function sizeOf({ entries, bytes }: Swept): Swept {
  return { entries, bytes }
}
