// Who may stay in memory: S3-FIFO (Yang et al. 2023), with an eye on sizes. What is new waits in one
// queue, and only what was asked for meanwhile goes on into the main one, so that a scan passes
// through. What comes back soon after it left the first goes into the main one at once. Being used
// is a mere count: nothing moves, and only making room looks at it.
//
// The small have it easier than the large: the bytes of one slice hold a thousand heads, and a head
// that is gone makes its slices useless. `bench/hit-ratio.ts` compares it with other policies.

import { GhostList } from './ghost-list.ts'
import { Queue } from './resident.ts'
import type { Resident } from './resident.ts'

/** Nearly three times what the paper has: a fast reader's slices are still there for the slower ones. */
const SHARE_OF_NEW = 0.27
const BYTES_PER_GHOST = 4096
const MOST_USES_OF_SMALL = 7
const MOST_USES_OF_LARGE = 3
const USES_TO_STAY_FOR_LARGE = 2
/** How many in a row may be found in use before it is said that there is no room. */
export const MOST_SPARED = 256

export interface ResidencyRules<Value> {
  readonly evict: (resident: Resident<Value>) => void
  /** Its going would make no room now: it stays for another round. */
  readonly isInUse?: (resident: Resident<Value>) => boolean
}

export class Residency<Value> {
  #maxBytes: number
  /** With what is known of those who went. */
  #allBytes: number
  readonly #evict: (resident: Resident<Value>) => void
  readonly #isInUse: (resident: Resident<Value>) => boolean
  readonly #new = new Queue<Value>()
  readonly #main = new Queue<Value>()
  #gone: GhostList
  /** One after another, since somebody went. */
  #spared = 0

  constructor(maxBytes: number, { evict, isInUse = () => false }: ResidencyRules<Value>) {
    this.#gone = new GhostList(maxBytes / BYTES_PER_GHOST, maxBytes)
    this.#allBytes = maxBytes
    this.#maxBytes = maxBytes - this.#gone.ownBytes
    this.#evict = evict
    this.#isInUse = isInUse
  }

  /** Whoever must go where there is less room now, goes. */
  resize(maxBytes: number, othersBytes: number): void {
    if (maxBytes === this.#allBytes) return
    this.#allBytes = maxBytes
    this.#gone = new GhostList(maxBytes / BYTES_PER_GHOST, maxBytes)
    this.#maxBytes = maxBytes - this.#gone.ownBytes
    this.makeRoom(0, othersBytes)
  }

  get bytes(): number {
    return this.#new.bytes + this.#main.bytes
  }

  get length(): number {
    return this.#new.length + this.#main.length
  }

  use(resident: Resident<Value>): void {
    const most = this.#isSmall(resident) ? MOST_USES_OF_SMALL : MOST_USES_OF_LARGE
    if (resident.uses < most) resident.uses += 1
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
  add(resident: Resident<Value>): void {
    const queue = this.#gone.has(resident.hash) ? this.#main : this.#new
    queue.add(resident)
  }

  remove(resident: Resident<Value>): void {
    resident.queue?.remove(resident)
  }

  /** Below the average of all. */
  #isSmall({ bytes }: Resident<Value>): boolean {
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

  #judgeNew(resident: Resident<Value>): void {
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
  #judgeOld(resident: Resident<Value>): void {
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
  #spare(resident: Resident<Value>, queue: Queue<Value>): boolean {
    if (!this.#isInUse(resident)) return false
    queue.add(resident)
    this.#spared += 1
    return true
  }
}
