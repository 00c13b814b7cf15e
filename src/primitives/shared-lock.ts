// Locks in memory that threads share, one for each of many places, for times so short that whoever
// comes waits where it stands. A lock whose holder has died is taken away from it.

const SPINS = 2000
/** Of a millisecond: nobody holds a lock for so long who lives and is let run. */
const STEAL_AFTER_NAPS = 100

/** One thread's way to them. It holds one at a time. */
export class SharedLock {
  readonly #words: Int32Array<SharedArrayBuffer>
  /** Odd, and another each time: what a lock is held with. */
  #ticket: number
  #place = 0

  constructor(words: Int32Array<SharedArrayBuffer>, random: () => number) {
    this.#words = words
    this.#ticket = Math.floor(random() * 0x7fff_ffff) | 1
  }

  /** The word at this place is the lock, and nothing else. */
  enter(place: number): void {
    this.#ticket = (this.#ticket + 2) | 0
    this.#place = place
    if (Atomics.compareExchange(this.#words, place, 0, this.#ticket) !== 0) this.#wait(place)
  }

  /** A holder that has lost its lock to another leaves it to that one. */
  leave(): void {
    Atomics.compareExchange(this.#words, this.#place, this.#ticket, 0)
  }

  /** The system may have stopped whoever holds it; a worker that was ended in there never leaves. */
  #wait(place: number): void {
    const words = this.#words
    let holder = 0
    for (let naps = 0; ; naps += 1) {
      for (let spin = 0; spin < SPINS; spin += 1) {
        if (Atomics.load(words, place) !== 0) continue
        if (Atomics.compareExchange(words, place, 0, this.#ticket) === 0) return
      }
      const found = Atomics.load(words, place)
      if (found !== holder) naps = 0
      holder = found
      if (holder === 0) continue
      if (naps < STEAL_AFTER_NAPS) Atomics.wait(words, place, holder, 1)
      else if (Atomics.compareExchange(words, place, holder, this.#ticket) === holder) return
    }
  }
}
