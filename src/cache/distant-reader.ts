// Those who wait in other threads for what a fill brings, as one reader of it: the one that has come
// furthest. They take what is kept from a tier they share, and come back here for what follows.

import { monotonic } from '../primitives/clock.ts'
import type { Fill, FillReader } from './fill.ts'

/** Who has what it waited for comes back by then, or has left. */
const COME_BACK_MS = 1000
/** How often they are told that more has come of what they wait for. */
const TELL_MS = 1000

export interface DistantReaderOptions {
  readonly fill: Fill
  readonly sliceBytes: number
  /** More has come, and not yet all. */
  readonly onMore: () => void
}

export class DistantReader implements FillReader {
  position = 0
  readonly #options: DistantReaderOptions
  #leaving: NodeJS.Timeout | undefined
  #toldAt = Number.NEGATIVE_INFINITY

  constructor(options: DistantReaderOptions) {
    this.#options = options
  }

  want(index: number): void {
    const { fill, sliceBytes } = this.#options
    if (fill.isEnded) return
    this.position = index * sliceBytes
    clearTimeout(this.#leaving)
    this.#leaving = undefined
    fill.attach(this)
  }

  advance(): void {
    const { fill } = this.#options
    if (fill.isEnded) this.#leave()
    else if (!fill.isPast(this.position)) this.#tellMore()
    else this.#leaving ??= setTimeout(() => this.#leave(), COME_BACK_MS).unref()
  }

  #tellMore(): void {
    const at = monotonic()
    if (at - this.#toldAt < TELL_MS) return
    this.#toldAt = at
    this.#options.onMore()
  }

  #leave(): void {
    clearTimeout(this.#leaving)
    this.#options.fill.detach(this)
  }
}
