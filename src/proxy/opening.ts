// The first question about an object, asked once for all who wait for it. It belongs to none of
// them: it goes on while anybody waits, and is let go when everybody has left.

import { Cancellation } from '../primitives/cancel.ts'
import type { CancelSignal } from '../primitives/cancel.ts'

export class Opening<T> {
  readonly answer: Promise<T>
  readonly #abandoned = new Cancellation()
  #waiting = 0
  #isAnswered = false

  constructor(ask: (signal: CancelSignal) => Promise<T>) {
    this.answer = ask(this.#abandoned)
    const settle = (): void => {
      this.#isAnswered = true
    }
    this.answer.then(settle, settle)
  }

  /** Everybody has left: whoever comes now asks anew. */
  get isAbandoned(): boolean {
    return this.#abandoned.isCancelled
  }

  /** Gives the answer even to a caller who left: what came with it must find an owner. */
  async join(signal: CancelSignal): Promise<T> {
    this.#waiting += 1
    const leave = (): void => this.#leave()
    if (signal.isCancelled) leave()
    else signal.onCancel(leave)
    try {
      return await this.answer
    } finally {
      signal.offCancel(leave)
    }
  }

  #leave(): void {
    this.#waiting -= 1
    if (this.#waiting === 0 && !this.#isAnswered) this.#abandoned.cancel()
  }
}
