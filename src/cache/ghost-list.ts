// What had to go a while ago, remembered by its hash alone: when it comes again, it was not asked for
// just once. A newer memory may take the place of an older one.

const BYTES_PER_GHOST = 4096
const LEAST_GHOSTS = 1024

/** As many hashes, and one instant more: all bytes that ever went, which is the clock of this list. */
export interface GhostPlace {
  readonly hashes: Int32Array
  readonly goneAt: Float64Array
}

/** How many are remembered where so much is kept. */
export function ghostsFor(maxBytes: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(LEAST_GHOSTS, maxBytes / BYTES_PER_GHOST)))
}

export class GhostList {
  readonly #hashes: Int32Array
  readonly #goneAt: Float64Array
  readonly #mask: number
  readonly #spanBytes: number

  /** Remembers those of the last `spanBytes` that went, about as many as there are places. */
  constructor({ hashes, goneAt }: GhostPlace, spanBytes: number) {
    this.#hashes = hashes
    this.#goneAt = goneAt
    this.#mask = hashes.length - 1
    this.#spanBytes = spanBytes
  }

  /** For so many bytes of those who stay and those who went. */
  static of(maxBytes: number): GhostList {
    const ghosts = ghostsFor(maxBytes)
    const place = { hashes: new Int32Array(ghosts), goneAt: new Float64Array(ghosts + 1) }
    return new GhostList(place, maxBytes)
  }

  /** What the list itself takes. */
  get ownBytes(): number {
    return this.#hashes.byteLength + this.#goneAt.byteLength
  }

  add(hash: number, bytes: number): void {
    const slot = this.#slotOf(hash)
    this.#hashes[slot] = hash
    const clock = this.#hashes.length
    const goneBytes = this.#goneAt[clock] ?? 0
    this.#goneAt[slot] = goneBytes
    this.#goneAt[clock] = goneBytes + bytes
  }

  has(hash: number): boolean {
    const slot = this.#slotOf(hash)
    if (this.#hashes[slot] !== hash) return false
    const goneBytes = this.#goneAt[this.#hashes.length] ?? 0
    return goneBytes - (this.#goneAt[slot] ?? 0) <= this.#spanBytes
  }

  #slotOf(hash: number): number {
    return (Math.imul(hash, 0x9e3779b1) >>> 7) & this.#mask
  }
}
