// A lease from its beginning to its end, wherever it is kept: what has passed shrinks it when that is
// kept, and it is given back behind what it has brought.

import type { Lease, LeasedRun } from './lease.ts'

export interface LeaseUse {
  readonly renew: (left: LeasedRun) => void
  /** Undefined: who waits is not told. */
  readonly goesOn?: () => void
  readonly release: (openMs: number) => void
  readonly onEnd: () => void
}

export class HeldLease implements Lease {
  readonly #use: LeaseUse
  readonly #last: number
  #first: number
  #kept: Promise<unknown> = Promise.resolve()
  #isReleased = false
  #want: ((index: number) => void) | undefined
  #wanted: number | undefined

  constructor({ first, last }: LeasedRun, use: LeaseUse) {
    this.#use = use
    this.#first = first
    this.#last = last
  }

  renew(): void {
    this.#use.renew({ first: this.#first, last: this.#last })
  }

  passed(index: number, kept: Promise<void> | undefined): void {
    this.#kept = this.#pass(index, Promise.all([this.#kept, kept]))
  }

  goesOn(): void {
    this.#use.goesOn?.()
  }

  heed(want: (index: number) => void): void {
    this.#want = want
    if (this.#wanted !== undefined) want(this.#wanted)
  }

  /** Others wait for this slice. */
  tellWanted(index: number): void {
    this.#wanted = index
    this.#want?.(index)
  }

  release(openMs = 0): void {
    if (this.#isReleased) return
    this.#isReleased = true
    void this.#end(openMs)
  }

  /** What is kept is found; what could not be kept is not to be waited for either. */
  async #pass(index: number, kept: Promise<unknown>): Promise<void> {
    await kept
    this.#first = Math.max(this.#first, index + 1)
    if (!this.#isReleased && this.#first <= this.#last) this.renew()
  }

  async #end(openMs: number): Promise<void> {
    await this.#kept
    this.#use.onEnd()
    this.#use.release(openMs)
  }
}
