// What each bucket has in the tier of all threads. A bucket is known by its hash, and keeps its row; where
// there are no more rows a bucket is counted with none, and not bounded by itself.

import { CONTROL, ENTRY_BYTES, ROW_WORDS } from './shared-memory.ts'
import type { SharedPlaces } from './shared-memory.ts'
import { SharedQueue } from './shared-queue.ts'
import { SHARE_LINKS } from './slot-table.ts'
import type { Slot, SlotTable } from './slot-table.ts'
import { KeyedHash } from '../primitives/keyed-hash.ts'

/** Of a row's words, behind those of the queue of its share. */
const HASH_LOW = 8
const HASH_HIGH = 9
const ENTRIES = 10
/** In 64-bit words. */
const BYTES = 6

/** Counted from one. */
export const NO_ROW = 0

export class BucketRows {
  readonly #words: Int32Array
  readonly #doubles: Float64Array
  readonly #control: Int32Array
  readonly #shares: readonly SharedQueue[]
  readonly #known = new Map<string, number>()
  readonly #names = new Map<number, string>()
  readonly #hash = new KeyedHash()

  constructor({ rows, rowDoubles, control }: SharedPlaces, table: SlotTable) {
    this.#words = rows
    this.#doubles = rowDoubles
    this.#control = control
    const place = { words: rows, doubles: rowDoubles, links: SHARE_LINKS }
    this.#shares = Array.from(
      { length: rows.length / ROW_WORDS },
      (_, row) => new SharedQueue(table, { ...place, at: row * ROW_WORDS }),
    )
  }

  /** What was ever kept of it here; else `NO_ROW`. */
  find(bucket: string): number {
    const known = this.#known.get(bucket)
    if (known !== undefined) return known
    const row = this.#look(bucket)
    if (row < 0) return NO_ROW
    this.#know(bucket, row)
    return row
  }

  /** Of a row that this thread has looked for. */
  nameOf(row: number): string | undefined {
    return this.#names.get(row)
  }

  /** Those that this thread has looked for. */
  get names(): Iterable<string> {
    return this.#known.keys()
  }

  /** Under the lock. */
  findOrAdd(bucket: string): number {
    const known = this.find(bucket)
    if (known !== NO_ROW) return known
    const row = -this.#look(bucket)
    if (row <= 0) return NO_ROW
    const at = (row - 1) * ROW_WORDS
    this.#words[at + HASH_HIGH] = this.#hash.high
    Atomics.store(this.#words, at + HASH_LOW, this.#hash.low)
    this.#know(bucket, row)
    return row
  }

  /** The slots of it that count against its bound. */
  shareOf(row: number): SharedQueue | undefined {
    return this.#shares[row - 1]
  }

  entriesOf(row: number): number {
    return row === NO_ROW ? 0 : (this.#words[(row - 1) * ROW_WORDS + ENTRIES] ?? 0)
  }

  bytesOf(row: number): number {
    return this.#blockBytesOf(row) + this.entriesOf(row) * ENTRY_BYTES
  }

  /** Under the lock: it has come, or (`-1`) gone. */
  count({ row, bytes }: Slot, entries: 1 | -1): void {
    if (row === NO_ROW) return
    const at = (row - 1) * ROW_WORDS
    this.#words[at + ENTRIES] = this.entriesOf(row) + entries
    this.#doubles[at / 2 + BYTES] = this.#blockBytesOf(row) + entries * bytes
  }

  #know(bucket: string, row: number): void {
    this.#known.set(bucket, row)
    this.#names.set(row, bucket)
  }

  #blockBytesOf(row: number): number {
    return row === NO_ROW ? 0 : (this.#doubles[((row - 1) * ROW_WORDS) / 2 + BYTES] ?? 0)
  }

  /** Under the lock: all have gone. */
  clear(): void {
    for (let at = 0; at < this.#words.length; at += ROW_WORDS) {
      this.#words.fill(0, at, at + HASH_LOW)
      this.#words.fill(0, at + ENTRIES, at + ROW_WORDS)
    }
  }

  /** Its row, or minus that which it may have, or 0 where there is none. */
  #look(bucket: string): number {
    const hash = this.#hash
    hash.begin(this.#control[CONTROL.secret] ?? 0, this.#control[CONTROL.secret + 1] ?? 0)
    hash.add(bucket)
    hash.end()
    // A row whose first word is zero is nobody's yet.
    if (hash.low === 0) hash.low = 1
    const count = this.#shares.length
    for (let looks = 0; looks < count; looks += 1) {
      const row = ((hash.low >>> 0) + looks) % count
      const low = Atomics.load(this.#words, row * ROW_WORDS + HASH_LOW)
      if (low === 0) return -(row + 1)
      if (low === hash.low && this.#words[row * ROW_WORDS + HASH_HIGH] === hash.high) return row + 1
    }
    return NO_ROW
  }
}
