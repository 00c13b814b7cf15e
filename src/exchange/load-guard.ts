// Who turns requests away while a thread has more to do than time. A no costs as much as a small answer
// from memory, so those that need the origin are turned away first, where that turns out, and then up to
// half of all as they arrive. What has begun goes on; what Sluice answers by itself is never asked about.

import { addValue, createHistogram } from '../primitives/histogram.ts'
import type { LateLook } from '../primitives/loop-delay.ts'
import { CALM, nextShedding } from '../primitives/shedding.ts'
import type { Shedding } from '../primitives/shedding.ts'
import { countUp, SECONDS } from './counts.ts'
import type { LoadCounts, ShedRatios, TurnedAwayBy } from './counts.ts'
import type { Emit } from './event.ts'
import { Refusal, retryAfter } from './refusal.ts'

/** Made once, since it is thrown when there is no time to lose. */
const TOO_LATE = new Refusal('too_busy', {
  headers: retryAfter(0),
  cause: 'max_event_loop_delay of the server',
})

const NOTHING: ShedRatios = { origin: 0, all: 0 }
/** Up to this pressure only those are turned away that need the origin. */
const ORIGIN_ALONE = 0.5
/** Some are always let in: the origin's answers are to be tried, and to be kept. */
const MOST_OF_ORIGIN = 0.95

export interface LoadGuardOptions {
  /** A number in [0, 1). */
  readonly random: () => number
  readonly emit: Emit
}

export class LoadGuard {
  readonly #options: LoadGuardOptions
  readonly #delays = createHistogram(SECONDS)
  readonly #turnedAway = new Map<TurnedAwayBy, number>()
  #shedding: Shedding = CALM
  #boundMs = 0
  #shed: ShedRatios = NOTHING

  constructor(options: LoadGuardOptions) {
    this.#options = options
  }

  /** From the next look on. 0: nobody is turned away. */
  follow({ maxEventLoopDelayMs }: { readonly maxEventLoopDelayMs: number }): void {
    this.#boundMs = maxEventLoopDelayMs
  }

  look(late: LateLook): void {
    addValue(this.#delays, late.delayMs / 1000)
    const last = this.#shedding
    const next = nextShedding(last, late, this.#boundMs)
    this.#shedding = next
    this.#shed = next.pressure === 0 ? NOTHING : ratiosAt(next.pressure)
    if (last.pressure === 0 && next.pressure > 0) this.#tell('shedding', next)
    if (last.pressure > 0 && next.pressure === 0) this.#tell('back', next)
  }

  /** Of a request that arrives. Throws for one that is turned away. */
  admit(): void {
    if (this.#shed.all !== 0) this.#draw(this.#shed.all)
  }

  /** As `admit`, of a request that needs the origin. */
  admitToOrigin(): void {
    if (this.#shed.origin !== 0) this.#draw(this.#shed.origin)
  }

  /** Whoever else had to turn a request away. */
  count(by: TurnedAwayBy): void {
    countUp(this.#turnedAway, by)
  }

  get shed(): ShedRatios {
    return this.#shed
  }

  counts(): LoadCounts {
    return { delays: this.#delays, shed: this.#shed, turnedAway: this.#turnedAway }
  }

  #draw(ratio: number): void {
    if (this.#options.random() >= ratio) return
    this.count('event_loop_delay')
    throw TOO_LATE
  }

  #tell(state: 'shedding' | 'back', { delayMs }: Shedding): void {
    this.#options.emit({ kind: 'overload', state, event_loop_delay_ms: Math.round(delayMs) })
  }
}

function ratiosAt(pressure: number): ShedRatios {
  return {
    origin: Math.min(pressure / ORIGIN_ALONE, MOST_OF_ORIGIN),
    all: Math.max(0, pressure - ORIGIN_ALONE),
  }
}
