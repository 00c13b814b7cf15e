// Every visit of a soak, counted: what came out as wanted, what a trouble excuses, and what nothing
// explains.

import { table } from '../table.ts'
import type { Trouble } from './trouble.ts'
import type { Outcome } from './visits.ts'

interface Spell {
  readonly trouble: Trouble
  readonly from: number
  until: number
}

const MOST_TOLD = 30

export class Ledger {
  readonly #spells: Spell[] = []
  readonly #counts = new Map<string, number>()
  readonly #excused = new Map<string, number>()
  readonly #unexplained: string[] = []
  readonly #hitMs: number[] = []
  visits = 0

  begin(trouble: Trouble): () => void {
    const spell = { trouble, from: performance.now(), until: Infinity }
    this.#spells.push(spell)
    return () => (spell.until = performance.now() + trouble.graceMs)
  }

  add(outcome: Outcome): void {
    const { visit, status, code, startedAt, endedAt } = outcome
    this.visits += 1
    count(this.#counts, `${visit.kind}: ${status}`)
    if (visit.kind === 'asset') this.#hitMs.push(endedAt - startedAt)
    if (typeof status === 'number' && visit.wanted.includes(status)) return
    const spells = this.#spells.filter(({ from, until }) => startedAt <= until && endedAt >= from)
    const excuse = spells.find(({ trouble }) => trouble.excuses(outcome))
    const what = `${visit.kind}: ${status} ${code ?? ''}`.trim()
    if (excuse !== undefined) count(this.#excused, `${excuse.trouble.name} / ${what}`)
    else {
      const names = spells.map(({ trouble }) => trouble.name).join(', ')
      this.#unexplained.push(`${visit.path} ${what} (${names === '' ? 'no trouble' : names})`)
    }
  }

  get unexplained(): number {
    return this.#unexplained.length
  }

  report(): string {
    const rows = (counts: ReadonlyMap<string, number>): string[][] =>
      [...counts].toSorted(([a], [b]) => a.localeCompare(b)).map(([name, n]) => [name, String(n)])
    const sorted = this.#hitMs.toSorted((a, b) => a - b)
    const at = (share: number): string =>
      (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1)
    return [
      table([['visit: answer', 'visits'], ...rows(this.#counts)], 1),
      table([['trouble / what it excuses', 'visits'], ...rows(this.#excused)], 1),
      `assets, ms: p50 ${at(0.5)}, p99 ${at(0.99)}, p99.9 ${at(0.999)}`,
      `unexplained: ${this.unexplained} of ${this.visits}`,
      ...this.#unexplained.slice(0, MOST_TOLD),
    ].join('\n\n')
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
