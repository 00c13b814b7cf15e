// An exchange's life as stretches of time, read off its marks: for spans, for the line of a slow request
// and for Server-Timing.

import type { Exchange } from './exchange.ts'

export type PhaseName = 'route' | 'access' | 'lookup' | 'obtain' | 'send'

/** Monotonic ms. */
export interface Phase {
  readonly name: PhaseName
  readonly from: number
  readonly until: number
}

/** In their order; none of an exchange that nobody watched. `until` is now, or when it ended. */
export function phasesOf({ arrival, facts, marks, sent }: Exchange, until: number): Phase[] {
  if (marks === undefined) return []
  const { routedAt, admittedAt, lookedUpAt } = marks
  const answeredAt = marks.obtainedAt ?? until
  const phases: Phase[] = []
  let from = arrival.startedAt
  const add = (name: PhaseName, at: number | undefined): void => {
    if (at === undefined) return
    phases.push({ name, from, until: at })
    from = at
  }
  // Where it was turned away, the step that did so took what was left of the time.
  add('route', routedAt ?? (facts.route === undefined ? answeredAt : undefined))
  const isLast = facts.route !== undefined && facts.obtain === undefined
  add('access', admittedAt ?? (isLast ? answeredAt : undefined))
  add('lookup', lookedUpAt)
  if (facts.obtain !== undefined) add('obtain', answeredAt)
  else from = answeredAt
  if (sent?.firstByteAt !== undefined) add('send', sent.endedAt)
  return phases
}
