// The chain: each record holds the hash of the one before it and a hash of itself, so that none can be
// changed, taken out or moved without all that follow telling of it. The hash of a record is that of its
// text up to the hash: a verifier needs no JSON, and no two programs can differ in how they write one.

import { hash } from 'node:crypto'

import type { Entry } from './audit-record.ts'

/** The last record of a chain, as far as the next has to know it. */
export interface ChainHead {
  readonly seq: number
  readonly hash: string
}

/** Before the first record. */
export const NOTHING_YET: ChainHead = { seq: 0, hash: '0'.repeat(64) }

export interface ChainedRecord {
  readonly seq: number
  readonly severity: number
  /** Without its line end. */
  readonly line: string
  readonly bytes: number
}

export interface ReadRecord extends ChainHead {
  readonly previous: string
  readonly kind: string
  /** As it was written. */
  readonly time: string
  /** Its own hash is right. */
  readonly isIntact: boolean
}

export class Chain {
  #head: ChainHead

  constructor(head: ChainHead = NOTHING_YET) {
    this.#head = head
  }

  get head(): ChainHead {
    return this.#head
  }

  add(entry: Entry): ChainedRecord {
    const seq = this.#head.seq + 1
    const text = `{"seq":${seq},"previous":"${this.#head.hash}",${entry.slice(1)}`
    const own = hash('sha256', text, 'hex')
    this.#head = { seq, hash: own }
    const line = `${text},"hash":"${own}"}`
    return { seq, severity: entry.charCodeAt(0) - ZERO, line, bytes: Buffer.byteLength(line) + 1 }
  }
}

const ZERO = 48
const RECORD =
  /^(\{"seq":(\d{1,15}),"previous":"([0-9a-f]{64})","kind":"([a-z]+)","time":"([^"]{1,40})".*),"hash":"([0-9a-f]{64})"\}$/

/** Undefined: it is no record. */
export function parseRecord(line: string): ReadRecord | undefined {
  const match = RECORD.exec(line)
  if (match === null) return undefined
  const [, text = '', seq, previous = '', kind = '', time = '', own = ''] = match
  const isIntact = hash('sha256', text, 'hex') === own
  return { seq: Number(seq), hash: own, previous, kind, time, isIntact }
}
