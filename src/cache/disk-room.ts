// How much of the disk there is for all buckets, and for each: room is made before rows come, among
// a bucket's own entries where it has a bound of its own. What was used longest ago goes first. The
// index counts what everybody who shares the folder has put there.

import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Change, DiskIndex, NewRow } from './disk-index.ts'
import type { OpenFiles } from './disk-open-files.ts'
import { patiently } from './disk-patience.ts'

export interface RoomTerms {
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

export class DiskRoom {
  readonly #terms: RoomTerms
  readonly #index: DiskIndex
  readonly #settleUses: () => Promise<void>

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
    const most = Math.min(MOST_AT_ONCE, this.#terms.maxBytes() / SHARE_AT_ONCE)
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
    const { maxBytes, maxBytesOf } = this.#terms
    const rows = changes.map(({ row }) => row).filter((row) => row !== undefined)
    for (const bucket of new Set(rows.map(({ facts }) => facts.bucket))) {
      const most = maxBytesOf(bucket)
      const own = rows.filter(({ facts }) => facts.bucket === bucket)
      if (most !== undefined) await this.#evictFor(bytesOf(own), most, bucket)
    }
    await this.#evictFor(bytesOf(rows), maxBytes())
  }

  /** What is there may be more than there may be now: it is from before, or of others. */
  async trim(): Promise<void> {
    const { maxBytes, maxBytesOf } = this.#terms
    for (const bucket of this.#index.buckets()) {
      const most = maxBytesOf(bucket)
      if (most !== undefined) await this.#evictFor(0, most, bucket)
    }
    await this.#evictFor(0, maxBytes())
  }

  #mostOf(bucket: string): number {
    const maxBytes = this.#terms.maxBytes()
    return Math.min(maxBytes, this.#terms.maxBytesOf(bucket) ?? maxBytes)
  }

  /** Of one bucket, or of all. */
  async #evictFor(incoming: number, most: number, bucket?: string): Promise<void> {
    if (this.#held(bucket) + incoming <= most) return
    const { counts } = this.#terms
    const slack = Math.min(MAX_SLACK_BYTES, most / 32)
    const target = Math.max(0, most - incoming - slack)
    await this.#settleUses()
    for (;;) {
      const excess = this.#held(bucket) - target
      if (excess <= 0) return
      const gone = await patiently(() => this.#index.evict(excess, bucket))
      if (gone.entries === 0) return
      counts.evictions += gone.entries
      countEach(gone.buckets, counts.evictionsOf)
      await this.#terms.files.remove(gone.files)
      await nextTurn()
    }
  }

  #held(bucket: string | undefined): number {
    return (bucket === undefined ? this.#index.total() : this.#index.totalFor(bucket)).bytes
  }
}

function bytesOf(rows: readonly NewRow[]): number {
  return rows.reduce((sum, { size }) => sum + size, 0)
}

function countEach(names: readonly string[], counts: Map<string, number>): void {
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
}
