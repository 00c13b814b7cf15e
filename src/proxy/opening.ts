// The first question about an object, asked once for all who wait for it. It belongs to none of
// them: it goes on while anybody waits, and is let go when everybody has left.

export class Opening<T> {
  readonly answer: Promise<T>
  readonly #controller = new AbortController()
  #waiting = 0
  #isAnswered = false

  constructor(ask: (signal: AbortSignal) => Promise<T>) {
    this.answer = ask(this.#controller.signal)
    const settle = (): void => {
      this.#isAnswered = true
    }
    this.answer.then(settle, settle)
  }

  /** Everybody has left: whoever comes now asks anew. */
  get isAbandoned(): boolean {
    return this.#controller.signal.aborted
  }

  /** Gives the answer even to a caller who left: what came with it must find an owner. */
  async join(signal: AbortSignal): Promise<T> {
    this.#waiting += 1
    const leave = (): void => this.#leave()
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
    try {
      return await this.answer
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  #leave(): void {
    this.#waiting -= 1
    if (this.#waiting === 0 && !this.#isAnswered) this.#controller.abort()
  }
}
