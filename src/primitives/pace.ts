// So many beginnings a second, evenly spread. Being asked is what moves it forward; what was not
// used is lost, save for a moment, so that timers which fire late do not slow the pace.

export interface Pace {
  readonly intervalMs: number
  dueAt: number
}

const LATE_MS = 20

export function createPace(perSecond: number): Pace {
  return { intervalMs: 1000 / perSecond, dueAt: Number.NEGATIVE_INFINITY }
}

/** Takes the next place and says how long it is until then, in ms. */
export function takePlace(pace: Pace, now: number): number {
  const at = Math.max(pace.dueAt, now - Math.min(LATE_MS, pace.intervalMs))
  pace.dueAt = at + pace.intervalMs
  return Math.max(0, at - now)
}
