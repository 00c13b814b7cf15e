// The tier in this process's memory: synchronous, bounded by bytes, everything counted. Who stays is
// decided in residency.ts.
//
// It keeps copies of slices in an arena as large as the tier, and lends them: left to the garbage
// collector, a scan would take two or three times the tier's size.

import { setImmediate } from 'node:timers/promises'

import { hashText } from '../primitives/hash-text.ts'
import { Arena } from './arena.ts'
import type { ArenaSlice } from './arena-slice.ts'
import { Arenas } from './arenas.ts'
import { memoryBytesOf } from './memory-bytes.ts'
import { GhostList } from './ghost-list.ts'
import { MOST_SPARED, Residency } from './residency.ts'
import { Queue, Resident } from './resident.ts'
import type { Entry, EntryFacts, HeadEntry, SliceEntry, Swept, Tier, TierStats } from './tier.ts'

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
  /** A slice may be moved. */
  entry: HeadEntry | ArenaSlice
  readonly tally: Tally
  /** Its place in the share of its bucket. */
  place: Resident<Resident<Kept>> | undefined
}

const RECORD_BYTES = 320
/** Of the arena's bytes. */
const VIEW_BYTES = 340
const PLACE_BYTES = 96
/** Beside the arena, what was let go stays until it is collected: so much of what is there. */
const SHARE_UNCOLLECTED = 0.4
const WALKED_AT_ONCE = 1000
const MOVED_AT_ONCE = 8
/** How much may go for a slice that the arena has no room for where there should be some. */
const MOST_EVICTED = 4
const NO_BYTES = new Uint8Array(0)

export class MemoryTier implements Tier {
  readonly name = 'memory'
  readonly #now: () => number
  readonly #maxBytesOf: (bucket: string) => number | undefined
  readonly #residency: Residency<Resident<Kept>>
  readonly #residents = new Map<string, Resident<Kept>>()
  readonly #tallies = new Map<string, Tally>()
  readonly #arenas: Arenas
  #maxBytes: number
  /** Of the arena, what has left and is still being read. */
  #leftBytes = 0
  #hits = 0
  #misses = 0
  #evictions = 0
  #isClosed = false

  constructor({ maxBytes, now, maxBytesOf = () => undefined }: MemoryTierOptions) {
    this.#now = now
    this.#maxBytesOf = maxBytesOf
    this.#arenas = new Arenas(maxBytes)
    this.#maxBytes = maxBytes
    const gone = GhostList.of(maxBytes)
    const place = { newcomers: new Queue<Kept>(), main: new Queue<Kept>() }
    this.#residency = new Residency(maxBytes - gone.ownBytes, gone, place, {
      evict: (resident) => this.#evict(resident),
      isInUse: ({ value }) => isLent(value.entry),
    })
  }

  get(key: string, at = this.#now()): Entry | undefined {
    const resident = this.#residents.get(key)
    if (resident === undefined || this.#isOver(resident, at)) {
      this.#misses += 1
      return undefined
    }
    const { tally, entry } = resident.value
    tally.hits += 1
    this.#hits += 1
    this.#residency.use(resident)
    return entry
  }

  /** Without the bytes of a slice. */
  peek(key: string): Entry | undefined {
    const entry = this.#residents.get(key)?.value.entry
    if (entry === undefined || this.#now() > entry.keepUntil) return undefined
    if (entry.kind === 'head') return entry
    const { lender: _, ...slice } = entry
    return { ...slice, bytes: NO_BYTES }
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
    const place = max === undefined ? 0 : PLACE_BYTES
    const bytes = costOf(entry, RECORD_BYTES + memoryBytesOf(key) + place)
    const tally = this.#tallyOf(entry.bucket)
    if (max !== undefined && !this.#makeRoomIn(tally, bytes, max)) return
    if (!this.#residency.makeRoom(bytes, this.#leftBytes)) return
    const own = entry.kind === 'head' ? entry : this.#copyOf(entry)
    if (own === undefined) return
    const resident = new Resident(key, hashText(key), bytes, {
      entry: own,
      tally,
      place: undefined,
    } satisfies Kept)
    this.#residency.add(resident)
    if (max !== undefined) takePlace(resident)
    this.#residents.set(key, resident)
    tally.entries += 1
    tally.bytes += bytes
  }

  remove(key: string): void {
    const resident = this.#residents.get(key)
    if (resident === undefined) return
    resident.queue?.remove(resident)
    this.#forget(resident)
  }

  /** From now on. Settles when what is kept lies where it is to lie. */
  async resize(maxBytes: number): Promise<void> {
    const mustMove = this.#arenas.resize(maxBytes)
    if (maxBytes !== this.#maxBytes) {
      const gone = GhostList.of(maxBytes)
      this.#residency.resize(maxBytes - gone.ownBytes, gone, this.#leftBytes)
    }
    this.#maxBytes = maxBytes
    for (const [bucket, tally] of this.#tallies) {
      const max = this.#maxBytesOf(bucket)
      if (max !== undefined) this.#makeRoomIn(tally, 0, max)
    }
    if (mustMove) await this.#moveAll()
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

  #isOver({ key, value }: Resident<Kept>, at: number): boolean {
    if (at <= value.entry.keepUntil) return false
    this.remove(key)
    return true
  }

  /** Crumbs may stand in its way: then others go for it, but not all of them. */
  #copyOf(slice: SliceEntry): ArenaSlice | undefined {
    const { byteLength } = slice.bytes
    const least = this.#residency.bytes - MOST_EVICTED * byteLength
    for (;;) {
      const copy = this.#arenas.keep(slice, this.#onFree)
      if (copy !== undefined || this.#residency.bytes < least) return copy
      if (!this.#residency.evictOne()) return undefined
    }
  }

  /** What finds no room where it is to lie, goes. */
  async #moveAll(): Promise<void> {
    let moved = 0
    for (const resident of this.#residents.values()) {
      const { entry } = resident.value
      if (entry.kind === 'head' || this.#arenas.has(entry)) continue
      const copy = this.#arenas.keep(entry, this.#onFree)
      if (copy === undefined) {
        resident.queue?.remove(resident)
        this.#evict(resident)
      } else {
        resident.value.entry = copy
        this.#letGo(entry)
      }
      moved += 1
      if (moved % MOVED_AT_ONCE === 0) await setImmediate()
    }
  }

  /** Of what the bucket has, for what it is to have. False when there can be no room for it. */
  #makeRoomIn(tally: Tally, bytes: number, max: number): boolean {
    if (bytes > max) return false
    let spared = 0
    while (tally.bytes + bytes > max) {
      const place = tally.share.first
      // What is left was there before the bucket was bounded, and goes in its own time.
      if (place === undefined) break
      const resident = place.value
      const isInUse = isLent(resident.value.entry)
      if (isInUse || resident.uses > 0) {
        spared += isInUse ? 1 : 0
        if (spared > MOST_SPARED) return false
        resident.uses = Math.max(0, resident.uses - 1)
        tally.share.remove(place)
        tally.share.add(place)
        continue
      }
      resident.queue?.remove(resident)
      this.#evict(resident)
    }
    return true
  }

  #evict(resident: Resident<Kept>): void {
    this.#evictions += 1
    resident.value.tally.evictions += 1
    this.#forget(resident)
  }

  #forget({ key, bytes, value: { entry, tally, place } }: Resident<Kept>): void {
    this.#residents.delete(key)
    if (place !== undefined) tally.share.remove(place)
    tally.entries -= 1
    tally.bytes -= bytes
    if (entry.kind === 'slice') this.#letGo(entry)
  }

  readonly #onFree = (roomBytes: number): void => {
    this.#leftBytes -= roomBytes
  }

  /** Of what is lent the room is free later. */
  #letGo(slice: ArenaSlice): void {
    this.#leftBytes += slice.roomBytes
    slice.leave()
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

/** With its record, which is its slot in the map and the bookkeeping around it. */
function costOf(entry: Entry, recordBytes: number): number {
  if (entry.kind === 'head') return onHeap(recordBytes + memoryBytesOf(entry))
  const { bytes, lender: _, ...facts } = entry
  const around = onHeap(recordBytes + VIEW_BYTES + memoryBytesOf(facts))
  return around + Arena.costOf(bytes.byteLength)
}

function onHeap(bytes: number): number {
  return Math.ceil(bytes * (1 + SHARE_UNCOLLECTED))
}

function isLent(entry: Kept['entry']): boolean {
  return entry.kind === 'slice' && entry.isLent
}

function takePlace(resident: Resident<Kept>): void {
  const { key, hash, bytes, value } = resident
  const place = new Resident(key, hash, bytes, resident)
  value.place = place
  value.tally.share.add(place)
}
