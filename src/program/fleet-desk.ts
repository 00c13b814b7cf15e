// The caches of all threads as one. A purge is in force in every thread, and there to stay, before
// it is answered.

import { randomUUID } from 'node:crypto'
import { setTimeout as after } from 'node:timers/promises'

import type { CacheDesk, Purged, PurgeOrder } from '../admin/admin.ts'
import type { Ban, BanRule, ByTier, Inspected, Swept, TierCounts } from '../cache/cache.ts'
import { countUp } from '../exchange/counts.ts'
import { now } from '../primitives/clock.ts'
import type { CachePart, Nodes } from './cache-part.ts'
import { LineClosed } from './thread-line.ts'

/** Those of the threads that there are now. */
export type Parts = () => readonly CachePart[]

/** How many purges there were, by the kind of their rule. */
export type PurgeCounts = Map<BanRule['kind'], number>

const KINDS = ['all', 'bucket', 'key', 'prefix', 'glob', 'tag'] as const

export function createPurgeCounts(): PurgeCounts {
  return new Map(KINDS.map((kind) => [kind, 0]))
}

const MOST_UNTOLD = 1000

/**
 * Bans that Redis was not told of and no disk keeps: a thread that begins anew knows them from here
 * alone, and Redis may have what they cover.
 */
export class UntoldBans {
  #bans: readonly Ban[] = []

  add(ban: Ban): void {
    this.#bans = [...this.#bans, ban].slice(-MOST_UNTOLD)
  }

  /** To one that has just begun, which tells Redis in its turn. */
  async tell(part: CachePart): Promise<void> {
    const told = this.#bans.map(async (ban) => {
      const [nodes] = await Promise.all([part.publish(ban), part.declare(ban)])
      if (nodes?.isPublished === true) this.#bans = this.#bans.filter(({ id }) => id !== ban.id)
    })
    // One that has ended meanwhile has a successor, which is told in its turn.
    await Promise.allSettled(told)
  }
}

const SAVES = 3
const SAVE_AGAIN_MS = 100
const NOTHING: Swept = { entries: 0, bytes: 0 }

export function openDesk(parts: Parts, purges: PurgeCounts, untold?: UntoldBans): CacheDesk {
  return {
    purge: (order) => {
      if (!order.isDryRun) countUp(purges, order.rule.kind)
      return purge(order, parts, untold)
    },
    stats: async (bucket) => mergeStats(await answersOf(parts(), (part) => part.stats(bucket))),
    inspect: async (bucket, key) =>
      mergeInspected(await answersOf(parts(), (part) => part.inspect(bucket, key))),
  }
}

async function purge(
  { rule, isSoft, isDryRun }: PurgeOrder,
  parts: Parts,
  untold?: UntoldBans,
): Promise<Purged> {
  const ban = { id: randomUUID(), rule, at: now(), isSoft }
  // Asked for before the ban is told, so that nothing is swept that is still to be counted.
  const counting = answersOf(parts(), (part) => part.count(rule, ban.at))
  const isTold = isDryRun || (await tellAll(ban, parts))
  const counted = fullest(await counting)
  const isSaved = isDryRun || (await save(ban, parts))
  const published = isDryRun ? undefined : await publish(ban, parts)
  if (published?.isKept === false) untold?.add(ban)
  // A thread that began meanwhile may have looked at what is saved too early.
  const isStillTold = isDryRun || (isTold && (await tellAll(ban, parts)))
  // What is asked for after the answer is never of the same instant as the ban.
  while (now() <= ban.at) await after(1)
  const isDurable = outlivesCrash(isSaved, published)
  const state = !isStillTold ? 'unconfirmed' : isDurable ? 'ok' : 'not_durable'
  return { ...counted, state, nodes: nodesOf(published, isStillTold, parts().length) }
}

/** What Redis has been told, every life of this process hears again before it believes what is held. */
function outlivesCrash(isSaved: boolean, published: Nodes | undefined): boolean {
  if (published === undefined) return isSaved
  return published.isPublished || (isSaved && published.isKept)
}

function nodesOf(published: Nodes | undefined, isTold: boolean, threads: number): Purged['nodes'] {
  if (published === undefined) return { acknowledged: isTold ? 1 : 0, known: 1 }
  const { acknowledged, known, isPublished } = published
  if (isPublished) return { acknowledged, known }
  // The threads here are nodes to the others, and have not been told by way of Redis.
  return { acknowledged: isTold ? threads : 0, known: Math.max(known, threads) }
}

const UNHEARD: Nodes = { acknowledged: 0, known: 1, isPublished: false, isKept: false }

/** By one of them: the stream brings it to all the others, in this process and elsewhere. */
async function publish(ban: Ban, parts: Parts): Promise<Nodes | undefined> {
  let isUnheard = false
  for (const part of parts()) {
    try {
      const nodes = await part.publish(ban)
      if (nodes !== undefined) return nodes
    } catch (error) {
      isUnheard ||= !(error instanceof LineClosed)
    }
  }
  return isUnheard ? UNHEARD : undefined
}

/** To those that have ended meanwhile there is nothing to be told. */
async function tellAll(ban: Ban, parts: Parts): Promise<boolean> {
  const told = await Promise.allSettled(parts().map((part) => part.declare(ban)))
  return told.every((one) => one.status === 'fulfilled' || one.reason instanceof LineClosed)
}

/** By one of them, for all: they share the place. */
async function save(ban: Ban, parts: Parts): Promise<boolean> {
  if (parts().length === 0) return true
  for (let attempt = 1; attempt <= SAVES; attempt += 1) {
    for (const part of parts()) if (await part.save(ban).catch(() => false)) return true
    if (attempt < SAVES) await after(SAVE_AGAIN_MS)
  }
  return false
}

/** What those say that answer. */
export async function answersOf<Part, Answer>(
  parts: readonly Part[],
  ask: (part: Part) => Promise<Answer>,
): Promise<Answer[]> {
  const answers = await Promise.allSettled(parts.map(ask))
  return answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
}

/** Layers hold copies of one another: the one that holds most says how much there was. */
function fullest(counts: readonly ByTier<Swept>[]): Swept {
  const merged = mergeStats(counts)
  const layers = Object.values(merged).map(({ entries = 0, bytes = 0 }) => ({ entries, bytes }))
  return layers.reduce((most, next) => (next.entries > most.entries ? next : most), NOTHING)
}

/** What is kept is there once, whichever thread tells of it; what was found, each has counted by itself. */
function mergeStats(all: readonly ByTier<TierCounts>[]): ByTier<TierCounts> {
  const merged: Record<string, Record<string, number>> = {}
  for (const [tier, counts] of all.flatMap((one) => Object.entries(one))) {
    const sums = (merged[tier] ??= {})
    for (const [name, count] of Object.entries(counts)) {
      const isShared = name === 'entries' || name === 'bytes'
      const known = sums[name] ?? 0
      sums[name] = isShared ? Math.max(known, count) : known + count
    }
  }
  return merged
}

/** The newest of what the threads know, and the most that any of them holds. */
function mergeInspected(all: readonly (Inspected | undefined)[]): Inspected | undefined {
  const known = all.filter((one) => one !== undefined)
  const newest = known.reduce<Inspected | undefined>(
    (best, one) =>
      best === undefined || one.stored.receivedAt > best.stored.receivedAt ? one : best,
    undefined,
  )
  if (newest === undefined) return undefined
  const held: Record<string, number> = {}
  for (const [tier, count] of known.flatMap((one) => Object.entries(one.held))) {
    held[tier] = Math.max(held[tier] ?? 0, count)
  }
  const tiers = [...new Set(known.flatMap((one) => one.tiers))]
  return { ...newest, held, tiers }
}
