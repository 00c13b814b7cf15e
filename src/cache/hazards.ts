// Hazard pointers (Michael 2004): a thread that is about to read a slot names it in a cell of its own
// lane, and only then looks whether the slot still stands; whoever takes a slot away sees to it that it
// stands no more, and only then looks whether any cell names it. So one of the two always sees the other.
//
// A lane is its thread's alone. That of a thread that has ended is cleared, and with it its claims.

/** Always there, for what is read and left within one step. */
export const SCRATCH = 0
export const NO_CELL = -1
const NOBODY = 0
/** So few are looked at faster than they are forgotten and begun again. */
const MANY = 16

export class Hazards {
  /** Of each lane how many cells have ever been used since none was, and then the cells. */
  readonly #lanes: Int32Array
  readonly #stride: number
  readonly #first: number
  readonly #cells: number
  #used = SCRATCH + 1
  readonly #free: number[] = []

  constructor(lanes: Int32Array, laneCount: number, lane: number) {
    this.#lanes = lanes
    this.#stride = lanes.length / laneCount
    this.#first = lane * this.#stride
    this.#cells = this.#stride - 1
  }

  /** A cell that names nothing yet; `NO_CELL` when all are in use. */
  take(): number {
    const again = this.#free.pop()
    if (again !== undefined) return again
    if (this.#used >= this.#cells) return NO_CELL
    const cell = this.#used
    this.#used += 1
    return cell
  }

  /** What it names is not used for anything else, if it stands after this. */
  name(cell: number, slot: number): void {
    const lanes = this.#lanes
    const first = this.#first
    if (cell >= (lanes[first] ?? 0)) Atomics.store(lanes, first, this.#used)
    Atomics.store(lanes, first + 1 + cell, slot)
  }

  withdraw(cell: number): void {
    Atomics.store(this.#lanes, this.#first + 1 + cell, NOBODY)
    if (cell === SCRATCH) return
    this.#free.push(cell)
    if (this.#used > MANY && this.#free.length === this.#used - 1) this.#forgetCells()
  }

  /** By any thread. */
  isNamed(slot: number): boolean {
    const lanes = this.#lanes
    for (let first = 0; first < lanes.length; first += this.#stride) {
      const used = Atomics.load(lanes, first)
      for (let cell = first + 1; cell <= first + used; cell += 1) {
        if (Atomics.load(lanes, cell) === slot) return true
      }
    }
    return false
  }

  /** Of a thread that has ended. */
  clear(lane: number): void {
    const first = lane * this.#stride
    for (let word = first; word < first + this.#stride; word += 1) {
      Atomics.store(this.#lanes, word, NOBODY)
    }
  }

  /** So that others need not look at them. */
  #forgetCells(): void {
    this.#free.length = 0
    this.#used = SCRATCH + 1
    Atomics.store(this.#lanes, this.#first, this.#used)
  }
}
