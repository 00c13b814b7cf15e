// Whether a chain of records is whole: each unchanged, each after the one it names, none missing but
// those that the chain itself tells to be lost.

import { NOTHING_YET, parseRecord } from './audit-chain.ts'
import type { ReadRecord } from './audit-chain.ts'

export type Verdict =
  | {
      readonly kind: 'whole'
      readonly records: number
      readonly first: number
      readonly last: number
      /** That records tell of which are there. */
      readonly lost: number
      /** The last line is not whole: the program was ended while it wrote. */
      readonly isTorn: boolean
      /** The last record is that of a program's end: none can be missing after it. */
      readonly isEnded: boolean
    }
  | { readonly kind: 'broken'; readonly at: Place; readonly fault: string }
  | { readonly kind: 'empty' }

/** A line of a file, from 1 on. */
export interface Place {
  readonly file: string
  readonly line: number
}

interface Gap {
  readonly at: Place
  readonly from: number
  readonly to: number
}

/** As many as are worth looking for what explains them. */
const MOST_GAPS = 1000

export class Verifier {
  #first: number | undefined
  #last: ReadRecord | undefined
  #records = 0
  #lost = 0
  #gaps: Gap[] = []
  #broken: { readonly at: Place; readonly fault: string } | undefined
  #isTorn = false

  /** In the order of the files; `isWhole`: the line has its end. */
  read(line: string, at: Place, isWhole = true): void {
    if (this.#broken !== undefined) return
    if (this.#isTorn) return this.#break(at, 'something follows a line that is not whole')
    const record = parseRecord(line)
    if (record === undefined) {
      if (isWhole) this.#break(at, 'is no audit record, or one that was changed')
      else this.#isTorn = true
      return
    }
    if (!record.isIntact) return this.#break(at, `record ${record.seq} was changed`)
    this.#follow(record, at)
    this.#records += 1
    this.#last = record
    if (record.kind === 'lost') this.#explain(line)
  }

  verdict(): Verdict {
    const [gap] = this.#gaps
    if (gap !== undefined && isBefore(gap, this.#broken)) {
      return { kind: 'broken', at: gap.at, fault: `${missing(gap)} before it` }
    }
    if (this.#broken !== undefined) return { kind: 'broken', ...this.#broken }
    if (this.#first === undefined || this.#last === undefined) return { kind: 'empty' }
    const [first, last, isTorn] = [this.#first, this.#last.seq, this.#isTorn]
    const isEnded = this.#last.kind === 'end' && !isTorn
    const [records, lost] = [this.#records, this.#lost]
    return { kind: 'whole', records, first, last, lost, isTorn, isEnded }
  }

  #follow({ seq, previous }: ReadRecord, at: Place): void {
    const last = this.#last
    if (last === undefined) {
      this.#first = seq
      if (seq === 1 && previous !== NOTHING_YET.hash) this.#break(at, 'record 1 follows something')
      return
    }
    if (seq === last.seq + 1) {
      if (previous === last.hash) return
      return this.#break(at, `record ${seq} does not follow the one before it, which was replaced`)
    }
    if (seq > last.seq) {
      this.#gaps.push({ at, from: last.seq + 1, to: seq - 1 })
      if (this.#gaps.length > MOST_GAPS) this.#break(at, 'too much is missing')
      return
    }
    if (seq === 1 && previous === NOTHING_YET.hash) {
      return this.#break(at, 'a new chain begins, which does not tell of what was before it')
    }
    const gap = this.#gaps.find(({ from, to }) => seq >= from && seq <= to)
    if (gap === undefined) return this.#break(at, `record ${seq} stands there a second time`)
    this.#gaps = this.#gaps.filter((other) => other !== gap)
    const fault = `record ${gap.to + 1} is out of order: record ${seq} comes after it`
    this.#break(gap.at, fault)
  }

  /** What the chain tells of itself is no fault. */
  #explain(line: string): void {
    const told: { from?: number; to?: number; count?: number } = JSON.parse(line)
    const { from = Number.NaN, to = Number.NaN, count = 0 } = told
    const explained = this.#gaps.filter((gap) => gap.from >= from && gap.to <= to)
    this.#gaps = this.#gaps.filter((gap) => !explained.includes(gap))
    if (explained.length > 0 || told.from === undefined) this.#lost += count
  }

  #break(at: Place, fault: string): void {
    this.#broken ??= { at, fault }
  }
}

function missing({ from, to }: Gap): string {
  return from === to ? `record ${from} is missing` : `records ${from} to ${to} are missing`
}

/** Faults are told in the order of the lines: a gap was seen before whatever broke off the reading. */
function isBefore({ at }: Gap, broken: { readonly at: Place } | undefined): boolean {
  if (broken === undefined || broken.at.file !== at.file) return true
  return at.line <= broken.at.line
}
