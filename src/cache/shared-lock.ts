// The one lock of the shared tier: whoever changes anything holds it, whoever reads does not. It is never
// taken from a holder who may only be slow. Who holds it is written in it, so that when a thread has
// ended, whoever replaces that thread sees it, and gets the tier and the lock in order.

import { CONTROL } from './shared-memory.ts'

const FREE = 0
const SPINS = 2000
/** Of a millisecond. Whoever has waited for so long goes without: it is only a cache. */
const MOST_NAPS = 1000

export class SharedLock {
  readonly #control: Int32Array
  readonly #own: number

  constructor(control: Int32Array, lane: number) {
    this.#control = control
    this.#own = lane + 1
  }

  /** False when it could not be had. */
  enter(): boolean {
    return this.#take() || this.#wait()
  }

  leave(): void {
    Atomics.store(this.#control, CONTROL.lock, FREE)
    if (Atomics.load(this.#control, CONTROL.waiting) > 0) {
      Atomics.notify(this.#control, CONTROL.lock, 1)
    }
  }

  /** From a thread that has ended, in the middle of a change. False when it was not that one's. */
  inherit(lane: number): boolean {
    const last = Atomics.compareExchange(this.#control, CONTROL.lock, lane + 1, this.#own)
    return last === lane + 1
  }

  #take(): boolean {
    return Atomics.compareExchange(this.#control, CONTROL.lock, FREE, this.#own) === FREE
  }

  #wait(): boolean {
    const control = this.#control
    for (let spin = 0; spin < SPINS; spin += 1) {
      if (Atomics.load(control, CONTROL.lock) === FREE && this.#take()) return true
    }
    Atomics.add(control, CONTROL.waiting, 1)
    let isHad = false
    for (let naps = 0; naps < MOST_NAPS && !isHad; naps += 1) {
      const holder = Atomics.load(control, CONTROL.lock)
      if (holder !== FREE) Atomics.wait(control, CONTROL.lock, holder, 1)
      isHad = this.#take()
    }
    // One that ends in here leaves itself counted: then others are woken for nothing.
    Atomics.sub(control, CONTROL.waiting, 1)
    return isHad
  }
}
