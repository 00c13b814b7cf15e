// Asking twice: when the first try is slower than almost all of its recent kind, a second starts
// elsewhere, the first good answer wins and the other is let go.

import { Cancellation } from '../primitives/cancel.ts'
import type { CancelSignal } from '../primitives/cancel.ts'

export interface HedgePlan<T> {
  readonly afterMs: number
  readonly signal: CancelSignal | undefined
  readonly first: (signal: CancelSignal) => Promise<T>
  /** Undefined when there is nowhere else to ask, or no allowance to. */
  readonly second: (signal: CancelSignal) => Promise<T> | undefined
  /** Gives back what a loser obtained after all. */
  readonly release: (loser: T) => void
}

interface Try<T> {
  readonly outcome: Promise<T>
  readonly stop: () => void
}

export async function hedge<T>(plan: HedgePlan<T>): Promise<T> {
  const first = begin(plan, plan.first)
  if (first === undefined) throw new Error('a hedge without a first try')
  const isSlow = await slowerThan(first.outcome, plan.afterMs)
  const second = isSlow ? begin(plan, plan.second) : undefined
  if (second === undefined) return first.outcome
  return race(plan, first, second)
}

async function race<T>(plan: HedgePlan<T>, first: Try<T>, second: Try<T>): Promise<T> {
  try {
    const winner = await Promise.any([
      first.outcome.then((value) => ({ value, loser: second })),
      second.outcome.then((value) => ({ value, loser: first })),
    ])
    winner.loser.stop()
    winner.loser.outcome.then(plan.release, () => undefined)
    return winner.value
  } catch {
    // Both failed; the first speaks for them.
    return first.outcome
  }
}

function begin<T>(
  plan: HedgePlan<T>,
  start: (signal: CancelSignal) => Promise<T> | undefined,
): Try<T> | undefined {
  const own = Cancellation.under(plan.signal)
  const outcome = start(own)
  return outcome === undefined ? undefined : { outcome, stop: () => own.cancel() }
}

/** True when the time is up first; false as soon as there is an outcome of either kind. */
function slowerThan(outcome: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), ms)
    const settled = (): void => {
      clearTimeout(timer)
      resolve(false)
    }
    outcome.then(settled, settled)
  })
}
