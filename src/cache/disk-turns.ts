// The order of what is done to one key. Files take their time, so what was asked for first may be
// ready last: only the newest may count.

interface Turns {
  newest: number
  underWay: number
}

export class KeyTurns {
  readonly #turns = new Map<string, Turns>()
  #last = 0

  /** Each `begin` is followed by one `end`. Gives a number that no other change has. */
  begin(key: string): number {
    this.#last += 1
    const turns = this.#turns.get(key)
    if (turns === undefined) this.#turns.set(key, { newest: this.#last, underWay: 1 })
    else {
      turns.newest = this.#last
      turns.underWay += 1
    }
    return this.#last
  }

  end(key: string): void {
    const turns = this.#turns.get(key)
    if (turns === undefined) return
    turns.underWay -= 1
    if (turns.underWay === 0) this.#turns.delete(key)
  }

  isUnderWay(key: string): boolean {
    return this.#turns.has(key)
  }

  isNewest(key: string, turn: number): boolean {
    return this.#turns.get(key)?.newest === turn
  }
}
