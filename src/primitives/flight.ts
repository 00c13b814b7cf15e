// One question that several wait for: asked once, and given up when the last of them has left.

import type { CancelSignal } from './cancel.ts'

export interface FlightOptions<Value> {
  readonly answer: Promise<Value>
  readonly giveUp: () => void
  /** What one who leaves is told. */
  readonly left: () => Error
}

export class Flight<Value> {
  readonly #options: FlightOptions<Value>
  #waiting = 0

  constructor(options: FlightOptions<Value>) {
    this.#options = options
  }

  /** Rejects at once when `leaving` is cancelled; undefined: it waits to the end. */
  join(leaving: CancelSignal | undefined): Promise<Value> {
    this.#waiting += 1
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting -= 1
        reject(this.#options.left())
        if (this.#waiting === 0) this.#options.giveUp()
      }
      this.#options.answer.then(resolve, reject).finally(() => leaving?.offCancel(leave))
      if (leaving?.isCancelled === true) leave()
      else leaving?.onCancel(leave)
    })
  }
}
