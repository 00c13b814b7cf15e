// The one piece of memory that the tier of all threads is: everything it knows lies in here, so that it
// is never larger than this. What was never used of it, the operating system has not given yet.
//
//   control │ arena's lists │ lanes │ ghosts │ rows of buckets │ chains │ slots │ arena
//
// All zero is empty.

import { randomUUID } from 'node:crypto'

import { ARENA_STATE_WORDS } from './arena.ts'
import type { ArenaPlace } from './arena.ts'
import { ghostsFor } from './ghost-list.ts'
import type { GhostPlace } from './ghost-list.ts'

export interface SharedTierMemory {
  /** On its way from thread to thread it comes to be another object each time. */
  readonly id: string
  /** What it takes together with what each thread takes to know what it has looked at. */
  readonly bytes: number
  readonly buffer: SharedArrayBuffer
  /** One of each thread that reads. */
  readonly lanes: number
}

/** Of `control`, in words. */
export const CONTROL = {
  lock: 0,
  waiting: 1,
  /** Grows whenever a slot comes to stand in another chain. */
  version: 2,
  /** How many slots were ever used, and the first of those that are free again. */
  slotTop: 3,
  freeSlot: 4,
  lastSeq: 5,
  secret: 6,
  /** Who carries what is here to another memory: its lane, counted from one; and whether all is there. */
  mover: 8,
  isMoved: 9,
  queues: 16,
} as const

export const QUEUE_WORDS = 8
/** Four of them. */
const CONTROL_WORDS = CONTROL.queues + 4 * QUEUE_WORDS
export const SLOT_WORDS = 16
export const ROW_WORDS = 16

const WORD_BYTES = Int32Array.BYTES_PER_ELEMENT
const DOUBLE_BYTES = Float64Array.BYTES_PER_ELEMENT
const LINE_BYTES = 64
/** What an entry may take on average before there are too few slots: a small object is two entries. */
const BYTES_PER_SLOT = 2048
const SLOTS_PER_ROW = 32
const LEAST_ROWS = 16
const MOST_ROWS = 1024
const MOST_CELLS = 8192
const SHARE_OF_KNOWN = 1 / 16

/** What an entry takes beside its blocks: a slot, and a place in the chains. */
export const ENTRY_BYTES = SLOT_WORDS * WORD_BYTES + WORD_BYTES

export interface SharedPlaces {
  readonly control: Int32Array
  /** The same, for what is a double. */
  readonly controlDoubles: Float64Array
  readonly arena: ArenaPlace
  readonly arenaBytes: number
  readonly lanes: Int32Array
  readonly laneCount: number
  readonly ghosts: GhostPlace
  readonly rows: Int32Array
  readonly rowDoubles: Float64Array
  readonly chains: Int32Array
  readonly slots: Int32Array
  readonly slotDoubles: Float64Array
}

export function createSharedTierMemory(bytes: number, lanes: number): SharedTierMemory {
  const buffer = new SharedArrayBuffer(Math.floor(bytes * (1 - SHARE_OF_KNOWN)))
  const secret = crypto.getRandomValues(new Int32Array(2))
  new Int32Array(buffer, 0, CONTROL_WORDS).set(secret, CONTROL.secret)
  return { id: randomUUID(), bytes, buffer, lanes }
}

/** What one thread may take to know what it has looked at. */
export function knownBytesIn({ bytes, lanes }: SharedTierMemory): number {
  return (bytes * SHARE_OF_KNOWN) / lanes
}

/** The same for every thread that looks. */
export function placesIn({ buffer, lanes }: SharedTierMemory): SharedPlaces {
  const bytes = buffer.byteLength
  const slots = Math.floor(bytes / BYTES_PER_SLOT)
  const cells = Math.min(MOST_CELLS, slots >> 1)
  const rows = Math.min(MOST_ROWS, Math.max(LEAST_ROWS, Math.floor(slots / SLOTS_PER_ROW)))
  const ghosts = ghostsFor(bytes)
  let end = 0
  const take = (length: number): number => {
    const offset = end
    end = Math.ceil((offset + length) / LINE_BYTES) * LINE_BYTES
    return offset
  }
  const words = (count: number): Int32Array =>
    new Int32Array(buffer, take(count * WORD_BYTES), count)
  const doublesOf = (same: Int32Array): Float64Array =>
    new Float64Array(buffer, same.byteOffset, same.length / 2)

  const control = words(CONTROL_WORDS)
  const state = words(ARENA_STATE_WORDS)
  const laneWords = words(lanes * laneWordsFor(cells))
  const hashes = words(ghosts)
  const goneAt = new Float64Array(buffer, take((ghosts + 1) * DOUBLE_BYTES), ghosts + 1)
  const rowWords = words(rows * ROW_WORDS)
  const chains = words(2 ** Math.ceil(Math.log2(slots)))
  // The first is none.
  const slotWords = words((slots + 1) * SLOT_WORDS)
  const arenaBytes = bytes - end
  const doubles = new Float64Array(buffer, end, Math.floor(arenaBytes / DOUBLE_BYTES))
  const arena = { words: new Int32Array(buffer, end, 2 * doubles.length), doubles, state }
  return {
    control,
    controlDoubles: doublesOf(control),
    arena,
    arenaBytes,
    lanes: laneWords,
    laneCount: lanes,
    ghosts: { hashes, goneAt },
    rows: rowWords,
    rowDoubles: doublesOf(rowWords),
    chains,
    slots: slotWords,
    slotDoubles: doublesOf(slotWords),
  }
}

/** With the word before them; lanes of two threads share no line of the processor's cache. */
function laneWordsFor(cells: number): number {
  return Math.ceil(((1 + cells) * WORD_BYTES) / LINE_BYTES) * (LINE_BYTES / WORD_BYTES)
}
