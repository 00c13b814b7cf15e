// What passes through, and the objects that stand out, of all threads as one: what the console and
// `sluice top` show.

import { HALF_LIFE_S, MOST_SECONDS, percentilesOf, sumRows } from '../observe/observe.ts'
import type { SlowObject, HotObject, Sums, TopReading, Totals } from '../observe/observe.ts'
import type { TrafficReading } from '../observe/observe.ts'
import { queryParameters } from '../http/query.ts'
import type { Status } from '../proxy/proxy.ts'
import { statsAnswer } from './cache-desk.ts'
import type { CacheDesk, DeskAnswer } from './cache-desk.ts'
import { replicasAnswer } from './introspection.ts'
import type { Introspection } from './introspection.ts'
import { wrong } from './order-fields.ts'

export interface TrafficDesk {
  /** Of so many seconds, and how many threads it is of. */
  read(seconds: number): Promise<{ readonly threads: number; readonly reading: TrafficReading }>
  top(limit: number): Promise<TopReading>
  /** Which configuration is in force, counted from 1. */
  generation(): number
}

export interface TrafficSources {
  readonly traffic: TrafficDesk
  readonly status: Status
  readonly desk: CacheDesk
  readonly introspection: Introspection
}

const STANDARD_SECONDS = 60
const STANDARD_LIMIT = 20
const MOST_OBJECTS = 100
/** A thread that hangs must not stop the clock for whoever watches. */
const PATIENCE_MS = 2000

export async function trafficAnswer(query: string, sources: TrafficSources): Promise<DeskAnswer> {
  const seconds = numberOf(query, 'seconds', { standard: STANDARD_SECONDS, most: MOST_SECONDS })
  const { traffic, status, desk, introspection } = sources
  const [{ threads, reading }, tiers, replicas] = await Promise.all([
    traffic.read(seconds),
    soon(desk.stats(undefined).then((stats) => statsAnswer(stats).value)),
    soon(replicasAnswer(introspection).then(({ value }) => value)),
  ])
  return {
    status: 200,
    value: {
      version: status.version,
      uptime_seconds: Math.round(status.uptimeSeconds() * 10) / 10,
      config_generation: traffic.generation(),
      draining: status.isDraining(),
      threads,
      rss_bytes: process.memoryUsage.rss(),
      event_loop_delay_ms: percentilesOf(reading.loopDelays),
      in_flight: reading.inFlight,
      connections: reading.connections,
      window: windowOf(reading, seconds),
      since_start: totalsOf(reading.sinceStart),
      series: seriesOf(reading),
      tiers,
      buckets: replicas !== null && 'buckets' in replicas ? replicas.buckets : null,
    },
  }
}

export async function topAnswer(query: string, traffic: TrafficDesk): Promise<DeskAnswer> {
  const limit = numberOf(query, 'limit', { standard: STANDARD_LIMIT, most: MOST_OBJECTS })
  const { hottest, slowest } = await traffic.top(limit)
  return {
    status: 200,
    value: {
      half_life_seconds: HALF_LIFE_S,
      hottest: hottest.filter(({ requests }) => requests >= 0.5).map(tellHot),
      slowest: slowest.map(tellSlow),
    },
  }
}

function windowOf(reading: TrafficReading, seconds: number): object {
  const sums = sumRows(reading.seconds)
  const { requests, bytes, aborted } = sums
  return {
    seconds,
    requests,
    requests_per_second: requests / seconds,
    ...totalsOf(sums),
    bytes_per_second: bytes / seconds,
    statuses: {
      '1xx': sums.class1,
      '2xx': sums.class2,
      '3xx': sums.class3,
      '4xx': sums.class4,
      '5xx': sums.class5,
      none: sums.class0,
    },
    aborted,
    duration_ms: percentilesOf(reading.durations),
    first_byte_ms: percentilesOf(reading.firstBytes),
    cache: cacheOf(sums),
  }
}

/** Of what was asked of the cache: what passes by it is not counted against it. */
function cacheOf({ memory, disk, redis, stale, revalidated, miss, bypass }: Sums): object {
  const hits = memory + disk + redis + stale
  const asked = hits + revalidated + miss
  const share = (count: number): number | null => (asked === 0 ? null : count / asked)
  return {
    hit_ratio: share(hits),
    hit_ratio_by_tier: { memory: share(memory), disk: share(disk), redis: share(redis) },
    hits: { memory, disk, redis },
    stale,
    revalidated,
    miss,
    bypass,
  }
}

function totalsOf({ requests, bytes, cachedBytes, originBytes }: Totals): object {
  return {
    requests,
    bytes,
    bytes_from_cache: cachedBytes,
    bytes_from_origin: originBytes,
    // What was fetched ahead, or for clients that left, may be more than what was sent.
    bytes_saved: Math.max(0, bytes - originBytes),
  }
}

function seriesOf({ seconds, firstByteP95s }: TrafficReading): object {
  const column = (of: (sums: Sums) => number): number[] => seconds.map(of)
  return {
    requests: column(({ requests }) => requests),
    bytes: column(({ bytes }) => bytes),
    bytes_from_origin: column(({ originBytes }) => originBytes),
    hits: column(({ memory, disk, redis, stale }) => memory + disk + redis + stale),
    misses: column(({ revalidated, miss }) => revalidated + miss),
    errors: column(({ class5 }) => class5),
    in_flight: column(({ inFlight }) => inFlight),
    first_byte_p95_ms: firstByteP95s,
  }
}

function tellHot({ bucket, key, requests, bytes, hits }: HotObject): object {
  return { bucket, key, requests: rounded(requests), bytes: Math.round(bytes), hits: rounded(hits) }
}

function tellSlow(slow: SlowObject): object {
  const { bucket, key, firstByteMs, durationMs, status, cache, replica, at } = slow
  return {
    bucket,
    key,
    first_byte_ms: rounded(firstByteMs),
    duration_ms: rounded(durationMs),
    status,
    cache,
    replica: replica ?? null,
    at: new Date(at).toISOString(),
  }
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}

/** The one parameter that there is. */
function numberOf(
  query: string,
  wanted: string,
  { standard, most }: { readonly standard: number; readonly most: number },
): number {
  const given = queryParameters(query)
  const [first, second] = given
  if (first === undefined) return standard
  const [name, written] = first
  if (second !== undefined || name !== wanted) throw wrong(`The query is ${wanted} alone, or none.`)
  const value = /^\d{1,6}$/.test(written) ? Number(written) : 0
  if (value < 1 || value > most)
    throw wrong(`The parameter ${wanted} is a number from 1 to ${most}.`)
  return value
}

/** Null where it takes too long, or fails. */
function soon<Value>(pending: Promise<Value>): Promise<Value | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), PATIENCE_MS)
    pending.then(resolve, () => resolve(null)).finally(() => clearTimeout(timer))
  })
}
