// So many bytes a second, with some at once after a pause. What is taken is paid for by instants: the
// one until which everything taken so far is paid moves on with each taking, so that one number is all
// there is to keep, and several who share it queue up by themselves.

import { hash, randomBytes } from 'node:crypto'

export interface ByteRate {
  readonly bytesPerSecond: number
  /** What may be taken at once. */
  readonly burstBytes: number
}

/** Microseconds, all of them, of one clock. */
interface Taking {
  readonly costUs: number
  readonly burstUs: number
  readonly nowUs: number
}

function takingOf({ bytesPerSecond, burstBytes }: ByteRate, bytes: number, nowMs: number): Taking {
  const usPerByte = 1_000_000 / bytesPerSecond
  return {
    costUs: Math.ceil(bytes * usPerByte),
    burstUs: Math.floor(burstBytes * usPerByte),
    nowUs: Math.floor(nowMs * 1000),
  }
}

/** Where it is paid up to, once this is taken. */
function paidAfter(paidUs: number, { costUs, burstUs, nowUs }: Taking): number {
  return Math.max(paidUs, nowUs - burstUs) + costUs
}

/** One taker's own. */
export class BytePace {
  readonly #rate: ByteRate
  #paidUs = Number.NEGATIVE_INFINITY

  constructor(rate: ByteRate) {
    this.#rate = rate
  }

  /** Takes them, and says how long it is until they may be used, in ms. */
  take(bytes: number, nowMs: number): number {
    const taking = takingOf(this.#rate, bytes, nowMs)
    this.#paidUs = paidAfter(this.#paidUs, taking)
    return Math.max(0, this.#paidUs - taking.nowUs) / 1000
  }
}

const SALT_BYTES = 16
const ENTRY_BYTES = 16
const ENTRIES = 16_384
/** A name stands in one of so many entries. */
const WAYS = 8
const NOBODY = 0n

export function createPaceMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(SALT_BYTES + ENTRIES * ENTRY_BYTES)
  new Uint8Array(memory, 0, SALT_BYTES).set(randomBytes(SALT_BYTES))
  return memory
}

/** Whose pace it is, as the table knows them. */
export type PaceName = bigint

/**
 * The paces of many, by name, over several threads, in room that is bounded. Who has not taken
 * anything for so long that all is paid need not be remembered: an entry is then another's. Where
 * there is none, two share one, and none of them is too fast.
 */
export class SharedPaces {
  readonly #salt: string
  readonly #entries: BigInt64Array<SharedArrayBuffer>

  constructor(memory: SharedArrayBuffer) {
    this.#salt = Buffer.from(memory, 0, SALT_BYTES).toString('hex')
    this.#entries = new BigInt64Array(memory, SALT_BYTES)
  }

  /** Salted, so that nobody can choose a name that stands in another's place. */
  nameOf(text: string): PaceName {
    const digest = hash('sha256', this.#salt + text, 'buffer')
    return digest.readBigInt64LE(0) | 1n
  }

  /** As `BytePace.take`. */
  take(name: PaceName, rate: ByteRate, bytes: number, nowMs: number): number {
    const taking = takingOf(rate, bytes, nowMs)
    const paid = this.#entryOf(name, taking) + 1
    for (;;) {
      const known = Atomics.load(this.#entries, paid)
      const next = paidAfter(Number(known), taking)
      if (Atomics.compareExchange(this.#entries, paid, known, BigInt(next)) === known) {
        return Math.max(0, next - taking.nowUs) / 1000
      }
    }
  }

  /** The name's own, else one that nobody needs, else the one that is needed least. */
  #entryOf(name: PaceName, { nowUs, burstUs }: Taking): number {
    const entries = this.#entries
    const first = Number(BigInt.asUintN(32, name >> 1n) % BigInt(ENTRIES / WAYS)) * WAYS * 2
    let least = first
    let leastPaid = Number.POSITIVE_INFINITY
    let free: number | undefined
    for (let entry = first; entry < first + WAYS * 2; entry += 2) {
      const known = Atomics.load(entries, entry)
      if (known === name) return entry
      const paid = Number(Atomics.load(entries, entry + 1))
      if (known === NOBODY || paid <= nowUs - burstUs) free ??= entry
      if (paid < leastPaid) {
        least = entry
        leastPaid = paid
      }
    }
    if (free === undefined) return least
    Atomics.store(entries, free, name)
    return free
  }
}
