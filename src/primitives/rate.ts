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

/**
 * A sliding window moves on by so many parts of itself. What was spent in one of them counts until the
 * last of it is a window ago: never too many are admitted, and one part too late at most.
 */
export const PARTS = 8

/** All zero where nothing was. */
export interface Spent {
  /** Of a bucket when it is full again, of a fixed window when it began, of a sliding one its newest part. */
  at: number
  /** In this window, or in the newest part. */
  count: number
  /** In the `PARTS` parts before that, the latest first. */
  readonly past: Int32Array
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
/** What numbers with a fraction may be wrong by. */
const SLACK_MS = 1e-3

/** Takes one. Gives 0 where there was one, else the whole ms until there is, and nothing is taken. */
export function take(spent: Spent, rate: Rate, now: number): number {
  if (rate.algorithm === 'token_bucket') return takeToken(spent, rate, now)
  const waitMs =
    rate.algorithm === 'fixed_window' ? waitFixed(spent, rate, now) : waitSliding(spent, rate, now)
  if (waitMs === 0) spent.count += 1
  return waitMs
}

/** What was taken at that time, just now: it is as if it had not been. */
export function giveBack(spent: Spent, rate: Rate, now: number): void {
  const { algorithm, quota, windowMs } = rate
  if (algorithm === 'token_bucket') {
    spent.at -= windowMs / quota
    return
  }
  // Another thread may have gone on to the next part meanwhile.
  const age = algorithm === 'sliding_window' ? spent.at - partAt(now, windowMs) : 0
  const held = spent.past[age - 1] ?? 0
  if (age <= 0) spent.count = Math.max(0, spent.count - 1)
  else if (held > 0) spent.past[age - 1] = held - 1
}

/** Takes nothing. */
export function standingOf({ at, count, past }: Spent, rate: Rate, now: number): Standing {
  const spent = { at, count, past: past.slice() }
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
  spent.count = 0
  spent.at = start
}

function waitFixed(spent: Spent, rate: Rate, now: number): number {
  roll(spent, rate, now)
  return spent.count < rate.quota ? 0 : spent.at + rate.windowMs - now
}

function partAt(now: number, windowMs: number): number {
  return Math.floor(((now - ORIGIN) * PARTS) / windowMs)
}

/** Brings the parts up to now. A clock that has gone back by less than a window is waited for. */
function slide(spent: Spent, { windowMs }: Rate, now: number): void {
  const { past } = spent
  const part = partAt(now, windowMs)
  const gone = part - spent.at
  if (gone === 0 || (gone < 0 && gone >= -PARTS)) return
  spent.at = part
  // What was spent then counts as spent now.
  if (gone < 0) return
  past.copyWithin(Math.min(gone, PARTS), 0)
  past.fill(0, 0, Math.min(gone, PARTS))
  if (gone <= PARTS) past[gone - 1] = spent.count
  spent.count = 0
}

function waitSliding(spent: Spent, rate: Rate, now: number): number {
  slide(spent, rate, now)
  const { at, past } = spent
  let used = usedIn(spent)
  if (used < rate.quota) return 0
  // The oldest go first; behind the last of them are those of the newest part.
  let index = PARTS
  while (index > 0 && used >= rate.quota) {
    index -= 1
    used -= past[index] ?? 0
  }
  return goneIn(used < rate.quota ? at - 1 - index : at, rate, now)
}

function usedIn({ count, past }: Spent): number {
  let used = count
  for (let index = 0; index < PARTS; index += 1) used += past[index] ?? 0
  return used
}

/** Until what was spent in a part counts no more. */
function goneIn(part: number, { windowMs }: Rate, now: number): number {
  return ORIGIN + Math.ceil(((part + PARTS + 1) * windowMs) / PARTS) - now
}

function remainingOf(spent: Spent, rate: Rate, now: number): number {
  const { algorithm, quota, windowMs } = rate
  if (algorithm === 'token_bucket') {
    const owed = fullFrom(spent, windowMs, now - ORIGIN) - (now - ORIGIN)
    return Math.floor((windowMs - owed + SLACK_MS) / (windowMs / quota))
  }
  if (algorithm === 'sliding_window') {
    slide(spent, rate, now)
    return Math.max(0, quota - usedIn(spent))
  }
  roll(spent, rate, now)
  return Math.max(0, quota - spent.count)
}

function restoredIn(spent: Spent, rate: Rate, now: number): number {
  const { algorithm, windowMs } = rate
  switch (algorithm) {
    case 'token_bucket':
      return fullFrom(spent, windowMs, now - ORIGIN) - (now - ORIGIN)
    case 'fixed_window':
      return spent.count === 0 ? 0 : spent.at + windowMs - now
    case 'sliding_window': {
      if (spent.count > 0) return goneIn(spent.at, rate, now)
      const latest = spent.past.findIndex((count) => count > 0)
      return latest < 0 ? 0 : goneIn(spent.at - 1 - latest, rate, now)
    }
  }
}
