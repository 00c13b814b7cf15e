// How a thread finds what is in the memory that all share, without a lock: what it has looked at lately it
// knows, and sees by one word whether that still stands.

import { Recent } from '../primitives/recent.ts'
import { SCRATCH } from './hazards.ts'
import type { SharedGround } from './shared-ground.ts'
import type { RecordView } from './shared-record.ts'
import type { SharedStore } from './shared-store.ts'
import { SharedSlice } from './shared-slice.ts'
import { isLive } from './slot-table.ts'
import type { Slot } from './slot-table.ts'
import type { Entry, EntryFacts, HeadEntry, SliceEntry } from './tier.ts'

export interface Known {
  readonly slot: Slot
  readonly word: number
  readonly entry: HeadEntry | SharedSlice
}

/** What one takes that is decoded, and for each character of it: what is cut from a text are objects. */
const KNOWN_BYTES = 400
const BYTES_PER_CHARACTER = 8
/** What nobody has borrowed is put down after so long at the latest, and never in the turn it was got in. */
const IN_HAND_MS = 50

export class SharedReader {
  readonly #store: SharedStore
  readonly #ground: SharedGround
  readonly #known: Recent<Known>
  /** The last that was got, and those before it that were not borrowed. */
  #last: SharedSlice | undefined
  #inHand: SharedSlice[] = []
  #timer: NodeJS.Timeout | undefined

  /** `knownBytes` is what it may take to know what it has looked at. */
  constructor(store: SharedStore, knownBytes: number) {
    this.#store = store
    this.#ground = store.ground
    this.#known = new Recent(knownBytes)
  }

  /** As it stands now. */
  find(key: string): Known | undefined {
    const known = this.#known.get(key)
    if (known !== undefined && known.slot.word === known.word) return known
    return this.#search(key)
  }

  /** To be read in this turn, or borrowed in it. Undefined when it has gone meanwhile. */
  take({ entry, slot, word }: Known): Entry | undefined {
    if (entry.kind === 'head') return entry
    const isInHand = entry.takeInHand()
    if (isInHand === 'full') return this.#copyOf(entry, slot, word)
    if (!isInHand) return undefined
    this.#keepInHand(entry)
    return entry
  }

  /** What a slot stands for, if anything. Of a slice without its bytes. */
  look(
    slot: Slot,
  ): { readonly key: string; readonly word: number; readonly entry: Entry } | undefined {
    const { word } = slot
    if (!isLive(word)) return undefined
    return this.#within(slot, word, () => {
      const record = this.#ground.recordOf(slot)
      return { key: record.key, word, entry: record.decode() }
    })
  }

  close(): void {
    clearTimeout(this.#timer)
    this.putDown()
    this.#known.clear()
  }

  /** What was got in a turn that has ended. */
  putDown(): void {
    this.#timer = undefined
    const inHand = this.#inHand
    this.#inHand = []
    this.#last?.putDown()
    this.#last = undefined
    for (const slice of inHand) slice.putDown()
  }

  #search(key: string): Known | undefined {
    const { index, table } = this.#ground
    const { low, high } = this.#store.hashOf(key)
    let known: Known | undefined
    index.find(low, high, (id, word) => {
      const slot = table.at(id)
      known = this.#within(slot, word, () => this.#read(slot, word, key))
      return known !== undefined
    })
    return known
  }

  #read(slot: Slot, word: number, key: string): Known | undefined {
    const record = this.#ground.recordOf(slot)
    if (!record.isOf(key)) return undefined
    const entry = record.decode()
    const own = entry.kind === 'head' ? entry : this.#sliceOf(entry, slot.id, word, record)
    const known = { slot, word, entry: own }
    this.#known.offer(key, known, KNOWN_BYTES + BYTES_PER_CHARACTER * record.textLength)
    return known
  }

  #sliceOf(facts: EntryFacts, id: number, word: number, { parts }: RecordView): SharedSlice {
    const { hazards, table } = this.#ground
    return new SharedSlice(facts, { id, word, parts, hazards, table, onLeft: this.#onLeft })
  }

  /** Undefined when it stood no more. What lies there is nobody else's meanwhile. */
  #within<Result>(slot: Slot, word: number, read: () => Result): Result | undefined {
    const { hazards } = this.#ground
    hazards.name(SCRATCH, slot.id)
    try {
      return slot.word === word ? read() : undefined
    } finally {
      hazards.withdraw(SCRATCH)
    }
  }

  /** Where too much is in hand. */
  #copyOf(slice: SharedSlice, slot: Slot, word: number): SliceEntry | undefined {
    const bytes = this.#within(slot, word, () => Buffer.from(slice.bytes))
    return bytes && { ...factsOf(slice), kind: 'slice', bytes }
  }

  #keepInHand(slice: SharedSlice): void {
    const last = this.#last
    // Most are borrowed at once, and back before the next is got.
    if (last !== undefined && last !== slice && last.isIdle) this.#inHand.push(last)
    this.#last = slice
    this.#timer ??= setTimeout(() => this.putDown(), IN_HAND_MS).unref()
  }

  readonly #onLeft = (): void => this.#store.reclaim()
}

export function factsOf(facts: EntryFacts): EntryFacts {
  const { bucket, objectKey, tags, objectBytes, receivedAt, keepUntil } = facts
  return { bucket, objectKey, tags, objectBytes, receivedAt, keepUntil }
}
