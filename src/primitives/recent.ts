// What was used lately, in bounded room. Two generations instead of a list in order of use: a look
// costs one look-up, and what was not used for a whole generation is gone with it.

/** A prime, so that who offers now this and now that is not in step with it. */
const OFFERS_PER_PLACE = 17

export class Recent<Value, Key = string> {
  readonly #room: number
  #offers = 0
  #young = new Map<Key, { value: Value; weight: number }>()
  #old = new Map<Key, { value: Value; weight: number }>()
  #weight = 0

  /** `room` is the most that all weights together may be. */
  constructor(room: number) {
    this.#room = room
  }

  get(key: Key): Value | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young.value
    const old = this.#old.get(key)
    if (old === undefined) return undefined
    this.#old.delete(key)
    this.set(key, old.value, old.weight)
    return old.value
  }

  set(key: Key, value: Value, weight: number): void {
    const generation = this.#room / 2
    if (weight > generation) return
    this.delete(key)
    if (this.#weight + weight > generation) {
      this.#old = this.#young
      this.#young = new Map()
      this.#weight = 0
    }
    this.#young.set(key, { value, weight })
    this.#weight += weight
  }

  /**
   * As `set`, but only one of so many: what is offered often comes to stay, and what passes by does not. For
   * what is made in a microsecond or two: most of it is to die young, since what lives for a while and dies
   * then costs the garbage collector more than to make it anew.
   */
  offer(key: Key, value: Value, weight: number): void {
    this.#offers = (this.#offers + 1) % OFFERS_PER_PLACE
    if (this.#offers === 0) this.set(key, value, weight)
  }

  delete(key: Key): void {
    this.#old.delete(key)
    this.#weight -= this.#young.get(key)?.weight ?? 0
    this.#young.delete(key)
  }

  clear(): void {
    this.#young.clear()
    this.#old.clear()
    this.#weight = 0
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }
}
