// When something last happened, by name. Bounded: what is forgotten is only done once more.

const MAX_NOTES = 10_000

export class NotedInstants {
  readonly #notes = new Map<string, number>()

  note(name: string, at: number): void {
    if (this.#notes.size >= MAX_NOTES && !this.#notes.has(name)) this.#notes.clear()
    this.#notes.set(name, at)
  }

  forget(name: string): void {
    this.#notes.delete(name)
  }

  isWithin(name: string, ms: number, now: number): boolean {
    return this.within(name, ms, now) !== undefined
  }

  /** When, if it is not longer ago. */
  within(name: string, ms: number, now: number): number | undefined {
    const at = this.#notes.get(name)
    return at !== undefined && now - at < ms ? at : undefined
  }
}
