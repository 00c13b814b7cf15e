// Being told that nobody waits any more. There is one of these for every request and most are never
// used: an AbortController with its EventTarget would cost more than all else a cache hit does.

export interface CancelSignal {
  readonly isCancelled: boolean
  /** Not called for what has been cancelled already: look first. */
  onCancel(listener: () => void): void
  offCancel(listener: () => void): void
}

export class Cancellation implements CancelSignal {
  #isCancelled = false
  #listeners: (() => void)[] | undefined

  /** Cancelled with another, or on its own. */
  static under(other: CancelSignal | undefined): Cancellation {
    const own = new Cancellation()
    if (other?.isCancelled === true) own.cancel()
    else other?.onCancel(() => own.cancel())
    return own
  }

  get isCancelled(): boolean {
    return this.#isCancelled
  }

  cancel(): void {
    if (this.#isCancelled) return
    this.#isCancelled = true
    const listeners = this.#listeners ?? []
    this.#listeners = undefined
    for (const listener of listeners) listener()
  }

  onCancel(listener: () => void): void {
    if (this.#listeners === undefined) this.#listeners = [listener]
    else this.#listeners.push(listener)
  }

  offCancel(listener: () => void): void {
    const at = this.#listeners?.indexOf(listener) ?? -1
    if (at >= 0) this.#listeners?.splice(at, 1)
  }
}
