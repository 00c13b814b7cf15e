// What was spent, by key, in memory that all threads share: bounded, and whoever has not come for the
// longest goes first. A key is 64 bits of a keyed hash. It is looked for in one set of eight places,
// under that set's lock.

import { PARTS } from './rate.ts'
import type { Spent } from './rate.ts'
import { SharedLock } from './shared-lock.ts'

const WAYS = 8
/** Of an entry, in 32-bit words: key (2), tick, owner, at (2), count, past (8), and one that is free. */
const WORDS = 16
const TICK = 2
const OWNER = 3
/** In 64-bit words. */
const AT = 2
const COUNT = 6
const PAST = 7
/** Before the sets: the secret of the hash (2), an id of this memory (2), the number of sets, and none. */
const HEADER_WORDS = 8
const SETS = 4

export type SpentMemory = SharedArrayBuffer

/** Room for so many keys, 65 bytes each, of which the system lends only what is used. */
export function allocateSpent(maxKeys: number, secret: Uint32Array): SpentMemory {
  const sets = Math.ceil(maxKeys / WAYS)
  const memory = new SharedArrayBuffer((firstEntryOf(sets) + sets * WAYS * WORDS) * 4)
  const words = new Int32Array(memory)
  for (let index = 0; index < 4; index += 1) words[index] = secret[index] ?? 0
  words[SETS] = sets
  return memory
}

/** How many keys there is room for. */
export function roomOf(memory: SpentMemory): number {
  return (new Int32Array(memory, 0, HEADER_WORDS)[SETS] ?? 0) * WAYS
}

/**
 * Room for another number of keys, with what is known of those there are, and the same secret. What is
 * spent in the old one while this looks, and after it, may not be known here.
 */
export function resizeSpent(
  memory: SpentMemory,
  maxKeys: number,
  random: () => number,
): SpentMemory {
  const words = new Int32Array(memory)
  const resized = allocateSpent(maxKeys, new Uint32Array(words.slice(0, 4)))
  new SpentTable(memory, random).copyTo(new SpentTable(resized, random))
  return resized
}

/** Behind the locks, where a line of the processor's cache begins: an entry is as long as one. */
function firstEntryOf(sets: number): number {
  return Math.ceil((HEADER_WORDS + sets * 2) / WORDS) * WORDS
}

function lockOf(set: number): number {
  return HEADER_WORDS + set * 2
}

export class SpentTable implements Spent {
  /** Of the entry that is open. */
  at = 0
  count = 0
  readonly past = new Int32Array(PARTS)
  readonly #words: Int32Array<SharedArrayBuffer>
  readonly #doubles: Float64Array
  readonly #sets: number
  readonly #firstEntry: number
  readonly #lock: SharedLock
  #entry = 0

  constructor(memory: SpentMemory, random: () => number) {
    this.#words = new Int32Array(memory)
    this.#doubles = new Float64Array(memory)
    this.#sets = this.#words[SETS] ?? 0
    this.#firstEntry = firstEntryOf(this.#sets)
    this.#lock = new SharedLock(this.#words, random)
  }

  /** What the hash of keys is to be begun with. */
  get secret(): readonly [low: number, high: number] {
    return [this.#words[0] ?? 0, this.#words[1] ?? 0]
  }

  /** Names this memory among those of other processes. */
  get id(): string {
    return [this.#words[2] ?? 0, this.#words[3] ?? 0]
      .map((word) => (word >>> 0).toString(36))
      .join('')
  }

  /** Finds the key, or makes room for it. What was spent is in the fields until `close`, which must follow. */
  open(low: number, high: number, owner: number): void {
    const set = (low >>> 0) % this.#sets
    this.#lock.enter(lockOf(set))
    const tick = this.#tickOf(set)
    const words = this.#words
    let entry = this.#find(set, low, high)
    if (entry < 0) {
      entry = this.#oldest(set, tick)
      words[entry] = low
      words[entry + 1] = high
      words[entry + OWNER] = owner
      this.#doubles[(entry >> 1) + AT] = 0
      words.fill(0, entry + COUNT, entry + PAST + PARTS)
    }
    words[entry + TICK] = tick
    this.#entry = entry
    this.#load(entry)
  }

  /** Keeps the fields as they are now. */
  close(): void {
    const entry = this.#entry
    const words = this.#words
    this.#doubles[(entry >> 1) + AT] = this.at
    words[entry + COUNT] = this.count
    for (let index = 0; index < PARTS; index += 1) {
      words[entry + PAST + index] = this.past[index] ?? 0
    }
    this.#lock.leave()
  }

  /** Leaves no trace. What is not known has spent nothing. */
  read(low: number, high: number): Spent {
    const set = (low >>> 0) % this.#sets
    this.#lock.enter(lockOf(set))
    const entry = this.#find(set, low, high)
    if (entry >= 0) this.#load(entry)
    this.#lock.leave()
    if (entry < 0) return { at: 0, count: 0, past: new Int32Array(PARTS) }
    return { at: this.at, count: this.count, past: this.past.slice() }
  }

  /** How many keys there are of each owner. It looks at all of them. */
  countByOwner(): ReadonlyMap<number, number> {
    const counts = new Map<number, number>()
    const words = this.#words
    for (let entry = this.#firstEntry; entry < words.length; entry += WORDS) {
      if (words[entry] === 0 && words[entry + 1] === 0) continue
      const owner = words[entry + OWNER] ?? 0
      counts.set(owner, (counts.get(owner) ?? 0) + 1)
    }
    return counts
  }

  /** Each key under its lock, and none for long: others go on with theirs. */
  copyTo(other: SpentTable): void {
    const words = this.#words
    for (let entry = this.#firstEntry; entry < words.length; entry += WORDS) {
      const [low = 0, high = 0] = words.subarray(entry, entry + 2)
      if (low === 0 && high === 0) continue
      const owner = words[entry + OWNER] ?? 0
      const { at, count, past } = this.read(low, high)
      other.open(low, high, owner)
      other.at = at
      other.count = count
      other.past.set(past)
      other.close()
    }
  }

  #load(entry: number): void {
    const words = this.#words
    this.at = this.#doubles[(entry >> 1) + AT] ?? 0
    this.count = words[entry + COUNT] ?? 0
    for (let index = 0; index < PARTS; index += 1) {
      this.past[index] = words[entry + PAST + index] ?? 0
    }
  }

  #find(set: number, low: number, high: number): number {
    const words = this.#words
    const first = this.#firstEntry + set * WAYS * WORDS
    for (let entry = first; entry < first + WAYS * WORDS; entry += WORDS) {
      if (words[entry] === low && words[entry + 1] === high) return entry
    }
    return -1
  }

  /** Ticks are compared by how far they are behind, so that they may begin again. */
  #oldest(set: number, tick: number): number {
    const words = this.#words
    const first = this.#firstEntry + set * WAYS * WORDS
    let oldest = first
    let greatest = -1
    for (let entry = first; entry < first + WAYS * WORDS; entry += WORDS) {
      if (words[entry] === 0 && words[entry + 1] === 0) return entry
      const behind = (tick - (words[entry + TICK] ?? 0)) >>> 0
      if (behind <= greatest) continue
      greatest = behind
      oldest = entry
    }
    return oldest
  }

  #tickOf(set: number): number {
    const place = lockOf(set) + 1
    return (this.#words[place] = ((this.#words[place] ?? 0) + 1) | 0)
  }
}
