// One piece of memory in which bytes of many lengths are kept: what is freed joins its free neighbours
// and is used again. Long lives among short ones in the process's own heap leave holes there that
// nothing fits; here all of it is bounded. Two-level segregated fit (Masmano et al. 2004): free blocks
// stand in lists by size, so that taking and freeing look at a few words each.
//
// A block is counted in units. It begins with four words: its units, those of the block before it, and
// its neighbours in the list of its size while it is free. What was never used lies behind `top`, and
// the operating system has not given it yet.
//
// All it knows lies in memory: in its own, or in a place that several threads share, one of whom may
// change it at a time.

const UNIT_BYTES = 32
const HEADER_BYTES = 16
const WORDS_PER_UNIT = UNIT_BYTES / Int32Array.BYTES_PER_ELEMENT
const UNITS = 0
const UNITS_BEFORE = 1
const EARLIER = 2
const LATER = 3
/** Instead of a neighbour. */
const NONE = -1
const TAKEN = -2

const STEP_BITS = 3
const STEPS = 1 << STEP_BITS
const LEVELS = 30
/** What a block is larger than asked for by less than this stays with it. */
const LEAST_UNITS = 4
/** How many blocks of about the right size are looked at for one that is large enough. */
const LOOKS = 4

/**
 * In the state: the first block of each list, counted from one, so that nothing written is nothing there;
 * which lists of a level have blocks, a bit each; which levels have; and the end of what was used.
 */
const LISTS = LEVELS * STEPS
const STEPS_AT = LISTS
const LEVELS_AT = STEPS_AT + LEVELS
const TOP = LEVELS_AT + 1
const UNITS_BELOW_TOP = TOP + 1
export const ARENA_STATE_WORDS = UNITS_BELOW_TOP + 1

/** A block is known by its first unit. */
export type Block = number

export interface ArenaPlace {
  /** Of so many bytes as a whole number of units has, beginning at a unit. */
  readonly words: Int32Array
  /** The same, for what is a double. */
  readonly doubles: Float64Array
  /** `ARENA_STATE_WORDS`, all zero at first. */
  readonly state: Int32Array
}

export class Arena {
  /** All of it, the heads of blocks too. */
  readonly words: Int32Array
  readonly doubles: Float64Array
  readonly #bytes: Buffer
  readonly #state: Int32Array
  readonly #units: number

  constructor({ words, doubles, state }: ArenaPlace) {
    this.words = words
    this.doubles = doubles
    this.#bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength)
    this.#state = state
    this.#units = Math.floor(words.length / WORDS_PER_UNIT)
  }

  static of(bytes: number): Arena {
    const words = new Int32Array(Math.floor(bytes / UNIT_BYTES) * WORDS_PER_UNIT)
    const doubles = new Float64Array(words.buffer)
    return new Arena({ words, doubles, state: new Int32Array(ARENA_STATE_WORDS) })
  }

  /** What a block of so many bytes takes. */
  static costOf(bytes: number): number {
    return unitsFor(bytes) * UNIT_BYTES
  }

  /** How far it has ever to be looked at: beyond it nothing is in use. */
  get usedBytes(): number {
    return this.#top * UNIT_BYTES
  }

  take(bytes: number): Block | undefined {
    const units = unitsFor(bytes)
    const block = this.#fitting(units)
    if (block === NONE) return this.#extend(units)
    this.#unlink(block)
    this.#splitOff(block, units)
    this.#set(block, EARLIER, TAKEN)
    return block
  }

  /** The most that `take` would give in one block. */
  largest(): number {
    let units = this.#units - this.#top
    if (this.#levels !== 0) {
      const level = highestBit(this.#levels)
      const step = highestBit(this.#stepsOf(level))
      units = Math.max(units, this.#word(this.#firstOf(level * STEPS + step), UNITS))
    }
    return Math.max(0, units * UNIT_BYTES - HEADER_BYTES)
  }

  /** Bytes of it, for as long as it is not given back. */
  view(block: Block, bytes: number, at = 0): Buffer {
    const first = block * UNIT_BYTES + HEADER_BYTES + at
    return this.#bytes.subarray(first, first + bytes)
  }

  /** Characters that lie in it, from a byte on: in one byte each, or in two. */
  text(block: Block, length: number, { at, isWide }: { at: number; isWide: boolean }): string {
    const first = block * UNIT_BYTES + HEADER_BYTES + at
    return isWide
      ? this.#bytes.toString('utf16le', first, first + 2 * length)
      : this.#bytes.toString('latin1', first, first + length)
  }

  /** Where its bytes begin, in words of the whole arena. */
  firstWordOf(block: Block): number {
    return block * WORDS_PER_UNIT + HEADER_BYTES / Int32Array.BYTES_PER_ELEMENT
  }

  /** What a block takes. */
  sizeOf(block: Block): number {
    return this.#word(block, UNITS) * UNIT_BYTES
  }

  /**
   * Whatever stood in its lists: from now on these blocks are taken, each given once and in their order,
   * and everything else is free. What a taken block says of its own length is believed.
   */
  restore(blocks: readonly Block[]): void {
    this.#state.fill(0)
    let unitsBefore = 0
    for (const block of blocks) {
      const gap = block - this.#top
      if (gap > 0) {
        const free = this.#top
        this.#set(free, UNITS, gap)
        this.#set(free, UNITS_BEFORE, unitsBefore)
        this.#link(free)
        unitsBefore = gap
      }
      this.#set(block, UNITS_BEFORE, unitsBefore)
      this.#set(block, EARLIER, TAKEN)
      unitsBefore = this.#word(block, UNITS)
      this.#top = block + unitsBefore
    }
    this.#unitsBelowTop = unitsBefore
  }

  give(block: Block): void {
    let first = block
    let units = this.#word(block, UNITS)
    const next = block + units
    if (next < this.#top && this.#isFree(next)) {
      this.#unlink(next)
      units += this.#word(next, UNITS)
    }
    const before = block - this.#word(block, UNITS_BEFORE)
    if (before < block && this.#isFree(before)) {
      this.#unlink(before)
      units += block - before
      first = before
    }
    if (first + units === this.#top) {
      this.#top = first
      this.#unitsBelowTop = this.#word(first, UNITS_BEFORE)
      return
    }
    this.#set(first, UNITS, units)
    this.#set(first + units, UNITS_BEFORE, units)
    this.#link(first)
  }

  #extend(units: number): Block | undefined {
    const block = this.#top
    if (block + units > this.#units) return undefined
    this.#set(block, UNITS, units)
    this.#set(block, UNITS_BEFORE, this.#unitsBelowTop)
    this.#set(block, EARLIER, TAKEN)
    this.#top += units
    this.#unitsBelowTop = units
    return block
  }

  #fitting(units: number): Block {
    let near = this.#firstOf(listOf(units))
    for (let looks = 0; looks < LOOKS && near !== NONE; looks += 1) {
      if (this.#word(near, UNITS) >= units) return near
      near = this.#word(near, LATER)
    }
    return this.#firstFrom(listOf(units) + 1)
  }

  /** Of the first list that has any: each of its blocks is large enough. */
  #firstFrom(list: number): Block {
    const level = list >> STEP_BITS
    const steps = this.#stepsOf(level) & (NONE << (list & (STEPS - 1)))
    if (steps !== 0) return this.#firstOf((level << STEP_BITS) + lowestBit(steps))
    const levels = this.#levels & (NONE << (level + 1))
    if (levels === 0) return NONE
    const higher = lowestBit(levels)
    return this.#firstOf((higher << STEP_BITS) + lowestBit(this.#stepsOf(higher)))
  }

  #splitOff(block: Block, units: number): void {
    const rest = this.#word(block, UNITS) - units
    if (rest < LEAST_UNITS) return
    this.#set(block, UNITS, units)
    this.#set(block + units, UNITS, rest)
    this.#set(block + units, UNITS_BEFORE, units)
    this.#set(block + units + rest, UNITS_BEFORE, rest)
    this.#link(block + units)
  }

  #link(block: Block): void {
    const list = listOf(this.#word(block, UNITS))
    const later = this.#firstOf(list)
    this.#set(block, EARLIER, NONE)
    this.#set(block, LATER, later)
    if (later !== NONE) this.#set(later, EARLIER, block)
    this.#setFirst(list, block)
  }

  #unlink(block: Block): void {
    const earlier = this.#word(block, EARLIER)
    const later = this.#word(block, LATER)
    if (later !== NONE) this.#set(later, EARLIER, earlier)
    if (earlier === NONE) this.#setFirst(listOf(this.#word(block, UNITS)), later)
    else this.#set(earlier, LATER, later)
  }

  get #top(): number {
    return this.#state[TOP] ?? 0
  }

  set #top(unit: number) {
    this.#state[TOP] = unit
  }

  get #unitsBelowTop(): number {
    return this.#state[UNITS_BELOW_TOP] ?? 0
  }

  set #unitsBelowTop(units: number) {
    this.#state[UNITS_BELOW_TOP] = units
  }

  get #levels(): number {
    return this.#state[LEVELS_AT] ?? 0
  }

  #stepsOf(level: number): number {
    return this.#state[STEPS_AT + level] ?? 0
  }

  #firstOf(list: number): Block {
    return (this.#state[list] ?? 0) - 1
  }

  #setFirst(list: number, block: Block): void {
    const state = this.#state
    state[list] = block + 1
    const level = list >> STEP_BITS
    const bit = 1 << (list & (STEPS - 1))
    const before = this.#stepsOf(level)
    const steps = block === NONE ? before & ~bit : before | bit
    state[STEPS_AT + level] = steps
    state[LEVELS_AT] = steps === 0 ? this.#levels & ~(1 << level) : this.#levels | (1 << level)
  }

  #isFree(block: Block): boolean {
    return this.#word(block, EARLIER) !== TAKEN
  }

  #word(block: Block, which: number): number {
    return this.words[block * WORDS_PER_UNIT + which] ?? NONE
  }

  #set(block: Block, which: number, value: number): void {
    this.words[block * WORDS_PER_UNIT + which] = value
  }
}

function unitsFor(bytes: number): number {
  return Math.max(LEAST_UNITS, Math.ceil((bytes + HEADER_BYTES) / UNIT_BYTES))
}

/** Sizes below STEPS have a list each; above, every power of two has STEPS of them. */
function listOf(units: number): number {
  if (units < STEPS) return units
  const level = highestBit(units)
  return ((level - STEP_BITS + 1) << STEP_BITS) + ((units >> (level - STEP_BITS)) & (STEPS - 1))
}

function highestBit(bits: number): number {
  return 31 - Math.clz32(bits)
}

function lowestBit(bits: number): number {
  return highestBit(bits & -bits)
}
