// One piece of shared memory as one thread has it, to put and find entries in.

import { setImmediate } from 'node:timers/promises'

import { ENTRY_BYTES, knownBytesIn, placesIn } from './shared-memory.ts'
import type { SharedPlaces, SharedTierMemory } from './shared-memory.ts'
import { factsOf, SharedReader } from './shared-reader.ts'
import type { Known } from './shared-reader.ts'
import { draftOf, writeRecord } from './shared-record.ts'
import { SharedStore } from './shared-store.ts'
import type { OnEvict } from './shared-ground.ts'
import type { Slot } from './slot-table.ts'
import type { Entry, EntryFacts, Swept } from './tier.ts'

/** What stood at some moment, and is something else's place when it stands by it no more. */
export interface Placed {
  readonly slot: Slot
  readonly word: number
}

export interface Seen extends Placed {
  readonly key: string
  /** Of a slice without its bytes. */
  readonly entry: Entry
  readonly bytes: number
}

export interface Putting {
  /** What its bucket may take by itself. */
  readonly maxBytes: number | undefined
  readonly isNewOnly?: boolean
}

export interface ShelfOptions {
  readonly memory: SharedTierMemory
  readonly lane: number
  readonly onEvict: OnEvict
  /** The memory by its places. */
  readonly places?: SharedPlaces
}

const WALKED_AT_ONCE = 250
const NO_BYTES = new Uint8Array(0)

export class SharedShelf {
  readonly memory: SharedTierMemory
  readonly store: SharedStore
  readonly #reader: SharedReader
  #isClosed = false

  constructor({ memory, lane, onEvict, places = placesIn(memory) }: ShelfOptions) {
    this.memory = memory
    this.store = new SharedStore(places, lane, onEvict)
    // Another thread may have had its lane before, and have been forgotten in vain.
    this.store.forget(lane)
    this.#reader = new SharedReader(this.store, knownBytesIn(memory))
  }

  find(key: string): Known | undefined {
    return this.#isClosed ? undefined : this.#reader.find(key)
  }

  /** To be read or borrowed in this turn; undefined when it has gone meanwhile. */
  take(known: Known): Entry | undefined {
    return this.#reader.take(known)
  }

  /** Without the bytes of a slice. */
  peek(key: string): Entry | undefined {
    const entry = this.find(key)?.entry
    if (entry === undefined || entry.kind === 'head') return entry
    return { ...factsOf(entry), kind: 'slice', bytes: NO_BYTES }
  }

  /** Undefined where it is not kept. */
  put(key: string, entry: Entry, { maxBytes, isNewOnly = false }: Putting): Placed | undefined {
    if (this.#isClosed) return undefined
    const { store } = this
    const { low, high } = store.hashOf(key)
    const draft = draftOf(key, entry)
    const admitted = store.admit(draft, { low, high, bucket: entry.bucket, maxBytes })
    if (admitted === undefined) return undefined
    writeRecord(draft, admitted.room, store.ground.arena)
    const word = store.publish(admitted, key, { isInShare: maxBytes !== undefined, isNewOnly })
    return word === undefined ? undefined : { slot: admitted.slot, word }
  }

  remove(key: string): void {
    const known = this.find(key)
    if (known !== undefined) this.removeAt(known)
  }

  removeAt({ slot, word }: Placed): void {
    this.store.remove(slot.id, word)
  }

  /** All that is there when it begins. What comes while it walks is not its concern. */
  async *walk(): AsyncGenerator<Seen> {
    const { lastSeq, lastSlot, table } = this.store.ground
    for (let id = 1; id <= lastSlot && !this.#isClosed; id += 1) {
      const slot = table.at(id)
      const bytes = slot.bytes + ENTRY_BYTES
      const seen = slot.isAfter(lastSeq) ? undefined : this.#reader.look(slot)
      if (seen !== undefined) yield { ...seen, slot, bytes }
      if (id % WALKED_AT_ONCE === 0) await setImmediate()
    }
  }

  /** Visits what matches, and says how much that is. */
  async walkOver(
    isWanted: (facts: EntryFacts) => boolean,
    visit: (seen: Seen) => void,
  ): Promise<Swept> {
    let entries = 0
    let sum = 0
    for await (const seen of this.walk()) {
      if (!isWanted(seen.entry)) continue
      entries += 1
      sum += seen.bytes
      visit(seen)
    }
    return { entries, bytes: sum }
  }

  /** What is kept stays for the others; what is lent, with whom it is lent to. */
  close(): void {
    this.#isClosed = true
    this.#reader.close()
  }
}
