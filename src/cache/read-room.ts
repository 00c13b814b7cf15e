// Where slices are read into from disk, again and again. Room that is had anew for each of them costs
// a page fault for every page of it, and has the collector look through the whole heap ever so often.

import type { Loan } from '../exchange/body.ts'
import type { Lender } from './tier.ts'

/** Rooms of one size that nobody reads. */
interface Shelf {
  readonly size: number
  readonly rooms: Buffer<ArrayBuffer>[]
  /** So many have lain here all the time since it was looked at last. */
  idle: number
}

/** They lie so close that at most a fifth of a room is for nothing. */
const SIZES_IN_A_DOUBLING = 4
const LEAST_BYTES = 4096

export class ReadRoom {
  readonly #mostFreeBytes: number
  readonly #shelves = new Map<number, Shelf>()
  #freeBytes = 0

  /** `mostFreeBytes` is what may lie about for later. */
  constructor(mostFreeBytes: number) {
    this.#mostFreeBytes = mostFreeBytes
  }

  get freeBytes(): number {
    return this.#freeBytes
  }

  take(length: number): ReadBytes {
    const shelf = this.#shelfFor(length)
    const room = shelf.rooms.pop()
    if (room !== undefined) this.#freeBytes -= shelf.size
    shelf.idle = Math.min(shelf.idle, shelf.rooms.length)
    const own = room ?? Buffer.allocUnsafeSlow(shelf.size)
    return new ReadBytes(own.subarray(0, length), () => this.#putBack(own, shelf))
  }

  /** Lets go of what was not needed since it was done last. */
  trim(): void {
    for (const shelf of this.#shelves.values()) {
      for (const room of shelf.rooms.splice(0, shelf.idle)) {
        this.#freeBytes -= shelf.size
        letGo(room)
      }
      shelf.idle = shelf.rooms.length
    }
  }

  #putBack(room: Buffer<ArrayBuffer>, shelf: Shelf): void {
    if (this.#freeBytes + shelf.size > this.#mostFreeBytes) {
      letGo(room)
      return
    }
    this.#freeBytes += shelf.size
    shelf.rooms.push(room)
  }

  #shelfFor(length: number): Shelf {
    const size = sizeFor(length)
    const shelf = this.#shelves.get(size) ?? { size, rooms: [], idle: 0 }
    this.#shelves.set(size, shelf)
    return shelf
  }
}

/** What was read, until the last of those it was lent to has given it back. */
export class ReadBytes implements Loan {
  readonly bytes: Buffer
  readonly #onFree: () => void
  /** The first is the reader's own. */
  #loans = 1

  constructor(bytes: Buffer, onFree: () => void) {
    this.bytes = bytes
    this.#onFree = onFree
  }

  lend(): Loan {
    if (this.#loans === 0) throw new Error('bytes are lent whose room is free')
    this.#loans += 1
    return this
  }

  giveBack(): void {
    if (this.#loans === 0) throw new Error('bytes are given back more often than lent')
    this.#loans -= 1
    if (this.#loans === 0) this.#onFree()
  }

  /** Lends a part of them. */
  lenderOf(part: Uint8Array): Lender {
    return { from: (offset) => part.subarray(offset), lend: () => this.lend() }
  }
}

function sizeFor(length: number): number {
  const doubling = 2 ** Math.floor(Math.log2(Math.max(length, LEAST_BYTES)))
  const step = doubling / SIZES_IN_A_DOUBLING
  return Math.ceil(length / step) * step
}

/** At once, and not when the collector comes by. */
function letGo(room: Buffer<ArrayBuffer>): void {
  room.buffer.transfer(0)
}
