// Where a slice arrives. Its memory is free when the fill is done with it and nobody reads it any
// more: left to the garbage collector, which sees only the small object that stands for it, many
// times what is in use would wait there.

import type { Loan } from '../exchange/body.ts'
import type { Lender } from './tier.ts'

export class FillBuffer implements Lender, Loan {
  readonly bytes: Buffer<ArrayBuffer>
  /** The first is the fill's own. */
  #loans = 1

  constructor(bytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(bytes)
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
    if (this.#loans === 0) this.bytes.buffer.transfer(0)
  }
}
