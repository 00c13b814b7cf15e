// Copies of what is read, for whoever needs it longer than until the next read: in rooms that are
// used again when they come back. One that never does is the collector's.

import type { Loan } from '../exchange/body.ts'

export interface Copy {
  readonly bytes: Uint8Array
  readonly loan: Loan | undefined
}

const ROOM_BYTES = 64 * 1024
/** Smaller ones lie together in Node's own pool, and would keep a room for little. */
const LEAST_BYTES = 16 * 1024
const MOST_FREE_ROOMS = 32

export class LentCopies {
  readonly #free: Buffer<ArrayBuffer>[] = []

  of(bytes: Uint8Array): Copy {
    const { byteLength } = bytes
    if (byteLength < LEAST_BYTES || byteLength > ROOM_BYTES) {
      return { bytes: Buffer.from(bytes), loan: undefined }
    }
    const room = this.#free.pop() ?? Buffer.allocUnsafeSlow(ROOM_BYTES)
    room.set(bytes)
    return { bytes: room.subarray(0, byteLength), loan: new RoomLoan(() => this.#putBack(room)) }
  }

  #putBack(room: Buffer<ArrayBuffer>): void {
    if (this.#free.length < MOST_FREE_ROOMS) this.#free.push(room)
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
