// Who may stay in memory: S3-FIFO (Yang et al. 2023), with an eye on sizes. What is new waits in one
// queue, and only what was asked for meanwhile goes on into the main one, so that a scan passes
// through. What comes back soon after it left the first goes into the main one at once. Being used
// is a mere count: nothing moves, and only making room looks at it.
//
// The small have it easier than the large: the bytes of one slice hold a thousand heads, and a head
// that is gone makes its slices useless. `bench/hit-ratio.ts` compares it with other policies.

import type { GhostList } from './ghost-list.ts'
import type { Line, Residing } from './resident.ts'

/** Nearly three times what the paper has: a fast reader's slices are still there for the slower ones. */
const SHARE_OF_NEW = 0.27
const MOST_USES_OF_SMALL = 7
const MOST_USES_OF_LARGE = 3
const USES_TO_STAY_FOR_LARGE = 2
/** How many in a row may be found in use before it is said that there is no room. */
export const MOST_SPARED = 256

export interface ResidencyRules<Item> {
  readonly evict: (item: Item) => void
  /** Its going would make no room now: it stays for another round. */
  readonly isInUse?: (item: Item) => boolean
}

/** Where those who stay are kept: empty at first, or as others have left it who share it. */
export interface ResidencyPlace<Item extends Residing> {
  readonly newcomers: Line<Item>
  readonly main: Line<Item>
}

export class Residency<Item extends Residing> {
  #maxBytes: number
  readonly #evict: (item: Item) => void
  readonly #isInUse: (item: Item) => boolean
  readonly #new: Line<Item>
  readonly #main: Line<Item>
  #gone: GhostList
  /** One after another, since somebody went. */
  #spared = 0

  /** `maxBytes` is without what the memory of those who went takes. */
  constructor(
    maxBytes: number,
    gone: GhostList,
    { newcomers, main }: ResidencyPlace<Item>,
    { evict, isInUse = () => false }: ResidencyRules<Item>,
  ) {
    this.#maxBytes = maxBytes
    this.#gone = gone
    this.#new = newcomers
    this.#main = main
    this.#evict = evict
    this.#isInUse = isInUse
  }

  /** Whoever must go where there is less room now, goes. */
  resize(maxBytes: number, gone: GhostList, othersBytes: number): void {
    this.#maxBytes = maxBytes
    this.#gone = gone
    this.makeRoom(0, othersBytes)
  }

  get bytes(): number {
    return this.#new.bytes + this.#main.bytes
  }

  get length(): number {
    return this.#new.length + this.#main.length
  }

  use(resident: Item): void {
    const { uses } = resident
    if (uses >= MOST_USES_OF_SMALL) return
    if (uses < MOST_USES_OF_LARGE || this.#isSmall(resident)) resident.uses = uses + 1
  }

  /**
   * Whoever must go for it is evicted. False when there can be no room for so much, beside what
   * others take who are here no more.
   */
  makeRoom(bytes: number, othersBytes = 0): boolean {
    const most = this.#maxBytes - othersBytes
    if (bytes > most) return false
    while (this.bytes + bytes > most) if (!this.evictOne()) return false
    return true
  }

  /** Somebody must go, whatever room there is: false when nobody is there, or can go. */
  evictOne(): boolean {
    const { length } = this
    this.#spared = 0
    while (this.length === length) {
      if (length === 0 || this.#spared > Math.min(length, MOST_SPARED)) return false
      this.#moveFirst()
    }
    return true
  }

  /** There is room for it. */
  add(resident: Item): void {
    const queue = this.#gone.has(resident.hash) ? this.#main : this.#new
    queue.add(resident)
  }

  /** Below the average of all. */
  #isSmall({ bytes }: Item): boolean {
    return bytes * this.length <= this.bytes
  }

  /** Moves the first of a queue on, back, or out. */
  #moveFirst(): void {
    const isNew = this.#new.bytes > SHARE_OF_NEW * this.#maxBytes || this.#main.length === 0
    const first = (isNew ? this.#new : this.#main).first
    if (first === undefined) return
    if (isNew) this.#judgeNew(first)
    else this.#judgeOld(first)
  }

  #judgeNew(resident: Item): void {
    const least = this.#isSmall(resident) ? 1 : USES_TO_STAY_FOR_LARGE
    this.#new.remove(resident)
    if (resident.uses >= least) {
      resident.uses = 0
      this.#main.add(resident)
      return
    }
    if (this.#spare(resident, this.#new)) return
    this.#gone.add(resident.hash, resident.bytes)
    this.#evict(resident)
  }

  /** A use is worth one more stay to the small; all of them together are, to the large. */
  #judgeOld(resident: Item): void {
    const { uses } = resident
    const isSmall = this.#isSmall(resident)
    this.#main.remove(resident)
    if (uses === 0) {
      if (this.#spare(resident, this.#main)) return
      this.#evict(resident)
      return
    }
    resident.uses = isSmall ? uses - 1 : 0
    this.#main.add(resident)
  }

  #spare(resident: Item, queue: Line<Item>): boolean {
    if (!this.#isInUse(resident)) return false
    queue.add(resident)
    this.#spared += 1
    return true
  }
}
