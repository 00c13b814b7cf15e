// So many at once, over several threads: who comes when all places are taken waits in a line, first
// come first served whatever the thread, for so long and in so long a line as is allowed.

import type { CancelSignal } from './cancel.ts'
import { LaneCount, laneRow } from './lanes.ts'
import type { LaneMemory } from './lanes.ts'

export interface SharedSlotsOptions {
  readonly memory: LaneMemory
  /** The first of its `SLOT_ROWS` rows there, and of its `SLOT_WORDS` cells that are nobody's. */
  readonly row: number
  readonly word: number
  readonly lane: number
  readonly limit: number
  /** How many may wait. */
  readonly queueSize: number
}

export const SLOT_ROWS = 3
export const SLOT_WORDS = 2

/** `full`: nobody more may wait. `late`: the time was up. `left`: the signal was cancelled. */
export type Taken = 'taken' | 'full' | 'late' | 'left'

interface Waiting {
  readonly ticket: number
  readonly settle: (taken: Taken) => void
}

/** A thread that is told of nothing looks by itself: another may have ended between two words. */
const LOOK_MS = 50
const BELL = 0
const TICKETS = 1
const NOBODY = 0

export class SharedSlots {
  #limit: number
  #queueSize: number
  readonly #inUse: LaneCount
  readonly #waiting: LaneCount
  /** By thread, the ticket of the first in its line. */
  readonly #heads: Int32Array<SharedArrayBuffer>
  readonly #lane: number
  /** The bell that wakes the threads in which somebody waits, and the last ticket that was drawn. */
  readonly #words: Int32Array<SharedArrayBuffer>
  readonly #line: Waiting[] = []
  #isListening = false

  constructor({ memory, row, word, lane, limit, queueSize }: SharedSlotsOptions) {
    this.#limit = limit
    this.#queueSize = queueSize
    this.#lane = lane
    this.#inUse = new LaneCount(memory, row, lane)
    this.#waiting = new LaneCount(memory, row + 1, lane)
    this.#heads = laneRow(memory, row + 2)
    this.#words = new Int32Array(memory.common, word * Int32Array.BYTES_PER_ELEMENT, SLOT_WORDS)
  }

  get limit(): number {
    return this.#limit
  }

  get inUse(): number {
    return this.#inUse.sum
  }

  /** Those who have a place keep it; where there are more places now, whoever waits is let in. */
  adjust(limit: number, queueSize: number): void {
    this.#limit = limit
    this.#queueSize = queueSize
    this.#serve()
  }

  get waiting(): number {
    return this.#waiting.sum
  }

  /** Passes nobody who waits. To be given back. */
  tryTake(): boolean {
    return this.#line.length === 0 && this.waiting === 0 && this.#inUse.tryAdd(this.#limit)
  }

  /** What is `taken` is to be given back. */
  take(timeoutMs: number, signal: CancelSignal | undefined): Promise<Taken> {
    if (signal?.isCancelled === true) return Promise.resolve('left')
    if (this.tryTake()) return Promise.resolve('taken')
    if (!this.#waiting.tryAdd(this.#queueSize)) return Promise.resolve('full')
    return new Promise((resolve) => this.#join(timeoutMs, signal, resolve))
  }

  giveBack(): void {
    this.#inUse.remove()
    this.#ring()
    this.#serve()
  }

  #join(
    timeoutMs: number,
    signal: CancelSignal | undefined,
    resolve: (taken: Taken) => void,
  ): void {
    const leave = (): void => this.#leave(one, 'left')
    const timer = setTimeout(() => this.#leave(one, 'late'), timeoutMs)
    const one: Waiting = {
      ticket: Atomics.add(this.#words, TICKETS, 1) + 1,
      settle: (taken) => {
        clearTimeout(timer)
        signal?.offCancel(leave)
        this.#waiting.remove()
        resolve(taken)
      },
    }
    signal?.onCancel(leave)
    this.#line.push(one)
    if (this.#line.length === 1) this.#showHead()
    this.#serve()
    void this.#listen()
  }

  #leave(one: Waiting, why: Taken): void {
    const at = this.#line.indexOf(one)
    if (at < 0) return
    this.#line.splice(at, 1)
    if (at === 0) this.#showHead()
    one.settle(why)
    // It may be another's turn now.
    this.#ring()
    this.#serve()
  }

  /** Those of this thread whose turn it is. */
  #serve(): void {
    for (;;) {
      const [first] = this.#line
      if (first === undefined || !this.#isNext(first) || !this.#inUse.tryAdd(this.#limit)) return
      this.#line.shift()
      this.#showHead()
      first.settle('taken')
      this.#ring()
    }
  }

  /** Nobody in another thread came before. Tickets begin anew after the greatest. */
  #isNext({ ticket }: Waiting): boolean {
    for (let lane = 0; lane < this.#heads.length; lane += 1) {
      const head = Atomics.load(this.#heads, lane)
      if (head !== NOBODY && ((head - ticket) | 0) < 0) return false
    }
    return true
  }

  #showHead(): void {
    Atomics.store(this.#heads, this.#lane, this.#line[0]?.ticket ?? NOBODY)
  }

  #ring(): void {
    if (this.waiting === 0) return
    Atomics.add(this.#words, BELL, 1)
    Atomics.notify(this.#words, BELL)
  }

  /** For as long as somebody waits here. */
  async #listen(): Promise<void> {
    if (this.#isListening) return
    this.#isListening = true
    while (this.#line.length > 0) {
      const rung = Atomics.load(this.#words, BELL)
      this.#serve()
      if (this.#line.length === 0) break
      await Atomics.waitAsync(this.#words, BELL, rung, LOOK_MS).value
    }
    this.#isListening = false
  }
}
