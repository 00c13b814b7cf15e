// Tells loudly that a sink of the audit log is in trouble, and not at every record of it.

import type { Emit } from '../exchange/event.ts'
import { monotonic } from '../primitives/clock.ts'

const AGAIN_MS = 10_000

export class AuditTrouble {
  readonly #sink: string
  readonly #emit: Emit
  #reason: string | undefined
  #lost = 0
  #isLosing = false
  #toldAt = Number.NEGATIVE_INFINITY
  #isTold = false

  constructor(sink: string, emit: Emit) {
    this.#sink = sink
    this.#emit = emit
  }

  failing(error: unknown): void {
    this.#reason = reasonOf(error)
    this.#tell(false)
  }

  /** `count` records will never arrive. */
  lost(count: number): void {
    const isNew = !this.#isLosing
    this.#lost += count
    this.#isLosing = true
    this.#tell(isNew)
  }

  /** What waited arrives again. */
  well(): void {
    if (this.#reason === undefined && !this.#isLosing) return
    // Of what comes and goes again and again, only what was told is taken back.
    if (this.#isTold)
      this.#emit({ kind: 'audit', sink: this.#sink, state: 'back', lost: this.#lost })
    this.#isTold = false
    this.#reason = undefined
    this.#lost = 0
    this.#isLosing = false
  }

  #tell(isNew: boolean): void {
    const at = monotonic()
    if (!isNew && at - this.#toldAt < AGAIN_MS) return
    this.#toldAt = at
    this.#isTold = true
    const state = this.#isLosing ? 'losing' : 'failing'
    const reason = this.#reason ?? 'it does not take them as fast as they come'
    this.#emit({ kind: 'audit', sink: this.#sink, state, reason, lost: this.#lost })
  }
}

function reasonOf(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error)
  return reason.slice(0, 300)
}
