// Which bans of a rule that was ordered again and again are of no more use: a purge that comes every
// second must not cost what thousands of bans cost.

import type { Ban } from './ban.ts'

/** How far apart those may be between which none stays, as a part of their age. */
const TOLERANCE = 1 / 8

/**
 * Those that others of the same rule stand in for; only what `mayStandIn` says does. Of hard ones the
 * last covers what all do. Of soft ones the first that covers an entry says since when it is stale.
 * So the oldest stays, for what was received before it, and the newest, for what came last; of those in
 * between so many that what was received before one that goes counts from another soon after it.
 */
export function repeatedAmong(bans: Iterable<Ban>, mayStandIn: (ban: Ban) => boolean): Ban[] {
  const byRule = Map.groupBy(bans, nameOf)
  return [...byRule.values()].flatMap((equal) => {
    if (equal.length === 1) return []
    const isSoft = equal[0]?.isSoft === true
    return isSoft ? repeatedSoft(equal.toSorted(byAge), mayStandIn) : superseded(equal, mayStandIn)
  })
}

function nameOf({ rule, isSoft }: Ban): string {
  return `${isSoft} ${JSON.stringify(rule)}`
}

/** The same in all threads, which hear of them in any order. */
function byAge(one: Ban, other: Ban): number {
  return one.at - other.at || (one.id < other.id ? -1 : 1)
}

function superseded(bans: readonly Ban[], mayStandIn: (ban: Ban) => boolean): Ban[] {
  const last = Math.max(...bans.filter(mayStandIn).map(({ at }) => at))
  return bans.filter(({ at }) => at < last)
}

/**
 * From each that stays on, the next is the farthest within reach, and all between go. The reach is an
 * eighth of the age, so few stay of the old ones; and what was received before one that goes is stale for
 * at most a seventh longer than it may be. Age is told by the newest ban, not by the clock, so that
 * threads that share a folder come to the same end.
 */
function repeatedSoft(sorted: readonly Ban[], mayStandIn: (ban: Ban) => boolean): Ban[] {
  const newestAt = sorted.findLast(mayStandIn)?.at ?? 0
  const gone: Ban[] = []
  const after = (from: number) => (ban: Ban, index: number) => index > from && mayStandIn(ban)
  let from = sorted.findIndex(after(-1))
  while (from >= 0) {
    const at = sorted[from]?.at ?? 0
    const reach = at + (newestAt - at) * TOLERANCE
    const farthest = sorted.findLastIndex(
      (ban, index) => ban.at <= reach && after(from)(ban, index),
    )
    gone.push(...sorted.slice(from + 1, Math.max(from + 1, farthest)))
    from = farthest >= 0 ? farthest : sorted.findIndex(after(from))
  }
  return gone
}
