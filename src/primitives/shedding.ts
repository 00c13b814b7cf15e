// How hard work that arrives has to be turned away so that what is left is done in time: a pressure
// that follows the delay at which things are done, as PIE drops packets (RFC 8033). One stall is
// nobody's overload: only a delay that stays, and does not shrink by itself, begins it.

export interface Shedding {
  /** From 0 to 1. */
  readonly pressure: number
  /** Of the last look. */
  readonly delayMs: number
  /** Since when each look was late; undefined: the last was not. */
  readonly lateSince: number | undefined
}

export interface Look {
  readonly delayMs: number
  /** Since the look before. */
  readonly elapsedMs: number
  readonly now: number
}

export const CALM: Shedding = { pressure: 0, delayMs: 0, lateSince: undefined }

/** Of pressure a second, for a delay of twice the bound. */
const RATE = 1
/** For a delay that has grown by the bound since the last look. */
const TREND = 0.3
/** A delay this many times the bound counts as no more than that. */
const WORST = 3
/** The bound, so many times over, is how long it has to be late. */
const PATIENCE = 2
/** A delay that shrinks to this, from one look to the next, is being caught up with. */
const SHRUNK = 0.9
/** What is less is nothing. */
const LEAST = 0.005

/** A bound of 0 is none. */
export function nextShedding(last: Shedding, look: Look, boundMs: number): Shedding {
  const { delayMs, elapsedMs, now } = look
  if (boundMs === 0) return { ...CALM, delayMs }
  const isShedding = last.pressure > 0
  const isCatchingUp = !isShedding && delayMs < last.delayMs * SHRUNK
  const since = isCatchingUp ? now : (last.lateSince ?? now)
  const lateSince = delayMs > boundMs ? since : undefined
  const isOverload = lateSince !== undefined && now - lateSince >= PATIENCE * boundMs
  if (!isShedding && !isOverload) return { pressure: 0, delayMs, lateSince }
  const excess = Math.min(delayMs / boundMs, WORST) - 1
  const trend = isShedding ? between(-1, (delayMs - last.delayMs) / boundMs, 1) : 0
  const wanted = last.pressure + (elapsedMs / 1000) * RATE * excess + TREND * trend
  const pressure = between(0, wanted, 1)
  return { pressure: pressure < LEAST ? 0 : pressure, delayMs, lateSince }
}

function between(least: number, value: number, most: number): number {
  return Math.max(least, Math.min(most, value))
}
