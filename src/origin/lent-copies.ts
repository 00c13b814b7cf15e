// Copies of what is read, for whoever needs it longer than until the next read: in rooms that are
// used again when they come back. One that never does is the collector's.

import type { Loan } from '../exchange/body.ts'
import { MOST_READ_BYTES, READ_BYTES } from './reading.ts'

export interface Copy {
  readonly bytes: Uint8Array
  readonly loan: Loan | undefined
}

/** Smaller ones lie together in Node's own pool, and would keep a room for little. */
const LEAST_BYTES = 16 * 1024

export class LentCopies {
  /** For pieces of both sizes, 2 MiB of each. */
  readonly #shelves = [new Shelf(READ_BYTES, 32), new Shelf(MOST_READ_BYTES, 4)]

  of(bytes: Uint8Array): Copy {
    const { byteLength } = bytes
    const shelf = this.#shelves.find(({ roomBytes }) => byteLength <= roomBytes)
    if (byteLength < LEAST_BYTES || shelf === undefined) {
      return { bytes: Buffer.from(bytes), loan: undefined }
    }
    const room = shelf.take()
    room.set(bytes)
    return { bytes: room.subarray(0, byteLength), loan: new RoomLoan(() => shelf.putBack(room)) }
  }
}

/** Rooms of one size. */
class Shelf {
  readonly roomBytes: number
  readonly #mostFree: number
  readonly #free: Buffer<ArrayBuffer>[] = []

  constructor(roomBytes: number, mostFree: number) {
    this.roomBytes = roomBytes
    this.#mostFree = mostFree
  }

  take(): Buffer<ArrayBuffer> {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.roomBytes)
  }

  putBack(room: Buffer<ArrayBuffer>): void {
    if (this.#free.length < this.#mostFree) this.#free.push(room)
    // At once, and not when the collector comes by.
    else room.buffer.transfer(0)
  }
}

class RoomLoan implements Loan {
  readonly #onFree: () => void
  #loans = 1

  constructor(onFree: () => void) {
    this.#onFree = onFree
  }

  lend(): Loan {
    if (this.#loans === 0) throw new Error('a copy is lent whose room is free')
    this.#loans += 1
    return this
  }

  giveBack(): void {
    if (this.#loans === 0) throw new Error('a copy is given back more often than lent')
    this.#loans -= 1
    if (this.#loans === 0) this.#onFree()
  }
}
