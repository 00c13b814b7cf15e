// The slots of entries: a slot is a slot for ever, so that whoever holds its number may look at it at any
// time. What it stands for now is told by its word alone, which no two entries ever have in common.

import { SLOT_WORDS } from './shared-memory.ts'
import type { Residing } from './resident.ts'

/** Of a slot's words. */
const WORD = 0
const HASH_LOW = 1
const HASH_HIGH = 2
const NEXT = 3
const USES = 4
/** In which queue, and the lane of who is still writing. */
const QUEUE = 5
const OWNER = 6
const BLOCK = 7
const BYTES = 8
/** Counted from one. */
const ROW = 9
const SEQ = 10
/** Neighbours: in its queue, and in the share of its bucket. */
export const LINKS = 11
export const SHARE_LINKS = 13
const IS_IN_SHARE = 15

/** The last two bits of a word; the others are another number for each entry. */
const STATE_BITS = 3
const FREE = 0
const WRITING = 1
const LIVE = 2
const DOOMED = 3

export class SlotTable {
  readonly words: Int32Array

  constructor(words: Int32Array) {
    this.words = words
  }

  get capacity(): number {
    return this.words.length / SLOT_WORDS - 1
  }

  at(id: number): Slot {
    return new Slot(this.words, id)
  }

  wordOf(id: number): number {
    return Atomics.load(this.words, id * SLOT_WORDS + WORD)
  }

  /** Whether it is the same entry still, and has not been taken away. */
  stands(id: number, word: number): boolean {
    return Atomics.load(this.words, id * SLOT_WORDS + WORD) === word
  }

  hasHash(id: number, low: number, high: number): boolean {
    const at = id * SLOT_WORDS
    return this.words[at + HASH_LOW] === low && this.words[at + HASH_HIGH] === high
  }

  nextOf(id: number): number {
    return Atomics.load(this.words, id * SLOT_WORDS + NEXT)
  }
}

export function isLive(word: number): boolean {
  return (word & STATE_BITS) === LIVE
}

/** A look at one of them. */
export class Slot implements Residing {
  readonly id: number
  readonly #words: Int32Array
  readonly #at: number

  constructor(words: Int32Array, id: number) {
    this.id = id
    this.#words = words
    this.#at = id * SLOT_WORDS
  }

  get word(): number {
    return Atomics.load(this.#words, this.#at + WORD)
  }

  get isLive(): boolean {
    return isLive(this.word)
  }

  get isWriting(): boolean {
    return (this.word & STATE_BITS) === WRITING
  }

  /** Its blocks are what it says. */
  get isTaken(): boolean {
    return (this.word & STATE_BITS) !== FREE
  }

  /** Another entry's from now on: what it says of blocks must be so by now. */
  begin(): void {
    Atomics.store(
      this.#words,
      this.#at + WORD,
      ((this.word & ~STATE_BITS) + STATE_BITS + 1) | WRITING,
    )
  }

  /** To be found from now on, as it is. */
  stand(): number {
    const word = (this.word & ~STATE_BITS) | LIVE
    Atomics.store(this.#words, this.#at + WORD, word)
    return word
  }

  /** Nobody finds it any more. True when that is so by this. */
  doom(word = this.word): boolean {
    if (!isLive(word)) return false
    return Atomics.compareExchange(this.#words, this.#at + WORD, word, word | DOOMED) === word
  }

  /** What it says of blocks is no more so. */
  end(): void {
    Atomics.store(this.#words, this.#at + WORD, this.word & ~STATE_BITS)
  }

  /** Of what stands or did: the same entry as then. */
  isOf(word: number): boolean {
    return (this.word | DOOMED) === (word | DOOMED)
  }

  get hash(): number {
    return this.#get(HASH_LOW)
  }

  get hashHigh(): number {
    return this.#get(HASH_HIGH)
  }

  setHash(low: number, high: number): void {
    this.#set(HASH_LOW, low)
    this.#set(HASH_HIGH, high)
  }

  get next(): number {
    return Atomics.load(this.#words, this.#at + NEXT)
  }

  set next(id: number) {
    Atomics.store(this.#words, this.#at + NEXT, id)
  }

  /** Read and written by all, and of those who do so at once one may count for nothing. */
  get uses(): number {
    return this.#get(USES)
  }

  set uses(uses: number) {
    Atomics.store(this.#words, this.#at + USES, uses)
  }

  get queue(): number {
    return this.#get(QUEUE)
  }

  set queue(queue: number) {
    this.#set(QUEUE, queue)
  }

  get owner(): number {
    return this.#get(OWNER)
  }

  set owner(lane: number) {
    this.#set(OWNER, lane)
  }

  get block(): number {
    return this.#get(BLOCK)
  }

  set block(block: number) {
    this.#set(BLOCK, block)
  }

  get bytes(): number {
    return this.#get(BYTES) >>> 0
  }

  set bytes(bytes: number) {
    this.#set(BYTES, bytes)
  }

  get row(): number {
    return this.#get(ROW)
  }

  set row(row: number) {
    this.#set(ROW, row)
  }

  /** Whether it came later than that: compared by how far they are apart, so that they may begin again. */
  isAfter(seq: number): boolean {
    return ((this.#get(SEQ) - seq) | 0) > 0
  }

  set seq(seq: number) {
    this.#set(SEQ, seq)
  }

  /** Whether it counts against the bound of its bucket. */
  get isInShare(): boolean {
    return this.#get(IS_IN_SHARE) === 1
  }

  set isInShare(isInShare: boolean) {
    this.#set(IS_IN_SHARE, isInShare ? 1 : 0)
  }

  /** The next of those that are free. */
  get nextFree(): number {
    return this.#get(LINKS + 1)
  }

  set nextFree(id: number) {
    this.#set(LINKS + 1, id)
  }

  /** Its neighbours in a queue; 0 for none. */
  before(links: number): number {
    return this.#get(links)
  }

  after(links: number): number {
    return this.#get(links + 1)
  }

  setBefore(links: number, id: number): void {
    this.#set(links, id)
  }

  setAfter(links: number, id: number): void {
    this.#set(links + 1, id)
  }

  #get(which: number): number {
    return this.#words[this.#at + which] ?? 0
  }

  #set(which: number, value: number): void {
    this.#words[this.#at + which] = value
  }
}
