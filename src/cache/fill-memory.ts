// The cap on what all fills hold together. A fill that gets no room is not begun: its request
// streams through instead, and nothing waits.

export class FillMemory {
  readonly #maxBytes: number
  #heldBytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** A release to be called once, or undefined when there is no room. */
  reserve(bytes: number): (() => void) | undefined {
    if (this.#heldBytes + bytes > this.#maxBytes) return undefined
    this.#heldBytes += bytes
    let isHeld = true
    return () => {
      if (isHeld) this.#heldBytes -= bytes
      isHeld = false
    }
  }
}
