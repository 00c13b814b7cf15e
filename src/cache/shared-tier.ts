// The tier in the memory that all threads of the process share, as one of them has it: what one has put,
// all find. `docs/shared-memory.md` tells how.

import type { BucketTally } from './memory-tier.ts'
import type { SharedTierMemory } from './shared-memory.ts'
import { moveAll } from './shared-move.ts'
import { SharedShelf } from './shared-shelf.ts'
import type { SharedGround } from './shared-ground.ts'
import type { Slot } from './slot-table.ts'
import type { Entry, EntryFacts, Swept, Tier, TierStats } from './tier.ts'

export interface SharedTierOptions {
  readonly memory: SharedTierMemory
  readonly lane: number
  readonly now: () => number
  /** What the entries of one bucket may take; undefined for as much as there is. */
  readonly maxBytesOf?: (bucket: string) => number | undefined
}

/** What this thread has counted of a bucket. */
interface Count {
  hits: number
  evictions: number
}

export class SharedTier implements Tier {
  readonly name = 'memory'
  readonly isCommon = true
  readonly #now: () => number
  readonly #maxBytesOf: (bucket: string) => number | undefined
  readonly #lane: number
  #shelf: SharedShelf
  /** What is carried from there is found there meanwhile. */
  #former: SharedShelf | undefined
  readonly #counts = new Map<string, Count>()
  #hits = 0
  #misses = 0
  #evictions = 0
  #isClosed = false

  constructor({ memory, lane, now, maxBytesOf = () => undefined }: SharedTierOptions) {
    this.#now = now
    this.#maxBytesOf = maxBytesOf
    this.#lane = lane
    this.#shelf = this.#open(memory)
  }

  get(key: string, at = this.#now()): Entry | undefined {
    const entry =
      this.#take(this.#shelf, key, at) ??
      (this.#former === undefined ? undefined : this.#take(this.#former, key, at))
    if (entry === undefined) {
      this.#misses += 1
      return undefined
    }
    this.#hits += 1
    this.#countOf(entry.bucket).hits += 1
    return entry
  }

  /** Without the bytes of a slice. */
  peek(key: string): Entry | undefined {
    const entry = this.#shelf.peek(key) ?? this.#former?.peek(key)
    return entry === undefined || this.#now() > entry.keepUntil ? undefined : entry
  }

  has(key: string): boolean {
    return this.peek(key) !== undefined
  }

  put(key: string, entry: Entry): void {
    this.remove(key)
    if (this.#isClosed || entry.keepUntil < this.#now()) return
    this.#shelf.put(key, entry, { maxBytes: this.#maxBytesOf(entry.bucket) })
  }

  /** First where it may be carried from: who carries it looks there again when it is here. */
  remove(key: string): void {
    this.#former?.remove(key)
    this.#shelf.remove(key)
  }

  async sweep(matches: (facts: EntryFacts) => boolean): Promise<Swept> {
    return this.#walk(matches, true)
  }

  async count(matches: (facts: EntryFacts) => boolean): Promise<Swept> {
    return this.#walk(matches, false)
  }

  /** In this memory from now on. Settles when what was kept is there, or never will be. */
  async follow(memory: SharedTierMemory): Promise<void> {
    this.#bound()
    if (this.#isClosed || memory.id === this.#shelf.memory.id) return
    const former = this.#shelf
    this.#former?.close()
    this.#former = former
    this.#shelf = this.#open(memory)
    await moveAll(former, this.#shelf, { lane: this.#lane, maxBytesOf: this.#maxBytesOf })
    if (this.#former === former) this.#former = undefined
    former.close()
  }

  /** At once, for all threads. */
  clear(): void {
    this.#former?.store.clear()
    this.#shelf.store.clear()
  }

  /** There is one of it, whichever thread says what it holds; what was found, each counts for itself. */
  stats(): TierStats {
    const { entries, bytes } = this.#shelf.store.ground
    return {
      entries: entries + (this.#former?.store.ground.entries ?? 0),
      bytes: bytes + (this.#former?.store.ground.bytes ?? 0),
      hits: this.#hits,
      misses: this.#misses,
      evictions: this.#evictions,
      errors: 0,
    }
  }

  statsFor(bucket: string): BucketTally {
    const { rows } = this.#shelf.store.ground
    const row = rows.find(bucket)
    const { hits, evictions } = this.#counts.get(bucket) ?? NO_COUNT
    return { entries: rows.entriesOf(row), bytes: rows.bytesOf(row), hits, evictions }
  }

  /** What is kept stays for the others. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#former?.close()
    this.#shelf.close()
  }

  /** Each bucket keeps within what it may take now. */
  #bound(): void {
    const { store } = this.#shelf
    for (const bucket of store.ground.rows.names) {
      const max = this.#maxBytesOf(bucket)
      if (max !== undefined) store.bound(bucket, max)
    }
  }

  #open(memory: SharedTierMemory): SharedShelf {
    const onEvict = (ground: SharedGround, slot: Slot): void => this.#countEvicted(ground, slot)
    return new SharedShelf({ memory, lane: this.#lane, onEvict })
  }

  #take(shelf: SharedShelf, key: string, at: number): Entry | undefined {
    const known = shelf.find(key)
    if (known === undefined) return undefined
    if (at > known.entry.keepUntil) {
      shelf.removeAt(known)
      return undefined
    }
    shelf.store.ground.residency.use(known.slot)
    return shelf.take(known)
  }

  #countEvicted(ground: SharedGround, slot: Slot): void {
    this.#evictions += 1
    this.#countOf(ground.bucketOf(slot)).evictions += 1
  }

  #countOf(bucket: string): Count {
    let count = this.#counts.get(bucket)
    if (count === undefined) {
      count = { hits: 0, evictions: 0 }
      this.#counts.set(bucket, count)
    }
    return count
  }

  async #walk(matches: (facts: EntryFacts) => boolean, isSwept: boolean): Promise<Swept> {
    const now = this.#now()
    let entries = 0
    let bytes = 0
    for (const shelf of [this.#former, this.#shelf]) {
      const swept = await shelf?.walkOver(
        (facts) => facts.keepUntil >= now && matches(facts),
        (seen) => (isSwept ? shelf.removeAt(seen) : undefined),
      )
      entries += swept?.entries ?? 0
      bytes += swept?.bytes ?? 0
    }
    return { entries, bytes }
  }
}

const NO_COUNT: Count = { hits: 0, evictions: 0 }
