// What must be known of a round before its figures are believed: who was the limit, and whether the
// road was the one that is written beside it.

/** In the order in which they are told. */
export const MARKS = ['failures', 'misses', 'hits', 'load', 'behind', 'starved', 'shared'] as const
export type Mark = (typeof MARKS)[number]

export const MEANINGS: Readonly<Record<Mark, string>> = {
  failures: 'answers that were none, or the wrong ones; not counted',
  misses: 'the origin was asked for what should have been kept; not counted',
  hits: 'the origin was not asked each time; not counted',
  load: 'wrk was the limit: the server could do more',
  behind: 'the origin or Redis was the limit',
  starved: 'the server had time left, and nobody here took it: the machine was busy',
  shared: 'the server shares a core with wrk: only CPU per request means something',
}

/** Rounds that say nothing about the road. */
const WRONG: readonly Mark[] = ['failures', 'misses', 'hits']

/** Of a round, in microseconds of processor time where it says so. */
export interface Circumstances {
  readonly durationUs: number
  readonly requests: number
  readonly failures: number
  readonly serverUs: number
  readonly serverCores: number
  readonly loadUs: number
  /** Origin and Redis, which have the cores of the load. */
  readonly behindUs: number
  readonly loadCores: number
  /** How often the origin was asked. */
  readonly originRequests: number
  /** By this server; undefined where it has nothing to do with the origin. */
  readonly expected: 'hits' | 'misses' | undefined
  /** Whether the server and the load have a core in common. */
  readonly sharesCore: boolean
}

/** So much of its cores is all that one gets: the rest goes between. */
const ALL = 0.9
/** Probes of the origin's health, and what is renewed. */
const ASKED_ANYWAY = 3
const MOST_MISSES = 0.01
const LEAST_MISSES = 0.95

export function marksOf(seen: Circumstances): Mark[] {
  const isMarked: Readonly<Record<Mark, boolean>> = {
    failures: seen.failures > 0 || seen.requests === 0,
    ...roadOf(seen),
    ...limitOf(seen),
    shared: seen.sharesCore,
  }
  return MARKS.filter((mark) => isMarked[mark])
}

function roadOf({
  expected,
  requests,
  originRequests,
}: Circumstances): Record<'hits' | 'misses', boolean> {
  const mostOfHits = ASKED_ANYWAY + requests * MOST_MISSES
  const leastOfMisses = Math.floor(requests * LEAST_MISSES)
  return {
    misses: expected === 'hits' && originRequests > mostOfHits,
    hits: expected === 'misses' && originRequests < leastOfMisses,
  }
}

function limitOf(seen: Circumstances): Record<'load' | 'behind' | 'starved', boolean> {
  const isLoadFull = seen.loadUs + seen.behindUs >= ALL * seen.durationUs * seen.loadCores
  const isServerFull = seen.serverUs >= ALL * seen.durationUs * seen.serverCores
  return {
    load: isLoadFull && !isServerFull && seen.loadUs >= seen.behindUs,
    behind: isLoadFull && !isServerFull && seen.loadUs < seen.behindUs,
    starved: !isLoadFull && !isServerFull && !seen.sharesCore,
  }
}

interface Marked {
  readonly marks: readonly Mark[]
}

/**
 * The rounds that count: the blameless where they are most, and otherwise all that took the right
 * road. The few in which a fast server was itself the limit are those in which it was disturbed.
 */
export function countedOf<T extends Marked>(rounds: readonly T[]): readonly T[] {
  const right = rounds.filter(({ marks }) => !marks.some((mark) => WRONG.includes(mark)))
  const blameless = right.filter(({ marks }) => marks.every((mark) => mark === 'shared'))
  return blameless.length * 2 > right.length ? blameless : right
}

/** `load 3/5` for what three of five rounds had; nothing where there is nothing. */
export function marksText(rounds: readonly Marked[]): string {
  return MARKS.flatMap((mark) => {
    const marked = rounds.filter(({ marks }) => marks.includes(mark)).length
    if (marked === 0) return []
    return mark === 'shared' ? mark : `${mark} ${marked}/${rounds.length}`
  }).join(', ')
}
