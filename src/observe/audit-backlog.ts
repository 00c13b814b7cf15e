// What waits for one sink, bounded by bytes. Once it is full it takes nothing until half of it has gone:
// what is lost then lies in one piece, and is told as one.

import type { ChainedRecord } from './audit-chain.ts'
import type { Lost } from './audit-record.ts'

export class AuditBacklog {
  readonly #maxBytes: number
  #records: ChainedRecord[] = []
  /** How many of them have gone. */
  #gone = 0
  #bytes = 0
  #gap: { from: number; to: number; count: number } | undefined

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get length(): number {
    return this.#records.length - this.#gone
  }

  /** False: it is lost. */
  push(record: ChainedRecord): boolean {
    const room = this.#gap === undefined ? this.#maxBytes : this.#maxBytes / 2
    if (this.#bytes + record.bytes > room) {
      const { from = record.seq, count = 0 } = this.#gap ?? {}
      this.#gap = { from, to: record.seq, count: count + 1 }
      return false
    }
    this.#records.push(record)
    this.#bytes += record.bytes
    return true
  }

  /** Something was lost, and is not told yet. */
  get hasGap(): boolean {
    return this.#gap !== undefined
  }

  /** What was lost, once there is room to tell it. */
  takeGap(): Omit<Required<Lost>, 'sink'> | undefined {
    const gap = this.#gap
    if (gap === undefined || this.#bytes > this.#maxBytes / 2) return undefined
    this.#gap = undefined
    return gap
  }

  /** The oldest, as many as `maxBytes` hold and one at least. */
  next(maxBytes: number): readonly ChainedRecord[] {
    let bytes = 0
    let end = this.#gone
    for (; end < this.#records.length; end += 1) {
      bytes += this.#records[end]?.bytes ?? 0
      if (end > this.#gone && bytes > maxBytes) break
    }
    return this.#records.slice(this.#gone, end)
  }

  /** The oldest have arrived. */
  remove(count: number): void {
    for (let index = this.#gone; index < this.#gone + count; index += 1) {
      this.#bytes -= this.#records[index]?.bytes ?? 0
    }
    this.#gone += count
    if (this.#gone < 1000 && this.length > 0) return
    this.#records.splice(0, this.#gone)
    this.#gone = 0
  }
}
