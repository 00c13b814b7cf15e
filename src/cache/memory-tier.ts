// The tier in this process's memory: synchronous, bounded by bytes, everything counted. Who stays is
// decided in residency.ts.
//
// It keeps copies of slices, in buffers of their own. A buffer that nobody was given is freed or
// used again the moment its slice is evicted; left to the garbage collector, a scan would take two or
// three times the tier's size. A buffer that somebody was given may still be on its way to a socket,
// so that one is left to the collector.

import { setImmediate } from 'node:timers/promises'

import { hashText } from '../primitives/hash-text.ts'
import { memoryBytesOf } from './memory-bytes.ts'
import { Residency } from './residency.ts'
import { Queue, Resident } from './resident.ts'
import type { Entry, EntryFacts, SliceEntry, Swept, Tier, TierStats } from './tier.ts'

export interface MemoryTierOptions {
  readonly maxBytes: number
  readonly now: () => number
  /** What the entries of one bucket may take; undefined for as much as there is. */
  readonly maxBytesOf?: (bucket: string) => number | undefined
}

/** Misses belong to no bucket: nothing is known of what is not there. */
export type BucketTally = Pick<TierStats, 'entries' | 'bytes' | 'hits' | 'evictions'>

interface Tally {
  entries: number
  bytes: number
  hits: number
  evictions: number
  /** Of a bucket that is bounded, in the order of their coming; a second chance puts one last. */
  readonly share: Queue<Resident<Kept>>
}

interface Kept {
  entry: Entry
  readonly tally: Tally
  /** Its place in the share of its bucket. */
  place: Resident<Resident<Kept>> | undefined
  /** Somebody may be holding its bytes. */
  isGiven: boolean
}

/** The record of an entry, its slot in the map, and the bookkeeping around them. */
const RECORD_BYTES = 320
const PLACE_BYTES = 96
const WALKED_AT_ONCE = 1000
const FREE_BYTES = new ArrayBuffer(0)
const NO_BYTES = new Uint8Array(0)

export class MemoryTier implements Tier {
  readonly name = 'memory'
  readonly #now: () => number
  readonly #maxBytesOf: (bucket: string) => number | undefined
  readonly #residency: Residency<Kept>
  readonly #residents = new Map<string, Resident<Kept>>()
  readonly #tallies = new Map<string, Tally>()
  /** The buffer that was freed last, for the slice that pushed it out. */
  #spare: ArrayBuffer = FREE_BYTES
  #hits = 0
  #misses = 0
  #evictions = 0
  #isClosed = false

  constructor({ maxBytes, now, maxBytesOf = () => undefined }: MemoryTierOptions) {
    this.#now = now
    this.#maxBytesOf = maxBytesOf
    this.#residency = new Residency(maxBytes, (resident) => this.#evict(resident))
  }

  get(key: string): Entry | undefined {
    const resident = this.#residents.get(key)
    if (resident === undefined || this.#isOver(resident)) {
      this.#misses += 1
      return undefined
    }
    const kept = resident.value
    kept.isGiven = true
    kept.tally.hits += 1
    this.#hits += 1
    this.#residency.use(resident)
    return kept.entry
  }

  /** Without the bytes of a slice: nobody is given them, and so they stay the tier's own. */
  peek(key: string): Entry | undefined {
    const entry = this.#residents.get(key)?.value.entry
    if (entry === undefined || this.#now() > entry.keepUntil) return undefined
    return entry.kind === 'head' ? entry : { ...entry, bytes: NO_BYTES }
  }

  /** Whether `get` would find it; not counted as a use. */
  has(key: string): boolean {
    const resident = this.#residents.get(key)
    return resident !== undefined && this.#now() <= resident.value.entry.keepUntil
  }

  put(key: string, entry: Entry): void {
    this.remove(key)
    if (this.#isClosed || entry.keepUntil < this.#now()) return
    const max = this.#maxBytesOf(entry.bucket)
    const own = RECORD_BYTES + (max === undefined ? 0 : PLACE_BYTES)
    const bytes = own + memoryBytesOf(key) + memoryBytesOf(entry)
    const tally = this.#tallyOf(entry.bucket)
    if (max !== undefined && !this.#makeRoomIn(tally, bytes, max)) return
    const kept: Kept = { entry, tally, place: undefined, isGiven: false }
    const resident = new Resident(key, hashText(key), bytes, kept)
    if (!this.#residency.admit(resident)) return
    if (max !== undefined) takePlace(resident)
    if (entry.kind === 'slice') kept.entry = this.#copyOf(entry)
    this.#freeSpare()
    this.#residents.set(key, resident)
    tally.entries += 1
    tally.bytes += bytes
  }

  remove(key: string): void {
    const resident = this.#residents.get(key)
    if (resident === undefined) return
    this.#residency.remove(resident)
    this.#forget(resident)
    this.#freeSpare()
  }

  async sweep(matches: (facts: EntryFacts) => boolean): Promise<Swept> {
    return this.#walk(matches, (key) => this.remove(key))
  }

  async count(matches: (facts: EntryFacts) => boolean): Promise<Swept> {
    return this.#walk(matches, () => undefined)
  }

  stats(): TierStats {
    return {
      entries: this.#residents.size,
      bytes: this.#residency.bytes,
      hits: this.#hits,
      misses: this.#misses,
      evictions: this.#evictions,
      errors: 0,
    }
  }

  statsFor(bucket: string): BucketTally {
    const { entries, bytes, hits, evictions } = this.#tallies.get(bucket) ?? NO_TALLY
    return { entries, bytes, hits, evictions }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const key of this.#residents.keys()) this.remove(key)
  }

  #isOver({ key, value }: Resident<Kept>): boolean {
    if (this.#now() <= value.entry.keepUntil) return false
    this.remove(key)
    return true
  }

  #copyOf(slice: SliceEntry): SliceEntry {
    const { byteLength } = slice.bytes
    const isFitting = this.#spare.byteLength === byteLength && byteLength > 0
    const bytes = isFitting ? Buffer.from(this.#spare) : Buffer.allocUnsafeSlow(byteLength)
    if (isFitting) this.#spare = FREE_BYTES
    bytes.set(slice.bytes)
    return { ...slice, bytes }
  }

  /** Of what the bucket has, for what it is to have. False when there can be no room for it. */
  #makeRoomIn(tally: Tally, bytes: number, max: number): boolean {
    if (bytes > max) return false
    while (tally.bytes + bytes > max) {
      const place = tally.share.first
      // What is left was there before the bucket was bounded, and goes in its own time.
      if (place === undefined) break
      const resident = place.value
      if (resident.uses > 0) {
        resident.uses -= 1
        tally.share.remove(place)
        tally.share.add(place)
        continue
      }
      this.#residency.remove(resident)
      this.#evict(resident)
    }
    return true
  }

  #evict(resident: Resident<Kept>): void {
    this.#evictions += 1
    resident.value.tally.evictions += 1
    this.#forget(resident)
  }

  #forget({ key, bytes, value: { entry, tally, place, isGiven } }: Resident<Kept>): void {
    this.#residents.delete(key)
    if (place !== undefined) tally.share.remove(place)
    tally.entries -= 1
    tally.bytes -= bytes
    if (isGiven || entry.kind === 'head') return
    this.#freeSpare()
    const { buffer } = entry.bytes
    if (buffer instanceof ArrayBuffer) this.#spare = buffer
  }

  /** Its memory goes back at once: nobody can be reading it. */
  #freeSpare(): void {
    if (this.#spare.byteLength > 0) this.#spare.transfer(0)
    this.#spare = FREE_BYTES
  }

  #tallyOf(bucket: string): Tally {
    let tally = this.#tallies.get(bucket)
    if (tally === undefined) {
      tally = { ...NO_TALLY, share: new Queue() }
      this.#tallies.set(bucket, tally)
    }
    return tally
  }

  /** What comes while it walks is not its concern: bans cover what was received before them. */
  async #walk(
    matches: (facts: EntryFacts) => boolean,
    visit: (key: string) => void,
  ): Promise<Swept> {
    const now = this.#now()
    let left = this.#residents.size
    let entries = 0
    let sum = 0
    for (const [key, { bytes, value }] of this.#residents) {
      if (left === 0) break
      left -= 1
      if (value.entry.keepUntil >= now && matches(value.entry)) {
        entries += 1
        sum += bytes
        visit(key)
      }
      if (left % WALKED_AT_ONCE === 0) await setImmediate()
    }
    return { entries, bytes: sum }
  }
}

const NO_TALLY: BucketTally = { entries: 0, bytes: 0, hits: 0, evictions: 0 }

function takePlace(resident: Resident<Kept>): void {
  const { key, hash, bytes, value } = resident
  const place = new Resident(key, hash, bytes, resident)
  value.place = place
  value.tally.share.add(place)
}
