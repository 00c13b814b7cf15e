// What a thread has seen in the last two minutes, second by second: for each finished exchange a few
// additions to numbers in arrays that are there from the beginning.

import type { ServerCounts } from '../exchange/counts.ts'
import type { Exchange, Facts, Sent } from '../exchange/exchange.ts'
import { xCache } from '../http/cache-status.ts'
import { LOG_RANGES, rangeOf } from '../primitives/log-histogram.ts'
import { TopObjects } from './top-objects.ts'
import { FIELDS, NO_TOTALS, percentilesOf, sumTotals } from './traffic-reading.ts'
import type { Field, Sums, Totals, TrafficReading } from './traffic-reading.ts'

/** How far back it can be asked for. */
export const MOST_SECONDS = 120
/** So often it looks how late it comes to look. */
export const LOOK_MS = 50
/** The one that is running, and one that is still read while the next begins. */
const ROWS = MOST_SECONDS + 2
const WIDTH = FIELDS.length
const [REQUESTS, BYTES, CACHED_BYTES] = [
  placeOf('requests'),
  placeOf('bytes'),
  placeOf('cachedBytes'),
]
const [ORIGIN_BYTES, CLASS_0] = [placeOf('originBytes'), placeOf('class0')]
const IN_FLIGHT = placeOf('inFlight')
const [ABORTED, STALE, MISS] = [placeOf('aborted'), placeOf('stale'), placeOf('miss')]
const [MEMORY, DISK, REDIS] = [placeOf('memory'), placeOf('disk'), placeOf('redis')]
const [REVALIDATED, BYPASS] = [placeOf('revalidated'), placeOf('bypass')]

export interface TrafficSample {
  /** Since the start. */
  readonly originBytes: number
  readonly inFlight: number
}

export class Traffic {
  readonly top: TopObjects
  readonly #sums = new Float64Array(ROWS * WIDTH)
  readonly #durations = new Uint32Array(ROWS * LOG_RANGES)
  readonly #firstBytes = new Uint32Array(ROWS * LOG_RANGES)
  readonly #delays = new Uint32Array(ROWS * LOG_RANGES)
  /** Of which second since the epoch a row is. */
  readonly #seconds = new Float64Array(ROWS)
  /** Of the rows that have ended. */
  #totals: Totals = NO_TOTALS
  #second = -1
  #row = 0
  #originBytes = 0
  /** The second in which they were asked for last. */
  #originsAt = -1
  /** Monotonic ms. */
  #lookedAt: number | undefined
  #isWatched = false

  constructor(random: () => number) {
    this.top = new TopObjects(random)
  }

  /** Whether there is anybody who may ask: else nothing is counted. */
  watch(isWatched: boolean): void {
    this.#isWatched = isWatched
    this.#lookedAt = undefined
  }

  observe({ arrival, facts, sent }: Exchange): void {
    if (sent === undefined || !this.#isWatched) return
    const durationMs = sent.endedAt - arrival.startedAt
    const second = Math.floor((arrival.receivedAt + durationMs) / 1000)
    if (second > this.#second) this.#begin(second)

    const sums = this.#sums
    const row = this.#row * WIDTH
    const ranges = this.#row * LOG_RANGES
    const statusClass = Math.floor(sent.status / 100)
    const isHit = facts.cache?.kind === 'hit'
    add(sums, row + REQUESTS, 1)
    add(sums, row + BYTES, sent.bytes)
    add(sums, row + CLASS_0 + statusClass, 1)
    if (isHit) add(sums, row + CACHED_BYTES, sent.bytes)
    if (!sent.isWhole) add(sums, row + ABORTED, 1)
    const outcome = outcomeOf(facts)
    if (outcome !== undefined) add(sums, row + outcome, 1)
    count(this.#durations, ranges + rangeOf(durationMs))
    if (sent.firstByteAt === undefined || facts.route === undefined) return
    const firstByteMs = sent.firstByteAt - arrival.startedAt
    count(this.#firstBytes, ranges + rangeOf(firstByteMs))

    const { top } = this
    const { bucket, key } = facts.route
    const isObject = statusClass === 2 || statusClass === 3
    if (isObject && top.takeTurn()) top.count(bucket, key, sent.bytes, isHit)
    if (firstByteMs > top.slowFromMs) this.#noteSlow({ arrival, facts }, sent, firstByteMs)
  }

  /** So often as `LOOK_MS` says; a sample is asked for once a second. */
  look(now: number, monotonicNow: number, sample: () => TrafficSample): void {
    const second = Math.floor(now / 1000)
    // A clock that was set back: what it says is true from now on.
    const isSetBack = second < this.#second - 2
    if (second > this.#second || isSetBack) this.#begin(second)
    const lateMs = monotonicNow - (this.#lookedAt ?? monotonicNow - LOOK_MS) - LOOK_MS
    this.#lookedAt = monotonicNow
    count(this.#delays, this.#row * LOG_RANGES + rangeOf(lateMs))
    if (second === this.#originsAt) return
    this.#originsAt = second
    const { originBytes, inFlight } = sample()
    const row = this.#row * WIDTH
    this.#sums[row + IN_FLIGHT] = inFlight
    add(this.#sums, row + ORIGIN_BYTES, Math.max(0, originBytes - this.#originBytes))
    this.#originBytes = originBytes
  }

  /** The seconds before this one. */
  read(seconds: number, now: number, { running, connections }: ServerCounts): TrafficReading {
    const until = Math.floor(now / 1000)
    const all = Array.from({ length: seconds }, (_, index) => until - seconds + index)
    const rows = all.map((second) => this.#rowOf(second))
    return {
      seconds: rows.map((row) => this.#sumsAt(row)),
      durations: sumRanges(this.#durations, rows),
      firstBytes: sumRanges(this.#firstBytes, rows),
      firstByteP95s: rows.map((row) => percentilesOf(sumRanges(this.#firstBytes, [row])).p95),
      loopDelays: sumRanges(this.#delays, rows),
      inFlight: running,
      connections,
      sinceStart: this.#totalsWith(this.#row),
    }
  }

  #begin(second: number): void {
    this.#totals = this.#totalsWith(this.#row)
    this.#second = second
    const row = second % ROWS
    this.#row = row
    this.#seconds[row] = second
    this.#sums.fill(0, row * WIDTH, (row + 1) * WIDTH)
    for (const counts of [this.#durations, this.#firstBytes, this.#delays]) {
      counts.fill(0, row * LOG_RANGES, (row + 1) * LOG_RANGES)
    }
    this.top.tick()
  }

  #noteSlow(
    { arrival, facts }: Pick<Exchange, 'arrival' | 'facts'>,
    sent: Sent,
    firstByteMs: number,
  ): void {
    const { route, cache, obtain } = facts
    const isAnswer = sent.status < 400 || sent.status >= 500
    if (route === undefined || !isAnswer) return
    this.top.countSlow({
      ...route,
      firstByteMs,
      durationMs: sent.endedAt - arrival.startedAt,
      status: sent.status,
      cache: cache === undefined ? 'BYPASS' : xCache(cache),
      replica: obtain?.replica,
      at: arrival.receivedAt,
    })
  }

  /** Undefined where nothing was seen in that second. */
  #rowOf(second: number): number | undefined {
    const row = second % ROWS
    return this.#seconds[row] === second ? row : undefined
  }

  #sumsAt(row: number | undefined): Sums {
    // The cast: every field is given its value.
    return Object.fromEntries(
      FIELDS.map((field, place) => [
        field,
        row === undefined ? 0 : (this.#sums[row * WIDTH + place] ?? 0),
      ]),
    ) as unknown as Sums
  }

  #totalsWith(row: number): Totals {
    return sumTotals([this.#totals, this.#sumsAt(row)])
  }
}

/** Undefined for what was refused, or was for no bucket. */
function outcomeOf({ cache, route, refusal }: Facts): number | undefined {
  if (cache === undefined) return route === undefined || refusal !== undefined ? undefined : BYPASS
  if (cache.kind === 'hit') {
    if (cache.detail === 'memory') return MEMORY
    return cache.detail === 'disk' ? DISK : REDIS
  }
  if (cache.isStale === true) return STALE
  if (cache.reason === 'bypass') return BYPASS
  return cache.status === 304 ? REVALIDATED : MISS
}

function placeOf(field: Field): number {
  return FIELDS.indexOf(field)
}

// Two, so that each knows one kind of array alone: it is done ten times a request.
function add(sums: Float64Array, place: number, value: number): void {
  sums[place] = (sums[place] ?? 0) + value
}

function count(counts: Uint32Array, place: number): void {
  counts[place] = (counts[place] ?? 0) + 1
}

function sumRanges(counts: Uint32Array, rows: readonly (number | undefined)[]): number[] {
  const sums = Array.from({ length: LOG_RANGES }, () => 0)
  for (const row of rows) {
    if (row === undefined) continue
    for (let range = 0; range < LOG_RANGES; range += 1) {
      sums[range] = (sums[range] ?? 0) + (counts[row * LOG_RANGES + range] ?? 0)
    }
  }
  return sums
}
