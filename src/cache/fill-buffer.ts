// Where slices arrive, again and again. The memory of one is free when the fill is done with it and
// nobody reads it any more: left to the garbage collector, which sees only the small object that
// stands for it, many times what is in use would wait there.

import type { Loan } from '../exchange/body.ts'
import type { Lender } from './tier.ts'

/** What lies about for the next slice: had anew, each of its pages is a fault of its own. */
const MOST_FREE = 4
/** Less is not worth keeping. */
const LEAST_KEPT_BYTES = 64 * 1024

export class FillBuffers {
  #free: Buffer<ArrayBuffer>[] = []

  take(bytes: number): FillBuffer {
    const at = this.#free.findIndex(({ byteLength }) => byteLength === bytes)
    const [held] = at < 0 ? [] : this.#free.splice(at, 1)
    return new FillBuffer(held ?? Buffer.allocUnsafeSlow(bytes), this.#putBack)
  }

  readonly #putBack = (buffer: Buffer<ArrayBuffer>): void => {
    if (buffer.byteLength < LEAST_KEPT_BYTES) letGo(buffer)
    else if (this.#free.push(buffer) > MOST_FREE) letGo(this.#free.shift())
  }
}

export class FillBuffer implements Lender, Loan {
  readonly bytes: Buffer<ArrayBuffer>
  readonly #onFree: (bytes: Buffer<ArrayBuffer>) => void
  /** The first is the fill's own. */
  #loans = 1

  constructor(bytes: Buffer<ArrayBuffer>, onFree: (bytes: Buffer<ArrayBuffer>) => void) {
    this.bytes = bytes
    this.#onFree = onFree
  }

  from(offset: number): Uint8Array {
    return this.bytes.subarray(offset)
  }

  lend(): Loan {
    if (this.#loans === 0) throw new Error('a buffer is lent that is free')
    this.#loans += 1
    return this
  }

  giveBack(): void {
    if (this.#loans === 0) throw new Error('a buffer is given back more often than lent')
    this.#loans -= 1
    if (this.#loans === 0) this.#onFree(this.bytes)
  }
}

/** At once, and not when the collector comes by. */
function letGo(buffer: Buffer<ArrayBuffer> | undefined): void {
  buffer?.buffer.transfer(0)
}
