// Something that takes room in memory, and queues of such things.

/** What is known of whoever takes room, wherever that is kept. */
export interface Residing {
  readonly hash: number
  readonly bytes: number
  /** How often it was asked for since it last had to show that it is. */
  uses: number
}

/** First in, first out; but anyone may leave. */
export interface Line<Item extends Residing> {
  readonly bytes: number
  readonly length: number
  readonly first: Item | undefined
  add(item: Item): void
  remove(item: Item): void
}

export class Resident<Value> implements Residing {
  readonly key: string
  readonly hash: number
  readonly bytes: number
  readonly value: Value
  uses = 0
  queue: Queue<Value> | undefined
  before: Resident<Value> | undefined
  after: Resident<Value> | undefined

  constructor(key: string, hash: number, bytes: number, value: Value) {
    this.key = key
    this.hash = hash
    this.bytes = bytes
    this.value = value
  }
}

export class Queue<Value> implements Line<Resident<Value>> {
  #first: Resident<Value> | undefined
  #last: Resident<Value> | undefined
  #bytes = 0
  #length = 0

  get bytes(): number {
    return this.#bytes
  }

  get length(): number {
    return this.#length
  }

  get first(): Resident<Value> | undefined {
    return this.#first
  }

  add(resident: Resident<Value>): void {
    resident.queue = this
    resident.before = this.#last
    resident.after = undefined
    if (this.#last === undefined) this.#first = resident
    else this.#last.after = resident
    this.#last = resident
    this.#bytes += resident.bytes
    this.#length += 1
  }

  remove(resident: Resident<Value>): void {
    const { before, after } = resident
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    resident.queue = undefined
    resident.before = undefined
    resident.after = undefined
    this.#bytes -= resident.bytes
    this.#length -= 1
  }
}
