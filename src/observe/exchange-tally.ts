// Finished exchanges, counted. It is done for every request, so it is a few additions to numbers in
// arrays that are found once for each bucket; names come in only when somebody reads.

import { countUp, SECONDS } from '../exchange/counts.ts'
import type { Arrival, Exchange, Facts } from '../exchange/exchange.ts'
import type { RefusalCode } from '../exchange/refusal.ts'
import { xCache } from '../http/cache-status.ts'
import type { XCache } from '../http/cache-status.ts'
import { addValue, createHistogram } from '../primitives/histogram.ts'
import type { Histogram } from '../primitives/histogram.ts'
import type { Exemplar, Reading, Series } from './reading.ts'

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'PURGE', 'other'] as const
const OTHER = METHODS.length - 1
const RESULTS: readonly XCache[] = ['HIT', 'MISS', 'STALE', 'REVALIDATED', 'BYPASS']
/** Where a first byte comes from: a tier, S3 (asked in vain, too), or nowhere but here. */
const SOURCES: readonly string[] = ['memory', 'disk', 'redis', 'origin', 'sluice']
const ORIGIN = 3
const OWN = 4

/** By the code of a refusal; whoever was let in counts as 'admitted'. */
const DENIALS: ReadonlyMap<string, string> = new Map([
  ['token_missing', 'missing'],
  ['token_invalid', 'invalid'],
  ['token_expired', 'expired'],
  ['claims_denied', 'denied'],
  ['address_denied', 'address_denied'],
  ['policy_denied', 'policy_denied'],
  ['policy_unavailable', 'unavailable'],
  ['signature_invalid', 'signature_invalid'],
  ['signature_expired', 'signature_expired'],
])

interface BucketTally {
  /** By method within status, both by their place in a list. */
  readonly requests: number[]
  readonly seconds: Histogram
  /** The last traced request of each range. */
  readonly exemplars: (Exemplar | undefined)[]
  readonly firstByte: (Histogram | undefined)[]
  readonly results: number[]
  collapsed: number
  slow: number
  bytes: number
  admitted: number
  /** By the outcome that is none. */
  readonly denied: Map<string, number>
}

export class ExchangeTally {
  readonly #buckets = new Map<string, BucketTally>()
  /** Of what was for no bucket. */
  readonly #noBucket = createBucketTally()
  readonly #refusals = new Map<RefusalCode, number>()
  /** Statuses in the order in which they came, and where in that order each is. */
  readonly #statuses: number[] = []
  readonly #places: (number | undefined)[] = Array.from({ length: 600 }, () => undefined)

  observe({ arrival, facts, sent }: Exchange): void {
    const { route, cache, refusal } = facts
    const tally = route === undefined ? this.#noBucket : this.#tallyOf(route.bucket)
    if (refusal !== undefined) countUp(this.#refusals, refusal.code)
    if (facts.access !== undefined) tally.admitted += 1
    else if (refusal !== undefined && route !== undefined) countDenial(tally, refusal.code)
    if (cache !== undefined) {
      countAt(tally.results, RESULTS.indexOf(xCache(cache)))
      if (cache.kind === 'forward' && cache.isCollapsed) tally.collapsed += 1
    }
    if (sent === undefined) return
    const place = this.#placeOf(sent.status)
    countAt(tally.requests, place * METHODS.length + methodPlace(arrival.method))
    tally.bytes += sent.bytes
    const range = addValue(tally.seconds, (sent.endedAt - arrival.startedAt) / 1000)
    if (arrival.trace?.spanId !== undefined)
      tally.exemplars[range] = exemplarOf(arrival, sent.endedAt)
    if (sent.firstByteAt === undefined) return
    const source = sourcePlace(facts)
    const firstByte = (tally.firstByte[source] ??= createHistogram(SECONDS))
    addValue(firstByte, (sent.firstByteAt - arrival.startedAt) / 1000)
  }

  /** Beside what else is counted of it. */
  noteSlow({ facts: { route } }: Exchange): void {
    const tally = route === undefined ? this.#noBucket : this.#tallyOf(route.bucket)
    tally.slow += 1
  }

  /** `cached` are the buckets that have a cache to speak of. */
  read(cached: readonly string[]): Reading {
    // First, since it makes what is not there yet: a bucket is in the first reading as in all others.
    const held = cached.map((bucket) => [bucket, this.#tallyOf(bucket)] as const)
    const all = [['', this.#noBucket] as const, ...this.#buckets]
    return {
      sluice_http_requests_total: all.flatMap(([bucket, tally]) => this.#requests(bucket, tally)),
      sluice_http_request_duration_seconds: all.map(([bucket, { seconds, exemplars }]) => {
        const series = histogramSeries([bucket], seconds)
        return exemplars.length === 0 ? series : { ...series, exemplars }
      }),
      sluice_slow_requests_total: all.map(([bucket, { slow }]) => one([bucket], slow)),
      sluice_http_response_bytes_total: all.map(([bucket, { bytes }]) => one([bucket], bytes)),
      sluice_time_to_first_byte_seconds: all.flatMap(([bucket, { firstByte }]) =>
        firstByte.flatMap((histogram, source) =>
          histogram === undefined
            ? []
            : [histogramSeries([bucket, SOURCES[source] ?? ''], histogram)],
        ),
      ),
      sluice_refusals_total: [...this.#refusals].map(([code, count]) => one([code], count)),
      sluice_auth_total: all.flatMap(([bucket, tally]) => visits(bucket, tally)),
      sluice_cache_requests_total: held.flatMap(([bucket, { results }]) =>
        RESULTS.map((result, place) => one([bucket, result.toLowerCase()], results[place] ?? 0)),
      ),
      sluice_cache_collapsed_total: held.map(([bucket, tally]) => one([bucket], tally.collapsed)),
    }
  }

  #requests(bucket: string, { requests }: BucketTally): Series[] {
    return this.#statuses.flatMap((status, place) =>
      METHODS.flatMap((method, column) => {
        const count = requests[place * METHODS.length + column] ?? 0
        return count === 0 ? [] : [one([bucket, method, String(status)], count)]
      }),
    )
  }

  #tallyOf(bucket: string): BucketTally {
    let tally = this.#buckets.get(bucket)
    if (tally === undefined) {
      tally = createBucketTally()
      this.#buckets.set(bucket, tally)
    }
    return tally
  }

  #placeOf(status: number): number {
    return (this.#places[status] ??= this.#statuses.push(status) - 1)
  }
}

/** Nothing of a bucket that nobody has to be let in to. */
function visits(bucket: string, { admitted, denied }: BucketTally): Series[] {
  const counts = [...(admitted > 0 ? [['admitted', admitted] as const] : []), ...denied]
  return counts.map(([outcome, count]) => one([bucket, outcome], count))
}

function createBucketTally(): BucketTally {
  return {
    requests: [],
    seconds: createHistogram(SECONDS),
    exemplars: [],
    firstByte: [],
    results: RESULTS.map(() => 0),
    collapsed: 0,
    slow: 0,
    bytes: 0,
    admitted: 0,
    denied: new Map(),
  }
}

function exemplarOf({ trace, startedAt, receivedAt }: Arrival, endedAt: number): Exemplar {
  const ms = endedAt - startedAt
  return { traceId: trace?.traceId ?? '', value: ms / 1000, at: (receivedAt + ms) / 1000 }
}

function countDenial({ denied }: BucketTally, code: RefusalCode): void {
  const outcome = DENIALS.get(code)
  if (outcome !== undefined) countUp(denied, outcome)
}

function countAt(counts: number[], place: number): void {
  counts[place] = (counts[place] ?? 0) + 1
}

function methodPlace(method: string): number {
  if (method === 'GET') return 0
  const place = METHODS.findIndex((known) => known === method)
  return place < 0 ? OTHER : place
}

function sourcePlace({ cache, obtain }: Facts): number {
  if (cache?.kind === 'hit') return Math.max(0, SOURCES.indexOf(cache.detail))
  if (cache !== undefined) return ORIGIN
  return obtain !== undefined && obtain.attempts > 0 ? ORIGIN : OWN
}

export function one(labels: readonly string[], value: number): Series {
  return { labels, values: [value] }
}

export function histogramSeries(labels: readonly string[], { counts, sum }: Histogram): Series {
  return { labels, values: [...counts, sum] }
}
