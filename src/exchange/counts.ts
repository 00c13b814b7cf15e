// What is counted where no exchange knows of it: a fill behind an answer that was given, a tier, a
// socket. Plain data, read when somebody asks for the metrics.

import type { Histogram } from '../primitives/histogram.ts'

/** From one thread, at one instant. */
export interface Counts {
  readonly origins: readonly OriginCounts[]
  /** Undefined: nothing is cached. */
  readonly cache: CacheCounts | undefined
  readonly server: ServerCounts
  readonly load: LoadCounts
  readonly policy: PolicyCounts
  readonly limits: readonly LimitCount[]
  /** By what kind of rule. */
  readonly purges: ReadonlyMap<string, number>
  /** Of the keys of issuers, by what came of it. */
  readonly keyRefreshes: ReadonlyMap<string, number>
  /** Undefined where there never were any. */
  readonly spans: SpanCounts | undefined
}

/** What became of spans: `dropped` had no place to wait in. */
export interface SpanCounts {
  exported: number
  failed: number
  dropped: number
}

/** Of the whole process: its main thread hands the work out. */
export interface PrewarmCounts {
  readonly objects: number
  readonly bytes: number
}

/** Of questions to policies. */
export interface PolicyCounts {
  /** By bucket, and by what was decided. */
  readonly decisions: ReadonlyMap<string, Readonly<Record<string, number>>>
  /** Of those that were really asked. */
  readonly seconds: Histogram
}

export interface OriginCounts {
  readonly bucket: string
  readonly replicas: readonly ReplicaCounts[]
  readonly failovers: readonly FailoverCount[]
  /** Why one was asked again: how often. */
  readonly retries: ReadonlyMap<string, number>
  /** Second tries: those that answered first, and the others. Undefined where there are none. */
  readonly hedges: { readonly won: number; readonly lost: number } | undefined
}

export interface ReplicaCounts {
  readonly replica: string
  /** Undefined: it is not asked any more. */
  readonly breaker: 'closed' | 'half-open' | 'open' | undefined
  /** What became of a request, by the kind of answer or of failure. */
  readonly outcomes: ReadonlyMap<string, number>
  readonly seconds: Histogram
  readonly bytes: number
}

export interface FailoverCount {
  readonly from: string
  readonly to: string
  readonly phase: 'head' | 'body'
  readonly count: number
}

export interface CacheCounts {
  readonly tiers: readonly TierCount[]
  /** What arriving slices hold. */
  readonly fillBytes: number
  /** Buckets that are cached. */
  readonly buckets: readonly string[]
}

export interface TierCount {
  readonly name: string
  readonly hits: number
  readonly misses: number
  readonly entries: number
  readonly bytes: number
  /** Undefined where there can be none, or none that is heard of. */
  readonly evictions: number | undefined
  readonly errors: number | undefined
}

export interface LimitCount {
  /** '' for what leads to no bucket. */
  readonly bucket: string
  readonly limit: string
  readonly refused: number
}

export interface ServerCounts {
  readonly running: number
  readonly connections: number
  /** Said by the parser to what never became an exchange, by code. */
  readonly refusals: ReadonlyMap<string, number>
}

/** Who had no place for a request, or no time. */
export type TurnedAwayBy = 'event_loop_delay' | 'server_places' | 'bucket_places'

export interface ShedRatios {
  /** Of the requests that need the origin. */
  readonly origin: number
  /** Of all. */
  readonly all: number
}

export interface LoadCounts {
  /** By how much looks at the event loop came late, in seconds. */
  readonly delays: Histogram
  /** The parts that are turned away at this moment. */
  readonly shed: ShedRatios
  readonly turnedAway: ReadonlyMap<TurnedAwayBy, number>
}

/** From half a millisecond, which memory needs, to a minute, which no attempt may take. */
export const SECONDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]

export function countUp<Name>(counts: Map<Name, number>, name: Name): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
