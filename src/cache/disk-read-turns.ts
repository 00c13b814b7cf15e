// Who reads a file of the disk tier, and who waits: first come, first served. Without a signal for each
// who waits, since there may be as many as there are clients, and a signal walks through all it has.

export class ReadTurns {
  #free: number
  readonly #waiting: ((isTurn: boolean) => void)[] = []

  constructor(atOnce: number) {
    this.#free = atOnce
  }

  /** True for a turn, which is to be given back; false where there will be none any more. */
  take(): true | Promise<boolean> {
    if (this.#free > 0) {
      this.#free -= 1
      return true
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  giveBack(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free += 1
    else next(true)
  }

  /** For those who wait: who reads now may never come back. */
  end(): void {
    for (const tell of this.#waiting.splice(0)) tell(false)
  }
}
