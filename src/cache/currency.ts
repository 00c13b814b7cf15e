// Whether what was last heard can still be believed. A process that stood still (stopped, swapped
// out, its machine asleep) has missed the news of that time without noticing: it is in doubt from the
// moment it runs again until it has asked anew. Only what was asked after that moment counts, since
// an answer that lay waiting may be from before.

export interface Clocks {
  /** Epoch ms: goes on while a machine sleeps. */
  readonly now: () => number
  readonly monotonic: () => number
}

export interface CurrencyLimits {
  /** Turns further apart than this mean that the process stood still. */
  readonly stopMs: number
  /** How old the last proof may be. */
  readonly maxLagMs: number
}

export class Currency {
  readonly #clocks: Clocks
  readonly #limits: CurrencyLimits
  #turnAt: number
  #turnAtByDate: number
  /** How often it began to be in doubt, and when last. */
  #doubts = 0
  #doubtedAt: number
  #isInDoubt = true
  #provenAt = Number.NEGATIVE_INFINITY

  constructor(clocks: Clocks, limits: CurrencyLimits) {
    this.#clocks = clocks
    this.#limits = limits
    this.#turnAt = clocks.monotonic()
    this.#turnAtByDate = clocks.now()
    this.#doubtedAt = this.#turnAt
  }

  /** Called a few times a second, so that a pause between two calls means something. */
  turn(): number {
    const at = this.#clocks.monotonic()
    const byDate = this.#clocks.now()
    const pauseMs = Math.max(at - this.#turnAt, byDate - this.#turnAtByDate)
    if (pauseMs > this.#limits.stopMs) {
      this.#doubts += 1
      this.#doubtedAt = at
      this.#isInDoubt = true
    }
    this.#turnAt = at
    this.#turnAtByDate = byDate
    return at
  }

  /** To be called when all there was to know is known, as of the moment this was asked. */
  asking(): () => void {
    const askedAt = this.turn()
    const doubts = this.#doubts
    return () => {
      // It may have stood still since, and this may be the first it does.
      this.turn()
      if (doubts !== this.#doubts) return
      this.#isInDoubt = false
      this.#provenAt = Math.max(this.#provenAt, askedAt)
    }
  }

  isCurrent(): boolean {
    const lagMs = this.lagMs()
    return !this.#isInDoubt && lagMs <= this.#limits.maxLagMs
  }

  /** How old the last proof is; Infinity before the first. */
  lagMs(): number {
    return this.turn() - this.#provenAt
  }

  /** How long it has been in doubt, or since it was proven. */
  uncertainForMs(): number {
    return this.turn() - Math.max(this.#provenAt, this.#doubtedAt)
  }
}
