// What every place that keeps heads and slices promises. A tier that fails is a miss and an event,
// never an error to whoever asks; `tier.contract.ts` holds all of them to it.

import type { Loan } from '../exchange/body.ts'
import type { Leases } from './lease.ts'
import type { StoredHead } from './stored-head.ts'

export type TierName = 'memory' | 'disk' | 'redis'

/** What bans and sweeps know of an entry without reading it. */
export interface EntryFacts {
  /** The bucket by its name in the configuration. */
  readonly bucket: string
  readonly objectKey: string
  readonly tags: readonly string[]
  /** The size of the whole object: a tier may refuse large ones. */
  readonly objectBytes: number
  /** When its bytes left the origin for us: a ban declared later covers it. */
  readonly receivedAt: number
  /** After this a tier may forget it. */
  readonly keepUntil: number
}

export interface HeadEntry extends EntryFacts {
  readonly kind: 'head'
  readonly stored: StoredHead
}

export interface SliceEntry extends EntryFacts {
  readonly kind: 'slice'
  readonly bytes: Uint8Array
  /** Where the tier uses them again: they are its own unless borrowed in the turn they are had in. */
  readonly lender?: Lender
}

/** Bytes that may lie in parts. */
export interface Lender {
  /** From an offset on, as far as they lie together. */
  from(offset: number): Uint8Array
  lend(): Loan
}

/** As far as they lie together. */
export function bytesFrom({ bytes, lender }: SliceEntry, offset: number): Uint8Array {
  return lender === undefined ? bytes.subarray(offset) : lender.from(offset)
}

export type Entry = HeadEntry | SliceEntry

/** For whoever cannot borrow them in this turn: a copy, where they are lent. */
export function ownBytes(entry: Entry | undefined): Entry | undefined {
  if (entry?.kind !== 'slice' || entry.lender === undefined) return entry
  const { lender: _, ...slice } = entry
  return { ...slice, bytes: Buffer.from(entry.bytes) }
}

export interface TierStats {
  readonly entries: number
  readonly bytes: number
  readonly hits: number
  readonly misses: number
  readonly evictions: number
  readonly errors: number
}

export interface Swept {
  readonly entries: number
  readonly bytes: number
}

export interface Tier {
  readonly name: TierName
  /** The other threads of this process find what is put here. */
  readonly isCommon?: boolean
  /** Where other nodes find what is put here: how they agree who fetches it. */
  readonly leases?: Leases
  /**
   * A value, not a promise, where it can be had without waiting. Counts a hit or a miss. `at` is the
   * present, where the caller has looked at the clock already.
   */
  get(key: string, at?: number): Entry | undefined | Promise<Entry | undefined>
  /** What `get` would find, without a trace: counts nothing, is no use of it, removes nothing. */
  peek(key: string): Entry | undefined | Promise<Entry | undefined>
  /** Whether `get` would find it, where that can be said at once. Counts nothing, and is no use of it. */
  has?(key: string): boolean
  /** The same of many keys, where it takes a question. */
  haveAll?(keys: readonly string[]): Promise<readonly boolean[]>
  /**
   * Never rejects. Resolves when it is kept as safely as this tier keeps things: until then what is
   * lent may be read.
   */
  put(key: string, entry: Entry): void | Promise<void>
  remove(key: string): void | Promise<void>
  /** Frees what matches, in its own time, without standing in anyone's way. */
  sweep(matches: (facts: EntryFacts) => boolean): Promise<Swept>
  /** Counts what matches, for a preview. */
  count(matches: (facts: EntryFacts) => boolean): Promise<Swept>
  /** What is there to count only at some cost is counted only when asked to look. */
  stats(isToLook?: boolean): TierStats
  close(): Promise<void>
}
