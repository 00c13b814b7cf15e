// Things that outlive whoever made them, found again by what they are, and kept for as long as
// anybody holds them.

export class Commons<Thing> {
  readonly #close: (thing: Thing) => void
  readonly #held = new Map<string, { readonly thing: Thing; holders: number }>()

  /** `close` is called when nobody holds a thing any more. */
  constructor(close: (thing: Thing) => void) {
    this.#close = close
  }

  get size(): number {
    return this.#held.size
  }

  take(key: string, create: () => Thing): Thing {
    const known = this.#held.get(key)
    if (known !== undefined) {
      known.holders += 1
      return known.thing
    }
    const thing = create()
    this.#held.set(key, { thing, holders: 1 })
    return thing
  }

  /** As often as it was taken. */
  release(key: string): void {
    const known = this.#held.get(key)
    if (known === undefined) throw new Error('what nobody holds is released')
    known.holders -= 1
    if (known.holders > 0) return
    this.#held.delete(key)
    this.#close(known.thing)
  }
}

/** What one holder has taken, of several kinds. */
export class Holdings {
  #releases: (() => void)[] = []

  take<Thing>(commons: Commons<Thing>, key: string, create: () => Thing): Thing {
    const thing = commons.take(key, create)
    this.#releases.push(() => commons.release(key))
    return thing
  }

  /** All of it, once: what was taken last goes first. */
  release(): void {
    const releases = this.#releases.reverse()
    this.#releases = []
    for (const release of releases) release()
  }
}
