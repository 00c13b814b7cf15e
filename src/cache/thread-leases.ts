// Leases among the threads of a process, in memory that they share. Who waits is woken by what it waits
// for, and tells the holder how far it has come, so that nobody is held up by the clients of another
// thread. What a thread held that died, or hangs, is nobody's.

import type { CancelSignal } from '../primitives/cancel.ts'
import { sharedMonotonic } from '../primitives/clock.ts'
import { KeyedHash } from '../primitives/keyed-hash.ts'
import { LeaseTable } from '../primitives/lease-table.ts'
import type { LeaseKey, LeaseMemory, Slot } from '../primitives/lease-table.ts'
import { HeldLease } from './held-lease.ts'
import type { Claim, Lease, LeasedRun, Leases, WaitEnd } from './lease.ts'

/** For something to come: an origin that hangs for one may answer another. */
const PATIENCE_MS = 10_000
/** Who waits looks whether the holder still lives; who holds shows that it does. */
const LOOK_MS = 250
const BEAT_MS = 500

export interface ThreadLeasesOptions {
  readonly memory: LeaseMemory
  /** Which of the threads this is. */
  readonly lane: number
  readonly random: () => number
  readonly patienceMs?: number
}

interface Held {
  readonly slot: Slot
  /** Told of the fill so far. */
  wanted: number
}

export class ThreadLeases implements Leases {
  readonly isOn = true
  readonly #table: LeaseTable
  readonly #hash = new KeyedHash()
  readonly #held = new Map<HeldLease, Held>()
  readonly #patienceMs: number
  #isBeating = false

  constructor({ memory, lane, random, patienceMs = PATIENCE_MS }: ThreadLeasesOptions) {
    this.#table = new LeaseTable(memory, lane, random)
    this.#patienceMs = patienceMs
  }

  async claim(name: string, run: LeasedRun): Promise<Claim> {
    const key = this.#keyOf(name)
    void this.#beat()
    const claim = this.#table.claim(key, run, sharedMonotonic())
    if (claim.kind !== 'granted') return claim
    const { slot, last } = claim
    return { kind: 'granted', lease: this.#hold(key, slot, { first: run.first, last }), last }
  }

  insist(name: string, run: LeasedRun): Lease {
    const key = this.#keyOf(name)
    void this.#beat()
    const slot = this.#table.insist(key, run, sharedMonotonic())
    return slot === undefined ? UNTOLD : this.#hold(key, slot, run)
  }

  async isTaken(name: string, index: number): Promise<boolean> {
    return this.#table.look(this.#keyOf(name), index, sharedMonotonic()) !== undefined
  }

  async wait(name: string, index: number, { signal }: WaitEnd): Promise<boolean> {
    const key = this.#keyOf(name)
    let until = sharedMonotonic() + this.#patienceMs
    let seen: number | undefined
    for (;;) {
      const at = sharedMonotonic()
      if (at >= until || signal?.isCancelled === true) return false
      const watch = this.#table.want(key, index, at)
      if (watch === undefined) return true
      // It has gone on meanwhile.
      if (seen !== undefined && seen !== watch.seen) until = at + this.#patienceMs
      seen = watch.seen
      const changed = this.#table.changed(watch, Math.min(LOOK_MS, until - at))
      await orCancelled(changed, signal)
    }
  }

  #keyOf(name: string): LeaseKey {
    const hash = this.#hash
    hash.begin(...this.#table.secret)
    hash.add(name)
    hash.end()
    return { low: hash.low, high: hash.high }
  }

  #hold(key: LeaseKey, slot: Slot, run: LeasedRun): Lease {
    const table = this.#table
    const lease = new HeldLease(run, {
      renew: ({ first }) => table.pass(key, slot, first),
      goesOn: () => table.touch(key, slot),
      release: (openMs) => {
        table.release(key, slot, openMs === 0 ? undefined : sharedMonotonic() + openMs)
      },
      onEnd: () => this.#held.delete(lease),
    })
    this.#held.set(lease, { slot, wanted: run.first - 1 })
    return lease
  }

  /** For as long as something is held here, and a little longer. */
  async #beat(): Promise<void> {
    if (this.#isBeating) return
    this.#isBeating = true
    do {
      const rung = this.#table.beat(sharedMonotonic())
      this.#tellWanted()
      await this.#table.changed(rung, BEAT_MS)
    } while (this.#held.size > 0)
    this.#isBeating = false
  }

  #tellWanted(): void {
    for (const [lease, held] of this.#held) {
      const wanted = this.#table.wanted(held.slot)
      if (wanted === undefined || wanted <= held.wanted) continue
      held.wanted = wanted
      lease.tellWanted(wanted)
    }
  }
}

/** There is no room to say who fetches it: others may, too. */
const UNTOLD: Lease = {
  passed: () => undefined,
  goesOn: () => undefined,
  heed: () => undefined,
  release: () => undefined,
}

function orCancelled(changed: Promise<void>, signal: CancelSignal | undefined): Promise<void> {
  if (signal === undefined) return changed
  return new Promise((resolve) => {
    const end = (): void => {
      signal.offCancel(end)
      resolve()
    }
    signal.onCancel(end)
    void changed.then(end)
  })
}
