// What time has taught of a copy: it outlives the settings under which it was learned.

import { createBreaker, openForMs } from '../primitives/breaker.ts'
import type { Breaker } from '../primitives/breaker.ts'
import { monotonic } from '../primitives/clock.ts'
import { createPeakEwma } from '../primitives/peak-ewma.ts'
import type { OriginFailure } from './failure.ts'

export type Health = 'probing' | 'healthy' | 'unhealthy'

/** What is known of it by all who ask it: this thread, or all of the process. */
export interface ReplicaState {
  readonly breaker: Readonly<Breaker> & BreakerChange
  /** By the clock of which the breaker goes. */
  readonly now: () => number
  /** What the active probes say. */
  probed: Health
  /** Why it was last to blame; undefined once it has answered again. */
  lastFailure: OriginFailure | undefined
  /** Whether it is for this prober to ask it; for `lateMs` after it was last so for another, it is not. */
  mayProbe(prober: object, lateMs: number): boolean
  leaveProbing(prober: object): void
  /** Settles when probes have said something, or `isWanted` says no more. */
  known(isWanted: () => boolean): Promise<void>
}

interface BreakerChange {
  change<Result>(work: (breaker: Breaker) => Result): Result
}

/** Of a thread that is alone: whoever would probe it does. */
export function ownState(): ReplicaState {
  const breaker = createBreaker()
  return {
    breaker: Object.assign(breaker, {
      change: <Result>(work: (one: Breaker) => Result): Result => work(breaker),
    }),
    now: monotonic,
    probed: 'probing',
    lastFailure: undefined,
    mayProbe: () => true,
    leaveProbing: () => undefined,
    known: () => Promise.resolve(),
  }
}

export class ReplicaRecord {
  readonly state: ReplicaState
  readonly latency = createPeakEwma()
  /** Of this thread. */
  inFlight = 0

  constructor(state: ReplicaState = ownState()) {
    this.state = state
  }
}

/**
 * A breaker whose time is up does not speak against the replica: it is only a request that can close
 * it, and none would come where readiness waits for it to close.
 */
export function healthOf({ breaker, now, probed }: ReplicaState, isProbed: boolean): Health {
  const said = isProbed ? probed : 'healthy'
  if (openForMs(breaker, now()) > 0 || said === 'unhealthy') return 'unhealthy'
  return breaker.probesInFlight > 0 ? 'probing' : said
}
