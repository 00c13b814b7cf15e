// How often something may be had, by arithmetic and not by timers: what was spent is a few numbers,
// and reading them is what moves them forward. Time is an argument, in epoch ms, and may go back.

export const ALGORITHMS = ['token_bucket', 'sliding_window', 'fixed_window'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

export interface Rate {
  readonly algorithm: Algorithm
  /** So many at once at the most. */
  readonly quota: number
  /** In which as many come back: all at once, or of a token bucket one after the other. */
  readonly windowMs: number
}

/** All zero where nothing was. */
export interface Spent {
  /** Of a bucket when it is full again, else when the window began. */
  at: number
  /** In the window before. */
  before: number
  /** In this window. */
  count: number
}

export interface Standing {
  /** Until there is one again; 0 where there is. */
  readonly waitMs: number
  readonly remaining: number
  /** Until nothing counts as spent any more. */
  readonly restoredMs: number
}

/** Instants are told from here, so that a fraction of a millisecond is not lost in their length. */
const ORIGIN = Date.UTC(2026)
/** In ms, and in requests: what numbers with a fraction may be wrong by. */
const SLACK_MS = 1e-3
const SLACK = 1e-9

/** Takes one. Gives 0 where there was one, else the whole ms until there is, and nothing is taken. */
export function take(spent: Spent, rate: Rate, now: number): number {
  if (rate.algorithm === 'token_bucket') return takeToken(spent, rate, now)
  roll(spent, rate, now)
  const waitMs =
    rate.algorithm === 'fixed_window' ? waitFixed(spent, rate, now) : waitSliding(spent, rate, now)
  if (waitMs === 0) spent.count += 1
  return waitMs
}

/** What was just taken: it is as if it had not been. */
export function giveBack(spent: Spent, { algorithm, quota, windowMs }: Rate): void {
  if (algorithm === 'token_bucket') spent.at -= windowMs / quota
  else spent.count = Math.max(0, spent.count - 1)
}

/** Takes nothing. */
export function standingOf({ at, before, count }: Spent, rate: Rate, now: number): Standing {
  const spent = { at, before, count }
  const remaining = remainingOf(spent, rate, now)
  const restoredMs = Math.ceil(restoredIn(spent, rate, now))
  return { waitMs: take(spent, rate, now), remaining, restoredMs }
}

/** The part of one of so many that share it and do not hear of each other: the same in all. */
export function shareOf({ algorithm, quota, windowMs }: Rate, sharers: number): Rate {
  const own = Math.max(1, Math.floor(quota / sharers))
  return { algorithm, quota: own, windowMs: Math.ceil((windowMs * own * sharers) / quota) }
}

/** GCRA: the one number is when all that was taken is back. */
function takeToken(spent: Spent, { quota, windowMs }: Rate, now: number): number {
  const interval = windowMs / quota
  const sinceOrigin = now - ORIGIN
  const fullAt = fullFrom(spent, windowMs, sinceOrigin)
  const waitMs = fullAt + interval - windowMs - sinceOrigin
  // Even where the answer is no: else a clock that has gone back is seen to have gone back each time.
  spent.at = fullAt
  if (waitMs > SLACK_MS) return Math.ceil(waitMs - SLACK_MS)
  spent.at = fullAt + interval
  return 0
}

/** A clock that has gone back leaves nobody with more than a bucket to wait for. */
function fullFrom({ at }: Spent, windowMs: number, sinceOrigin: number): number {
  return at === 0 ? sinceOrigin : Math.min(Math.max(at, sinceOrigin), sinceOrigin + windowMs)
}

/** Windows begin where the clock, counted from the epoch, is a multiple of them. */
function roll(spent: Spent, { windowMs }: Rate, now: number): void {
  const start = now - (now % windowMs)
  if (spent.at === start) return
  spent.before = spent.at === start - windowMs ? spent.count : 0
  spent.count = 0
  spent.at = start
}

function waitFixed({ at, count }: Spent, { quota, windowMs }: Rate, now: number): number {
  return count < quota ? 0 : at + windowMs - now
}

/** The window before counts for as much as it still reaches into the last `windowMs`. */
function waitSliding(spent: Spent, { quota, windowMs }: Rate, now: number): number {
  const { at, before, count } = spent
  if (weighed(spent, windowMs, now) + 1 <= quota + SLACK) return 0
  const room = quota - 1 - count
  // Either enough of the window before has gone by in this one, or of this one in the next.
  const part = room >= 0 ? 1 - room / before : 2 - (quota - 1) / count
  return Math.max(1, Math.ceil(at + part * windowMs - now - SLACK_MS))
}

function weighed({ at, before, count }: Spent, windowMs: number, now: number): number {
  return before * (1 - (now - at) / windowMs) + count
}

function remainingOf(spent: Spent, rate: Rate, now: number): number {
  const { algorithm, quota, windowMs } = rate
  if (algorithm === 'token_bucket') {
    const owed = fullFrom(spent, windowMs, now - ORIGIN) - (now - ORIGIN)
    return Math.floor((windowMs - owed + SLACK_MS) / (windowMs / quota))
  }
  roll(spent, rate, now)
  const used = algorithm === 'fixed_window' ? spent.count : weighed(spent, windowMs, now)
  return Math.max(0, Math.floor(quota - used + SLACK))
}

function restoredIn(spent: Spent, { algorithm, windowMs }: Rate, now: number): number {
  switch (algorithm) {
    case 'token_bucket':
      return fullFrom(spent, windowMs, now - ORIGIN) - (now - ORIGIN)
    case 'fixed_window':
      return spent.count === 0 ? 0 : spent.at + windowMs - now
    case 'sliding_window':
      if (spent.count > 0) return spent.at + 2 * windowMs - now
      return spent.before === 0 ? 0 : spent.at + windowMs - now
  }
}
