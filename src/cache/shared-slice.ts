// A slice in the memory that all threads share, as one thread has it. While the thread has it in hand a
// cell names its slot, and its room is nobody else's: from when it is got to the end of that turn, and for
// as long as it is lent.

import type { Loan } from '../exchange/body.ts'
import { NO_CELL } from './hazards.ts'
import type { Hazards } from './hazards.ts'
import { partFrom, wholeOf } from './parts.ts'
import type { SlotTable } from './slot-table.ts'
import type { EntryFacts, Lender, SliceEntry } from './tier.ts'

export interface SharedSlicePlace {
  readonly id: number
  readonly word: number
  readonly parts: readonly Buffer[]
  readonly hazards: Hazards
  readonly table: SlotTable
  /** It is in hand no more, and its tier has let it go meanwhile. */
  readonly onLeft: () => void
}

export class SharedSlice implements SliceEntry, Lender, Loan {
  readonly kind = 'slice'
  readonly bucket: string
  readonly objectKey: string
  readonly tags: readonly string[]
  readonly objectBytes: number
  readonly receivedAt: number
  readonly keepUntil: number
  readonly #place: SharedSlicePlace
  #cell = NO_CELL
  #loans = 0

  constructor(facts: EntryFacts, place: SharedSlicePlace) {
    this.bucket = facts.bucket
    this.objectKey = facts.objectKey
    this.tags = facts.tags
    this.objectBytes = facts.objectBytes
    this.receivedAt = facts.receivedAt
    this.keepUntil = facts.keepUntil
    this.#place = place
  }

  get lender(): Lender {
    return this
  }

  get bytes(): Uint8Array {
    return wholeOf(this.#place.parts)
  }

  from(offset: number): Uint8Array {
    return partFrom(this.#place.parts, offset)
  }

  /** True where it stands, and does so until it is put down. `full`: there is no cell left to name it. */
  takeInHand(): boolean | 'full' {
    const { id, word, hazards, table } = this.#place
    if (this.#cell !== NO_CELL) return table.stands(id, word)
    const cell = hazards.take()
    if (cell === NO_CELL) return 'full'
    hazards.name(cell, id)
    if (!table.stands(id, word)) {
      hazards.withdraw(cell)
      return false
    }
    this.#cell = cell
    return true
  }

  /** In hand, and lent to nobody. */
  get isIdle(): boolean {
    return this.#cell !== NO_CELL && this.#loans === 0
  }

  /** At the end of a turn, unless it is lent. */
  putDown(): void {
    if (this.#loans > 0 || this.#cell === NO_CELL) return
    const { id, word, hazards, table, onLeft } = this.#place
    hazards.withdraw(this.#cell)
    this.#cell = NO_CELL
    if (!table.stands(id, word)) onLeft()
  }

  lend(): Loan {
    if (this.#cell === NO_CELL && this.takeInHand() !== true) {
      throw new Error('a slice is lent whose room is free')
    }
    this.#loans += 1
    return this
  }

  giveBack(): void {
    if (this.#loans === 0) throw new Error('a slice is given back more often than lent')
    this.#loans -= 1
    this.putDown()
  }
}
