// By how much turns of the event loop come late, seen by coming late: a timer compares when it runs
// with when it should have.

import { monotonic } from './clock.ts'

/** Between two looks of a loop that is never late. */
export const LOOK_MS = 25

export interface LateLook {
  readonly delayMs: number
  readonly elapsedMs: number
  readonly now: number
}

/** Looks until it is closed, and keeps no program running for it. */
export function watchLoop(told: (look: LateLook) => void): { close(): void } {
  let lookedAt = monotonic()
  const timer = setInterval(() => {
    const now = monotonic()
    const elapsedMs = now - lookedAt
    lookedAt = now
    told({ delayMs: Math.max(0, elapsedMs - LOOK_MS), elapsedMs, now })
  }, LOOK_MS).unref()
  return { close: () => clearInterval(timer) }
}
