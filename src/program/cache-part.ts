// The cache of one thread as the others see it: here, or at the end of a line.

import type { Ban, BanRule, ByTier, Cache, Inspected, Swept, TierCounts } from '../cache/cache.ts'
import type { Answers, ThreadLine } from './thread-line.ts'

export interface CachePart {
  declare(ban: Ban): Promise<void>
  /** Those that are in force there. Undefined from one who does not know them yet. */
  bans(): Promise<readonly Ban[] | undefined>
  /** True when it outlives any crash. */
  save(ban: Ban): Promise<boolean>
  /** To the other nodes. Undefined where there is no way to them. */
  publish(ban: Ban): Promise<Nodes | undefined>
  count(rule: BanRule, at: number): Promise<ByTier<Swept>>
  stats(bucket: string | undefined): Promise<ByTier<TierCounts>>
  inspect(bucket: string, key: string): Promise<Inspected | undefined>
}

export interface Nodes {
  readonly acknowledged: number
  readonly known: number
  /** False while there is no way to them: they are told later. */
  readonly isPublished: boolean
  /** They are told, now or later, even if this process ends at once. */
  readonly isKept: boolean
}

/** A thread that is busy answers late, one that hangs never. */
const PATIENCE_MS = 10_000
/** Whoever waits for it serves nobody meanwhile. */
const BANS_PATIENCE_MS = 2000
/** A count may have to walk over all that is on disk. */
const COUNT_PATIENCE_MS = 60_000

export function localPart(cache: Cache): CachePart {
  return {
    declare: async (ban) => cache.purges.declare(ban),
    bans: async () => cache.purges.inForce,
    save: async (ban) => cache.purges.save(ban),
    publish: async (ban) => cache.fleet?.publish(ban),
    count: (rule, at) => cache.purges.count(rule, at),
    stats: async (bucket) => cache.stats(bucket),
    inspect: (bucket, key) => cache.inspect(bucket, key),
  }
}

// The casts: what comes over a line is what `answersOf` of this very program gave to it.
export function partAt(line: ThreadLine): CachePart {
  return {
    bans: () => line.ask('bans', [], BANS_PATIENCE_MS) as Promise<readonly Ban[] | undefined>,
    declare: (ban) => line.ask('declare', [ban], PATIENCE_MS) as Promise<void>,
    save: (ban) => line.ask('save', [ban], PATIENCE_MS) as Promise<boolean>,
    publish: (ban) => line.ask('publish', [ban], PATIENCE_MS) as Promise<Nodes | undefined>,
    count: (...args) => line.ask('count', args, COUNT_PATIENCE_MS) as Promise<ByTier<Swept>>,
    stats: (...args) => line.ask('stats', args, PATIENCE_MS) as Promise<ByTier<TierCounts>>,
    inspect: (...args) => line.ask('inspect', args, PATIENCE_MS) as Promise<Inspected | undefined>,
  }
}

/** The other end of `partAt`. */
export function answersOf(part: CachePart): Answers {
  return async (name, args) => {
    const [first, second] = args
    switch (name) {
      case 'bans':
        return part.bans()
      case 'declare':
        return part.declare(first as Ban)
      case 'save':
        return part.save(first as Ban)
      case 'publish':
        return part.publish(first as Ban)
      case 'count':
        return part.count(first as BanRule, Number(second))
      case 'stats':
        return part.stats(first as string | undefined)
      case 'inspect':
        return part.inspect(String(first), String(second))
      default:
        throw new Error(`no thread answers '${name}'`)
    }
  }
}

/** By any of them. Undefined where none of them knows. */
export async function bansOfAny(parts: readonly CachePart[]): Promise<readonly Ban[] | undefined> {
  const answers = parts.map(async (part) => {
    const bans = await part.bans()
    if (bans === undefined) throw new Error('it does not know them yet')
    return bans
  })
  return Promise.any(answers).catch(() => undefined)
}

/** From a thread that has just begun: the other end is the main thread's. */
export async function askForBans(line: ThreadLine): Promise<readonly Ban[] | undefined> {
  // The cast: what `bansOfAny` gave.
  const bans = line.ask('bans', [], PATIENCE_MS) as Promise<readonly Ban[] | undefined>
  return bans.catch(() => undefined)
}
