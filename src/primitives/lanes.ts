// How many of something there are, over several threads: each thread counts in a lane of its own, and
// all read the sum. What a thread leaves behind that ends without a word stands in its lane alone, and
// is cleared with it. The lanes of one row lie side by side, so that they are read at one go.

export interface LaneMemory {
  readonly cells: SharedArrayBuffer
  readonly lanes: number
  /** What is no thread's own. */
  readonly common: SharedArrayBuffer
}

const CELL_BYTES = Int32Array.BYTES_PER_ELEMENT
const MOST_TRIES = 8

export interface LaneSize {
  readonly rows: number
  readonly lanes: number
  /** How many cells are no thread's own. */
  readonly common: number
}

export function createLaneMemory({ rows, lanes, common }: LaneSize): LaneMemory {
  return {
    cells: new SharedArrayBuffer(rows * lanes * CELL_BYTES),
    lanes,
    common: new SharedArrayBuffer(common * CELL_BYTES),
  }
}

/** What a thread counted that has ended, for good. */
export function clearLane({ cells, lanes }: LaneMemory, lane: number): void {
  const all = new Int32Array(cells)
  for (let cell = lane; cell < all.length; cell += lanes) Atomics.store(all, cell, 0)
}

/** Nobody counts anything there now. */
export function isEmpty({ cells }: LaneMemory): boolean {
  return new Int32Array(cells).every((count) => count === 0)
}

export function laneRow({ cells, lanes }: LaneMemory, row: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(cells, row * lanes * CELL_BYTES, lanes)
}

/** One row, seen from one lane. */
export class LaneCount {
  readonly #row: Int32Array<SharedArrayBuffer>
  readonly #lane: number

  constructor(memory: LaneMemory, row: number, lane: number) {
    this.#row = laneRow(memory, row)
    this.#lane = lane
  }

  get sum(): number {
    const row = this.#row
    let sum = 0
    for (let lane = 0; lane < row.length; lane += 1) sum += Atomics.load(row, lane)
    return sum
  }

  /**
   * One more, unless there are so many already. Counted first and summed then, so that of several who
   * come at once no two can believe that they are the last for whom there is room.
   */
  tryAdd(limit: number): boolean {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      Atomics.add(this.#row, this.#lane, 1)
      if (this.#isFarBelow(limit) || this.sum <= limit) return true
      this.remove()
      // Each may have seen the other, and there is room for one of them after all.
      if (this.sum >= limit) return false
    }
    return false
  }

  /**
   * Far from the limit a plain look does, which costs a tenth: at most it misses what each of the
   * others is adding at this moment, and there is room for all of that.
   */
  #isFarBelow(limit: number): boolean {
    const row = this.#row
    if (row.length * 4 > limit) return false
    let sum = 0
    for (let lane = 0; lane < row.length; lane += 1) sum += row[lane] ?? 0
    return sum <= limit >> 1
  }

  remove(): void {
    Atomics.sub(this.#row, this.#lane, 1)
  }
}
