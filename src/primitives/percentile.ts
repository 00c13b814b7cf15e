// A percentile of recent measurements: a ring of the last samples, sorted at most once for every
// few that arrive, so that asking is cheap on a hot path.

const CAPACITY = 256
const ENOUGH = 20
const STALE_AFTER = 16

export class RecentPercentile {
  readonly #samples: number[] = []
  readonly #fraction: number
  #next = 0
  #sinceSorted = STALE_AFTER
  #value: number | undefined

  constructor(percentile: number) {
    this.#fraction = percentile / 100
  }

  add(sample: number): void {
    this.#samples[this.#next] = sample
    this.#next = (this.#next + 1) % CAPACITY
    this.#sinceSorted += 1
  }

  /** Undefined until there are enough samples to mean anything. */
  value(): number | undefined {
    if (this.#samples.length < ENOUGH) return undefined
    if (this.#sinceSorted >= STALE_AFTER) this.#refresh()
    return this.#value
  }

  #refresh(): void {
    const sorted = this.#samples.toSorted((a, b) => a - b)
    this.#value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * this.#fraction))]
    this.#sinceSorted = 0
  }
}
