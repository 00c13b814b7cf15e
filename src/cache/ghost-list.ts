// What had to go a while ago, remembered by its hash alone: when it comes again, it was not asked for
// just once. A newer memory may take the place of an older one.

export class GhostList {
  readonly #hashes: Int32Array
  readonly #goneAt: Float64Array
  readonly #mask: number
  readonly #spanBytes: number
  /** All bytes that ever went: the clock of this list. */
  #goneBytes = 0

  /** Remembers about as many as there are slots, of the last `spanBytes` that went. */
  constructor(slots: number, spanBytes: number) {
    const length = 2 ** Math.ceil(Math.log2(Math.max(1024, slots)))
    this.#hashes = new Int32Array(length)
    this.#goneAt = new Float64Array(length).fill(Number.NEGATIVE_INFINITY)
    this.#mask = length - 1
    this.#spanBytes = spanBytes
  }

  /** What the list itself takes. */
  get ownBytes(): number {
    return this.#hashes.byteLength + this.#goneAt.byteLength
  }

  add(hash: number, bytes: number): void {
    const slot = this.#slotOf(hash)
    this.#hashes[slot] = hash
    this.#goneAt[slot] = this.#goneBytes
    this.#goneBytes += bytes
  }

  has(hash: number): boolean {
    const slot = this.#slotOf(hash)
    if (this.#hashes[slot] !== hash) return false
    return this.#goneBytes - (this.#goneAt[slot] ?? 0) <= this.#spanBytes
  }

  #slotOf(hash: number): number {
    return (Math.imul(hash, 0x9e3779b1) >>> 7) & this.#mask
  }
}
