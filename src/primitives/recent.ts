// What was used lately, in bounded room. Two generations instead of a list in order of use: a look
// costs one look-up, and what was not used for a whole generation is gone with it.

export class Recent<Value, Key = string> {
  readonly #room: number
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
