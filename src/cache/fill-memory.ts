// The cap on what all fills hold together. A fill that gets no room is not begun: its request
// streams through instead, and nothing waits.

import { FillBuffers } from './fill-buffer.ts'

/** The one that is arriving, the one before it, and what clients or the collector still have. */
export const SLICES_OF_A_FILL = 3

export class FillMemory {
  readonly buffers = new FillBuffers()
  #maxBytes: number
  #heldBytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** For what is begun from now on. */
  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** For a fill that is alone two of its three slices are enough. */
  hasRoomFor(bytes: number): boolean {
    if (this.#heldBytes === 0) return bytes * 2 <= this.#maxBytes * 3
    return this.#heldBytes + bytes <= this.#maxBytes
  }

  /** A release to be called once, or undefined when there is no room. */
  reserve(bytes: number): (() => void) | undefined {
    if (!this.hasRoomFor(bytes)) return undefined
    const taken = Math.min(bytes, this.#maxBytes)
    this.#heldBytes += taken
    let isHeld = true
    return () => {
      if (isHeld) this.#heldBytes -= taken
      isHeld = false
    }
  }
}
