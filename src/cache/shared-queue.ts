// A queue of slots, in memory that threads share: first in, first out, but anyone may leave. Changed
// under the lock alone.

import type { Line } from './resident.ts'
import { LINKS } from './slot-table.ts'
import type { Slot, SlotTable } from './slot-table.ts'

const FIRST = 0
const LAST = 1
const LENGTH = 2
/** In 64-bit words, from its first word on: it has four before. */
const BYTES = 2

export interface QueuePlace {
  readonly words: Int32Array
  readonly doubles: Float64Array
  /** The first of its words: even. */
  readonly at: number
  readonly links?: number
  /** What a slot says of itself that is in it. */
  readonly name?: number
}

export class SharedQueue implements Line<Slot> {
  readonly #table: SlotTable
  readonly #words: Int32Array
  readonly #doubles: Float64Array
  readonly #at: number
  readonly #links: number
  readonly #name: number | undefined

  constructor(table: SlotTable, { words, doubles, at, links = LINKS, name }: QueuePlace) {
    this.#table = table
    this.#words = words
    this.#doubles = doubles
    this.#at = at
    this.#links = links
    this.#name = name
  }

  get bytes(): number {
    return this.#doubles[this.#at / 2 + BYTES] ?? 0
  }

  get length(): number {
    return this.#words[this.#at + LENGTH] ?? 0
  }

  get first(): Slot | undefined {
    return this.#slot(this.#words[this.#at + FIRST] ?? 0)
  }

  /** Those that are in it now: they may leave meanwhile. */
  *[Symbol.iterator](): Generator<Slot> {
    let slot = this.first
    while (slot !== undefined) {
      const next = this.#slot(slot.after(this.#links))
      yield slot
      slot = next
    }
  }

  add(slot: Slot): void {
    const last = this.#words[this.#at + LAST] ?? 0
    slot.setBefore(this.#links, last)
    slot.setAfter(this.#links, 0)
    this.#slot(last)?.setAfter(this.#links, slot.id)
    if (last === 0) this.#words[this.#at + FIRST] = slot.id
    this.#words[this.#at + LAST] = slot.id
    if (this.#name !== undefined) slot.queue = this.#name
    this.#count(1, slot.bytes)
  }

  remove(slot: Slot): void {
    const before = slot.before(this.#links)
    const after = slot.after(this.#links)
    if (before === 0) this.#words[this.#at + FIRST] = after
    else this.#slot(before)?.setAfter(this.#links, after)
    if (after === 0) this.#words[this.#at + LAST] = before
    else this.#slot(after)?.setBefore(this.#links, before)
    this.#count(-1, -slot.bytes)
  }

  #slot(id: number): Slot | undefined {
    return id === 0 ? undefined : this.#table.at(id)
  }

  #count(length: number, bytes: number): void {
    this.#words[this.#at + LENGTH] = this.length + length
    this.#doubles[this.#at / 2 + BYTES] = this.bytes + bytes
  }
}
