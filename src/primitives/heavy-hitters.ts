// Which names come most often, in room that does not grow with the number of names (Space-Saving,
// Metwally 2005): a name that is new takes the place of the one that came least, and inherits its
// count as its error. Counts fade, so that what was asked for yesterday does not stand before what is
// asked for now.

export interface HeavyHitter {
  readonly name: string
  /** Never less than the name's true weight, and at most `error` more. */
  readonly count: number
  readonly error: number
  /** Told with it, summed since it is counted here. */
  readonly bytes: number
  readonly hits: number
}

interface Entry {
  name: string
  count: number
  error: number
  bytes: number
  hits: number
}

/** What fades below this is forgotten. */
const FORGOTTEN = 0.05

export class HeavyHitters {
  readonly #room: number
  readonly #entries = new Map<string, Entry>()

  constructor(room: number) {
    this.#room = room
  }

  /** As if it had come `weight` times. */
  add(name: string, weight: number, bytes: number, isHit: boolean): void {
    const entry = this.#entries.get(name) ?? this.#enter(name)
    entry.count += weight
    entry.bytes += bytes * weight
    if (isHit) entry.hits += weight
  }

  /** All of it becomes so much of what it was. */
  fade(factor: number): void {
    for (const entry of this.#entries.values()) {
      entry.count *= factor
      entry.error *= factor
      entry.bytes *= factor
      entry.hits *= factor
      if (entry.count < FORGOTTEN) this.#entries.delete(entry.name)
    }
  }

  /** In no order. */
  all(): HeavyHitter[] {
    return [...this.#entries.values()].map((entry) => ({ ...entry }))
  }

  #enter(name: string): Entry {
    const entry: Entry = { name, count: 0, error: 0, bytes: 0, hits: 0 }
    if (this.#entries.size >= this.#room) {
      const least = this.#least()
      this.#entries.delete(least.name)
      entry.count = least.count
      entry.error = least.count
    }
    this.#entries.set(name, entry)
    return entry
  }

  #least(): Entry {
    let least: Entry | undefined
    for (const entry of this.#entries.values()) {
      if (least === undefined || entry.count < least.count) least = entry
    }
    return least ?? { name: '', count: 0, error: 0, bytes: 0, hits: 0 }
  }
}
