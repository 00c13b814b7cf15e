// From the hash of a key to slots, for all threads: chains, into which only the holder of the lock puts
// anything, and through which everybody walks without asking.
//
// Whoever walks may come to a slot that has left its chain: it still leads on where it led to, until it
// comes to stand in another chain. Then the version has grown, and who has found nothing looks again.

import { CONTROL } from './shared-memory.ts'
import { isLive } from './slot-table.ts'
import type { Slot, SlotTable } from './slot-table.ts'

const MOST_LOOKS = 4
const MOST_STEPS = 64

/** Whether it is the one that is looked for; `word` is what it stood for when it was come to. */
export type IsWanted = (id: number, word: number) => boolean

export class SharedIndex {
  readonly #table: SlotTable
  readonly #chains: Int32Array
  readonly #control: Int32Array
  readonly #mask: number

  constructor(table: SlotTable, chains: Int32Array, control: Int32Array) {
    this.#table = table
    this.#chains = chains
    this.#control = control
    this.#mask = chains.length - 1
  }

  /** Undefined where none of those that stand is wanted. */
  find(low: number, high: number, isWanted: IsWanted): number | undefined {
    for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
      const version = Atomics.load(this.#control, CONTROL.version)
      const id = this.#walk(low, high, isWanted)
      if (id !== undefined) return id
      if (Atomics.load(this.#control, CONTROL.version) === version) return undefined
    }
    return undefined
  }

  #walk(low: number, high: number, isWanted: IsWanted): number | undefined {
    const table = this.#table
    let id = Atomics.load(this.#chains, low & this.#mask)
    for (let steps = 0; id !== 0 && steps < MOST_STEPS; steps += 1) {
      const word = table.wordOf(id)
      if (isLive(word) && table.hasHash(id, low, high) && isWanted(id, word)) return id
      id = table.nextOf(id)
    }
    return undefined
  }

  /** Under the lock. */
  link(slot: Slot): void {
    const chain = slot.hash & this.#mask
    Atomics.add(this.#control, CONTROL.version, 1)
    slot.next = Atomics.load(this.#chains, chain)
    Atomics.store(this.#chains, chain, slot.id)
  }

  /** Under the lock. */
  unlink(slot: Slot): void {
    const chain = slot.hash & this.#mask
    const first = Atomics.load(this.#chains, chain)
    if (first === slot.id) {
      Atomics.store(this.#chains, chain, slot.next)
      return
    }
    let before = this.#table.at(first)
    while (before.next !== slot.id) before = this.#table.at(before.next)
    before.next = slot.next
  }

  /** Under the lock: nothing is found any more. */
  clear(): void {
    Atomics.add(this.#control, CONTROL.version, 1)
    this.#chains.fill(0)
  }
}
