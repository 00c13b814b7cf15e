// Heads and slices on disk: they outlive the process, whichever way it ends. Small entries stand in
// a SQLite index, slices in files beside it; a row is written after its file and every entry is
// verified when read, so that no moment of a crash can show as a wrong byte. Where the folder fails,
// the tier steps aside and tries again by itself. What may be kept, and how long, is decided above.

import type { Emit } from '../exchange/event.ts'
import { dropUntold, keepUntold, readHeard, readUntold, SavedBans } from './disk-bans.ts'
import type { SavedBan } from './disk-bans.ts'
import { probeFolder } from './disk-files.ts'
import { DiskFolder, removeIndex } from './disk-folder.ts'
import * as sweeps from './disk-sweep.ts'
import { isBug, isFolderTrouble, reasonOf, sqliteTrouble } from './disk-trouble.ts'
import type { Entry, EntryFacts, Swept, Tier, TierStats } from './tier.ts'

export type { SavedBan } from './disk-bans.ts'

export interface DiskTierOptions {
  readonly folder: string
  readonly maxBytes: number
  /** What the entries of one bucket may take; undefined for as much as there is. */
  readonly maxBytesOf?: (bucket: string) => number | undefined
  readonly now: () => number
  readonly emit: Emit
  /** Called when a lost folder is there again, before anything in it is served: its bans may be news. */
  readonly onBack?: () => void
  /** The most that may wait to be written. */
  readonly maxPendingBytes?: number
  /** How often a lost folder is looked for, and a good one looked after. */
  readonly tendMs?: number
}

const NOTHING: Swept = { entries: 0, bytes: 0 }
const MAX_PENDING_BYTES = 64 * 1024 * 1024
const TEND_MS = 10_000

export function openDiskTier(options: DiskTierOptions): DiskTier {
  return new DiskTier(options)
}

export class DiskTier implements Tier {
  readonly name = 'disk'
  readonly isCommon = true
  readonly #options: DiskTierOptions
  readonly #room: { maxBytes: number }
  readonly #timer: NodeJS.Timeout
  readonly #counts = {
    hits: 0,
    misses: 0,
    evictions: 0,
    evictionsOf: new Map<string, number>(),
    errors: 0,
    dropped: 0,
  }
  /** Undefined while the tier stands aside, and after its end. */
  #folder: DiskFolder | undefined
  #leaving: Promise<void> = Promise.resolve()
  #tending: Promise<void> | undefined
  #isClosed = false
  readonly #bans = new SavedBans()
  /** What stands in it cannot be read any more, except perhaps its bans. */
  #isIndexBroken = false

  constructor(options: DiskTierOptions) {
    this.#options = options
    this.#room = { maxBytes: options.maxBytes }
    try {
      this.#folder = this.#open()
    } catch (error) {
      this.#tell('aside', reasonOf(error))
    }
    this.#timer = setInterval(() => this.#tend(), options.tendMs ?? TEND_MS)
    this.#timer.unref()
    this.#tend()
  }

  /** From now on; what is too much goes behind it, and as much as each bucket has too much of. */
  resize(maxBytes: number): Promise<void> {
    if (this.#room.maxBytes === maxBytes) return Promise.resolve()
    this.#room.maxBytes = maxBytes
    return this.#with(undefined, (folder) => folder.trim())
  }

  get(key: string): Entry | undefined | Promise<Entry | undefined> {
    const folder = this.#folder
    if (folder === undefined) return this.#counted(undefined)
    try {
      const found = folder.get(key)
      return found instanceof Promise ? this.#getLater(folder, found) : this.#counted(found)
    } catch (error) {
      this.#suffer(folder, error)
      return this.#counted(undefined)
    }
  }

  async peek(key: string): Promise<Entry | undefined> {
    // Where the folder fails, whoever comes for the entry will find out, and tell.
    return this.#folder?.peek(key).catch(() => undefined)
  }

  has(key: string): boolean {
    return this.#read(false, ({ index }) => index.find(key) !== undefined)
  }

  put(key: string, entry: Entry): Promise<void> {
    return this.#with(undefined, (folder) => folder.put(key, entry))
  }

  remove(key: string): Promise<void> {
    return this.#with(undefined, (folder) => folder.remove(key))
  }

  sweep(matches: (facts: EntryFacts) => boolean): Promise<Swept> {
    return this.#with(NOTHING, (folder) => sweeps.sweepEntries(folder, matches))
  }

  count(matches: (facts: EntryFacts) => boolean): Promise<Swept> {
    return this.#with(NOTHING, (folder) => sweeps.countEntries(folder, matches))
  }

  /**
   * As `sweep` and `count` for all that is kept of one object, without looking at anything else;
   * swept is only what was received until an instant.
   */
  sweepObject(bucket: string, objectKey: string, until = Infinity): Promise<Swept> {
    return this.#with(NOTHING, (folder) => sweeps.sweepObject(folder, bucket, objectKey, until))
  }

  countObject(bucket: string, objectKey: string): Promise<Swept> {
    return this.#with(NOTHING, (folder) => sweeps.countObject(folder, bucket, objectKey))
  }

  stats(): TierStats {
    const { hits, misses, evictions, errors } = this.#counts
    return { ...this.#read(NOTHING, ({ index }) => index.total()), hits, misses, evictions, errors }
  }

  /** Evictions are those by this process. */
  statsFor(bucket: string): Swept & Pick<TierStats, 'evictions'> {
    const evictions = this.#counts.evictionsOf.get(bucket) ?? 0
    return { ...this.#read(NOTHING, ({ index }) => index.totalFor(bucket)), evictions }
  }

  /** Puts that were let go because the disk did not follow. */
  get droppedPuts(): number {
    return this.#counts.dropped
  }

  /** True when it outlives any crash; else it is saved as soon as the folder is back. */
  saveBan(id: string, json: string, at: number): boolean {
    this.#bans.save({ id, json, at })
    return this.#settleBans()
  }

  loadBans(): SavedBan[] {
    return this.#read(this.#bans.load(undefined), ({ index }) => this.#bans.load(index.database))
  }

  /** As `saveBan` for bans of other nodes, and until where they are heard: one is never there without the other. */
  saveHeard(bans: readonly SavedBan[], until: string): readonly string[] {
    for (const ban of bans) this.#bans.save(ban)
    this.#bans.hear(until)
    return this.#read([], ({ index }) => this.#bans.settleHeard(index.database))
  }

  /** Undefined where other nodes were never listened to; `unknown` is for when that cannot be said. */
  heardUntil(unknown: string): string | undefined {
    return this.#read(unknown, ({ index }) => readHeard(index.database))
  }

  /** The folder cannot be used: what is in it may come back. */
  get isAway(): boolean {
    return this.#folder === undefined
  }

  dropBan(id: string): void {
    this.#bans.drop(id)
    this.#settleBans()
  }

  /** A ban that other nodes are to be told of. True when that outlives any crash. */
  keepUntold(ban: SavedBan): boolean {
    return this.#read(false, ({ index }) => {
      keepUntold(index.database, ban)
      return true
    })
  }

  loadUntold(): SavedBan[] {
    return this.#read([], ({ index }) => readUntold(index.database))
  }

  dropUntold(id: string): void {
    this.#read(undefined, ({ index }) => dropUntold(index.database, id))
  }

  /** Frees what expired and what crashes left behind. It comes by itself every so often. */
  tidy(): Promise<void> {
    return this.#with(undefined, (folder) => folder.tidy())
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#isClosed = true
    const folder = this.#folder
    this.#folder = undefined
    // It may fail as anything may on a disk; what it wrote before is whole.
    await folder?.close().catch(() => folder.leave())
    await this.#tending
    await this.#leaving
  }

  #open(): DiskFolder {
    const { folder, maxBytesOf = () => undefined, now } = this.#options
    const own = this.#room
    const { maxPendingBytes = MAX_PENDING_BYTES } = this.#options
    return new DiskFolder({
      folder,
      maxBytes: () => own.maxBytes,
      maxBytesOf,
      maxPendingBytes,
      now,
      counts: this.#counts,
    })
  }

  #tend(): void {
    if (this.#isClosed) return
    this.#tending ??= this.#tendOnce().finally(() => (this.#tending = undefined))
  }

  async #tendOnce(): Promise<void> {
    if (this.#folder === undefined) await this.#comeBack()
    this.#settleBans()
    await this.#with(undefined, (folder) => folder.tend())
  }

  async #comeBack(): Promise<void> {
    const { folder, onBack } = this.#options
    try {
      await this.#leaving
      await probeFolder(folder)
      if (this.#isClosed) return
      if (this.#isIndexBroken) removeIndex(folder)
      this.#isIndexBroken = false
      this.#folder = this.#open()
      this.#bans.begin()
    } catch {
      // Still away: that it is has been told.
      return
    }
    onBack?.()
    this.#tell('back', `${folder} can be used again`)
  }

  /** True when there is nothing of bans that a crash could take away. */
  #settleBans(): boolean {
    return this.#read(false, ({ index }) => {
      this.#bans.settle(index.database)
      return true
    })
  }

  async #getLater(
    folder: DiskFolder,
    found: Promise<Entry | undefined>,
  ): Promise<Entry | undefined> {
    try {
      return this.#counted(await found)
    } catch (error) {
      this.#suffer(folder, error)
      return this.#counted(undefined)
    }
  }

  #counted(found: Entry | undefined): Entry | undefined {
    if (found === undefined) this.#counts.misses += 1
    else this.#counts.hits += 1
    return found
  }

  async #with<Result>(
    otherwise: Result,
    work: (folder: DiskFolder) => Result | Promise<Result>,
  ): Promise<Result> {
    const folder = this.#folder
    if (folder === undefined) return otherwise
    try {
      return await work(folder)
    } catch (error) {
      this.#suffer(folder, error)
      return otherwise
    }
  }

  #read<Result>(otherwise: Result, work: (folder: DiskFolder) => Result): Result {
    const folder = this.#folder
    if (folder === undefined) return otherwise
    try {
      return work(folder)
    } catch (error) {
      this.#suffer(folder, error)
      return otherwise
    }
  }

  #suffer(folder: DiskFolder, error: unknown): void {
    // What was under way in a folder that has been left fails, and that is no news.
    if (folder !== this.#folder) return
    this.#counts.errors += 1
    if (isFolderTrouble(error)) this.#stepAside(folder, error)
    else if (isBug(error)) this.#options.emit({ kind: 'bug', error })
  }

  #stepAside(folder: DiskFolder, error: unknown): void {
    this.#folder = undefined
    this.#tell('aside', reasonOf(error))
    if (sqliteTrouble(error) === 'corrupt') this.#saveFromWreck(folder)
    // A database on a broken disk may not even close; nothing more is asked of it.
    this.#leaving = folder.leave().catch(() => undefined)
  }

  /** Entries can be had again, bans cannot. */
  #saveFromWreck({ index }: DiskFolder): void {
    this.#isIndexBroken = true
    try {
      for (const ban of this.#bans.load(index.database)) this.#bans.save(ban)
    } catch {
      // They are lost with the entries they covered.
    }
  }

  #tell(state: 'aside' | 'back', reason: string): void {
    this.#options.emit({ kind: 'tier', tier: 'disk', state, reason })
  }
}
