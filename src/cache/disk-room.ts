// How much of the disk there is for all buckets, and for each: room is made before rows come, among
// a bucket's own entries where it has a bound of its own. What was used longest ago goes first. The
// index counts what everybody who shares the folder has put there. A disk that turns out to be full
// is a bound as well, for as long as it is.

import { statfs } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Change, DiskIndex, NewRow, Removed } from './disk-index.ts'
import type { OpenFiles } from './disk-open-files.ts'
import { patiently } from './disk-patience.ts'
import { isFull } from './disk-trouble.ts'

export interface RoomTerms {
  readonly folder: string
  readonly files: OpenFiles
  /** It may change. */
  readonly maxBytes: () => number
  /** Of one bucket; undefined for as much as there is. */
  readonly maxBytesOf: (bucket: string) => number | undefined
  readonly counts: RoomCounts
}

export interface RoomCounts {
  evictions: number
  /** Of them, by bucket. */
  readonly evictionsOf: Map<string, number>
}

/** Evicted beyond need, so that not every put has to evict. */
const MAX_SLACK_BYTES = 8 * 1024 * 1024
const MOST_AT_ONCE = 16 * 1024 * 1024
/** What comes at once is a small part of what there may be, since as much has to go before it. */
const SHARE_AT_ONCE = 8
/** Left to a disk that was full: what the index writes ahead of itself must find room. */
const LEAST_SPARED_BYTES = 2 * 1024 * 1024
const MOST_SPARED_BYTES = 256 * 1024 * 1024
const SHARE_SPARED = 16

export class DiskRoom {
  readonly #terms: RoomTerms
  readonly #index: DiskIndex
  readonly #settleUses: () => Promise<void>
  /** What the disk has room for, where that is less than it may take. */
  #fits = Infinity

  constructor(terms: RoomTerms, index: DiskIndex, settleUses: () => Promise<void>) {
    this.#terms = terms
    this.#index = index
    this.#settleUses = settleUses
  }

  couldHold(bucket: string, bytes: number): boolean {
    return bytes <= this.#mostOf(bucket)
  }

  /** How many of these, at least one, may come at once. */
  partOf(changes: readonly Change[]): number {
    const most = Math.min(MOST_AT_ONCE, this.#most() / SHARE_AT_ONCE)
    const sums = new Map<string, number>()
    let bytes = 0
    for (const [count, { row }] of changes.entries()) {
      if (row === undefined) continue
      const { bucket } = row.facts
      const before = sums.get(bucket) ?? 0
      const isMuch = before > 0 && before + row.size > this.#mostOf(bucket) / SHARE_AT_ONCE
      bytes += row.size
      if (count > 0 && (bytes > most || isMuch)) return count
      sums.set(bucket, before + row.size)
    }
    return changes.length
  }

  async makeFor(changes: readonly Change[]): Promise<void> {
    const { maxBytesOf } = this.#terms
    const rows = changes.map(({ row }) => row).filter((row) => row !== undefined)
    for (const bucket of new Set(rows.map(({ facts }) => facts.bucket))) {
      const most = maxBytesOf(bucket)
      const own = rows.filter(({ facts }) => facts.bucket === bucket)
      if (most !== undefined) await this.#evictFor(bytesOf(own), most, bucket)
    }
    await this.#evictFor(bytesOf(rows), this.#most())
  }

  /** The disk has refused so much: as much goes, files first, since even rows need room to go. */
  async giveWay(bytes: number): Promise<void> {
    const held = this.#held(undefined)
    this.#fits = Math.max(0, held - spared(held))
    const oldest = this.#index.oldestFiles(bytes + spared(held))
    await this.#terms.files.remove(oldest.map(({ file }) => file))
    this.#count(await patiently(() => this.#index.remove(oldest.map(({ id }) => id))))
    await this.#evictFor(bytes, this.#fits)
    this.#settle()
  }

  /** What is there may be more than there may be now: it is from before, or of others. */
  async trim(): Promise<void> {
    if (this.#fits !== Infinity) await this.#measure()
    const { maxBytesOf } = this.#terms
    for (const bucket of this.#index.buckets()) {
      const most = maxBytesOf(bucket)
      if (most !== undefined) await this.#evictFor(0, most, bucket)
    }
    await this.#evictFor(0, this.#most())
  }

  /** There may be more room by now. */
  async #measure(): Promise<void> {
    this.#settle()
    const { bavail, bsize } = await statfs(this.#terms.folder)
    const room = this.#held(undefined) + bavail * bsize
    const fits = room - spared(room)
    this.#fits = fits < this.#terms.maxBytes() ? Math.max(0, fits) : Infinity
  }

  /** What finds no room in its place stays where it is written ahead. */
  #settle(): void {
    try {
      this.#index.settle()
    } catch (error) {
      if (!isFull(error)) throw error
    }
  }

  #most(): number {
    return Math.min(this.#terms.maxBytes(), this.#fits)
  }

  #mostOf(bucket: string): number {
    const most = this.#most()
    return Math.min(most, this.#terms.maxBytesOf(bucket) ?? most)
  }

  /** Of one bucket, or of all. */
  async #evictFor(incoming: number, most: number, bucket?: string): Promise<void> {
    if (this.#held(bucket) + incoming <= most) return
    const slack = Math.min(MAX_SLACK_BYTES, most / 32)
    const target = Math.max(0, most - incoming - slack)
    await this.#settleUses()
    for (;;) {
      const excess = this.#held(bucket) - target
      if (excess <= 0) return
      const gone = await patiently(() => this.#index.evict(excess, bucket))
      if (gone.entries === 0) return
      this.#count(gone)
      await this.#terms.files.remove(gone.files)
      await nextTurn()
    }
  }

  #count({ entries, buckets }: Pick<Removed, 'entries' | 'buckets'>): void {
    const { counts } = this.#terms
    counts.evictions += entries
    countEach(buckets, counts.evictionsOf)
  }

  #held(bucket: string | undefined): number {
    return (bucket === undefined ? this.#index.total() : this.#index.totalFor(bucket)).bytes
  }
}

function spared(bytes: number): number {
  return Math.min(MOST_SPARED_BYTES, Math.max(LEAST_SPARED_BYTES, bytes / SHARE_SPARED))
}

function bytesOf(rows: readonly NewRow[]): number {
  return rows.reduce((sum, { size }) => sum + size, 0)
}

function countEach(names: readonly string[], counts: Map<string, number>): void {
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
}
