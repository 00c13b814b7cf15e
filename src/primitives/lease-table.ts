// Who has taken which run of what, among the threads of a process, in memory that they share: bounded,
// by 64 bits of a keyed hash, in sets of sixteen under a lock each. Each thread writes as one lane; what
// a lane holds that has ended, or has not shown that it lives for a while, holds nobody up.

import { SharedLock } from './shared-lock.ts'

export type LeaseMemory = SharedArrayBuffer

export interface LeaseKey {
  readonly low: number
  readonly high: number
}

/** Neighbours, both ends included. */
export interface TableRun {
  readonly first: number
  readonly last: number
}

/** One lease in the table; its place may be another's by now. */
export interface Slot {
  readonly entry: number
  readonly serial: number
}

export type TableClaim =
  | { readonly kind: 'granted'; readonly slot: Slot; readonly last: number }
  /** Another lane has the first of the run. */
  | { readonly kind: 'taken' }
  /** Nobody is to wait for it, or there is no room to say who has it. */
  | { readonly kind: 'off' }

/** A word that is going to change, as it was when it was looked at. */
export interface Watch {
  readonly place: number
  readonly seen: number
}

const WAYS = 16
/** Of an entry, in 32-bit words: key (2), holder, serial, moves, first, last, wanted. */
const WORDS = 8
const SET_WORDS = WAYS * WORDS
const HOLDER = 2
const SERIAL = 3
/** Grows with every change: what is waited on. */
const MOVES = 4
const FIRST = 5
const LAST = 6
const WANTED = 7
const NOTHING_WANTED = -1

const FREE = 0
/** Nobody is to wait for this key until the instant in `FIRST`. Lanes are counted from 1 here. */
const OPEN = -1

/** Before the lanes: the secret of the hash (2), how many lanes and sets there are, the last serial. */
const LANES = 2
const SETS = 3
const SERIALS = 4
const HEADER_WORDS = 8
/** Of a lane: its bell, and when it last showed that it lives. */
const LANE_WORDS = 2
const BELL = 0
const BEAT = 1
/** So long after it a lane is not believed to live. */
const BELIEVED_MS = 2000

/** `keys` of them, 36 bytes each, of which the system lends only what is used. */
export function allocateLeases(lanes: number, keys: number, secret: Uint32Array): LeaseMemory {
  const sets = Math.ceil(keys / WAYS)
  const words = firstEntryOf(lanes, sets) + sets * SET_WORDS
  const memory = new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT)
  const all = new Int32Array(memory)
  all[0] = secret[0] ?? 0
  all[1] = secret[1] ?? 0
  all[LANES] = lanes
  all[SETS] = sets
  return memory
}

function firstEntryOf(lanes: number, sets: number): number {
  return Math.ceil((HEADER_WORDS + lanes * LANE_WORDS + sets) / WORDS) * WORDS
}

/** Instants are milliseconds of a clock that all threads have in common, which may begin anew. */
export class LeaseTable {
  readonly #words: Int32Array<SharedArrayBuffer>
  readonly #lock: SharedLock
  readonly #self: number
  readonly #lanes: number
  readonly #sets: number
  readonly #firstEntry: number

  constructor(memory: LeaseMemory, lane: number, random: () => number) {
    this.#words = new Int32Array(memory)
    this.#lock = new SharedLock(this.#words, random)
    this.#self = lane + 1
    this.#lanes = this.#words[LANES] ?? 0
    this.#sets = this.#words[SETS] ?? 0
    this.#firstEntry = firstEntryOf(this.#lanes, this.#sets)
  }

  /** What the hash of keys is to be begun with. */
  get secret(): readonly [low: number, high: number] {
    return [this.#words[0] ?? 0, this.#words[1] ?? 0]
  }

  /** From the first of the run on, as far as no other lane has any of it. */
  claim(key: LeaseKey, run: TableRun, at: number): TableClaim {
    return this.#within(key, (set) => {
      const last = this.#freeUntil(set, key, run, at)
      if (last === undefined) return OFF
      if (last < run.first) return TAKEN
      const slot = this.#take(set, key, { first: run.first, last }, at)
      return slot === undefined ? OFF : { kind: 'granted', slot, last }
    })
  }

  /** Whatever others have. Undefined: there is no room to say so. */
  insist(key: LeaseKey, run: TableRun, at: number): Slot | undefined {
    return this.#within(key, (set) => this.#take(set, key, run, at))
  }

  /** Whether another lane has it, and if so, how that is to be waited for. */
  look(key: LeaseKey, index: number, at: number): Watch | undefined {
    return this.#within(key, (set) => {
      const entry = this.#find(set, key, index, at)
      return entry === undefined ? undefined : this.#watch(entry + MOVES)
    })
  }

  /** The same, and its holder is told that it is waited for. */
  want(key: LeaseKey, index: number, at: number): Watch | undefined {
    return this.#within(key, (set) => {
      const entry = this.#find(set, key, index, at)
      if (entry === undefined) return undefined
      if (this.#at(entry, WANTED) < index) {
        this.#words[entry + WANTED] = index
        this.#ring(this.#at(entry, HOLDER))
      }
      return this.#watch(entry + MOVES)
    })
  }

  /** Settles when it has changed, or after so long. */
  async changed({ place, seen }: Watch, mostMs: number): Promise<void> {
    await Atomics.waitAsync(this.#words, place, seen, mostMs).value
  }

  /** What lies before `first` is nobody's now. */
  pass(key: LeaseKey, slot: Slot, first: number): void {
    this.#within(key, () => {
      if (!this.#isOwn(slot)) return
      this.#words[slot.entry + FIRST] = first
      this.#move(slot.entry)
    })
  }

  /** It goes on, though nothing more has passed. */
  touch(key: LeaseKey, slot: Slot): void {
    this.#within(key, () => {
      if (this.#isOwn(slot)) this.#move(slot.entry)
    })
  }

  /** Until `openUntil` nobody is to wait for this key; undefined where others may. */
  release(key: LeaseKey, slot: Slot, openUntil: number | undefined): void {
    this.#within(key, () => {
      if (!this.#isOwn(slot)) return
      this.#words[slot.entry + HOLDER] = openUntil === undefined ? FREE : OPEN
      this.#words[slot.entry + FIRST] = (openUntil ?? 0) | 0
      this.#move(slot.entry)
    })
  }

  /** The furthest that others wait for. */
  wanted(slot: Slot): number | undefined {
    const wanted = Atomics.load(this.#words, slot.entry + WANTED)
    return wanted === NOTHING_WANTED || !this.#isOwn(slot) ? undefined : wanted
  }

  /** This lane lives. Gives what to wait on for the next who wants something of it. */
  beat(at: number): Watch {
    const place = this.#laneAt(this.#self)
    Atomics.store(this.#words, place + BEAT, at | 0)
    return this.#watch(place + BELL)
  }

  /** A lane has ended: nobody waits for it any more. */
  clear(lane: number): void {
    for (let set = 0; set < this.#sets; set += 1) {
      // Most sets are empty, and are not locked for it.
      if (this.#isIn(set, lane + 1)) this.#locked(set, () => this.#clear(set, lane + 1))
    }
  }

  #isIn(set: number, holder: number): boolean {
    const first = this.#firstOf(set)
    for (let entry = first; entry < first + SET_WORDS; entry += WORDS) {
      if (Atomics.load(this.#words, entry + HOLDER) === holder) return true
    }
    return false
  }

  #clear(set: number, holder: number): void {
    const first = this.#firstOf(set)
    for (let entry = first; entry < first + SET_WORDS; entry += WORDS) {
      if (this.#at(entry, HOLDER) !== holder) continue
      this.#words[entry + HOLDER] = FREE
      this.#move(entry)
    }
  }

  #freeUntil(set: number, key: LeaseKey, run: TableRun, at: number): number | undefined {
    const start = this.#firstOf(set)
    let free = run.last
    for (let entry = start; entry < start + SET_WORDS; entry += WORDS) {
      if (!this.#isFor(entry, key)) continue
      if (this.#isOpen(entry, at)) return undefined
      if (!this.#isAnothers(entry, at)) continue
      const first = this.#at(entry, FIRST)
      if (first > run.first) free = Math.min(free, first - 1)
      else if (this.#at(entry, LAST) >= run.first) return run.first - 1
    }
    return free
  }

  #find(set: number, key: LeaseKey, index: number, at: number): number | undefined {
    const start = this.#firstOf(set)
    for (let entry = start; entry < start + SET_WORDS; entry += WORDS) {
      if (!this.#isFor(entry, key) || !this.#isAnothers(entry, at)) continue
      if (this.#at(entry, FIRST) <= index && index <= this.#at(entry, LAST)) return entry
    }
    return undefined
  }

  #take(set: number, key: LeaseKey, { first, last }: TableRun, at: number): Slot | undefined {
    const words = this.#words
    const entry = this.#roomIn(set, at)
    if (entry === undefined) return undefined
    const serial = Atomics.add(words, SERIALS, 1) + 1
    words[entry] = key.low
    words[entry + 1] = key.high
    words[entry + HOLDER] = this.#self
    words[entry + SERIAL] = serial
    words[entry + FIRST] = first
    words[entry + LAST] = last
    words[entry + WANTED] = NOTHING_WANTED
    return { entry, serial }
  }

  /** Where there is no other, one that only says that nobody is to wait. */
  #roomIn(set: number, at: number): number | undefined {
    const start = this.#firstOf(set)
    let open: number | undefined
    for (let entry = start; entry < start + SET_WORDS; entry += WORDS) {
      if (this.#isUnused(entry, at)) return entry
      if (this.#at(entry, HOLDER) === OPEN) open ??= entry
    }
    return open
  }

  #isUnused(entry: number, at: number): boolean {
    const holder = this.#at(entry, HOLDER)
    if (holder === OPEN) return !this.#isOpen(entry, at)
    return holder === FREE || (holder !== this.#self && !this.#isAnothers(entry, at))
  }

  #isFor(entry: number, { low, high }: LeaseKey): boolean {
    return this.#words[entry] === (low | 0) && this.#words[entry + 1] === (high | 0)
  }

  #isOpen(entry: number, at: number): boolean {
    return this.#at(entry, HOLDER) === OPEN && ((this.#at(entry, FIRST) - at) | 0) > 0
  }

  #isAnothers(entry: number, at: number): boolean {
    const holder = this.#at(entry, HOLDER)
    if (holder <= FREE || holder === this.#self) return false
    const beat = Atomics.load(this.#words, this.#laneAt(holder) + BEAT)
    return ((at - beat) | 0) <= BELIEVED_MS
  }

  #isOwn({ entry, serial }: Slot): boolean {
    return this.#at(entry, SERIAL) === serial && this.#at(entry, HOLDER) === this.#self
  }

  #at(entry: number, word: number): number {
    return this.#words[entry + word] ?? 0
  }

  #move(entry: number): void {
    Atomics.add(this.#words, entry + MOVES, 1)
    Atomics.notify(this.#words, entry + MOVES)
  }

  #watch(place: number): Watch {
    return { place, seen: Atomics.load(this.#words, place) }
  }

  #ring(holder: number): void {
    const bell = this.#laneAt(holder) + BELL
    Atomics.add(this.#words, bell, 1)
    Atomics.notify(this.#words, bell)
  }

  #laneAt(holder: number): number {
    return HEADER_WORDS + (holder - 1) * LANE_WORDS
  }

  #firstOf(set: number): number {
    return this.#firstEntry + set * SET_WORDS
  }

  #within<Result>({ low }: LeaseKey, work: (set: number) => Result): Result {
    const set = (low >>> 0) % this.#sets
    return this.#locked(set, () => work(set))
  }

  #locked<Result>(set: number, work: () => Result): Result {
    this.#lock.enter(HEADER_WORDS + this.#lanes * LANE_WORDS + set)
    try {
      return work()
    } finally {
      this.#lock.leave()
    }
  }
}

const TAKEN: TableClaim = { kind: 'taken' }
const OFF: TableClaim = { kind: 'off' }
