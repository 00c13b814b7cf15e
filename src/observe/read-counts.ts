// What is counted away from any exchange, by the names it has in the metrics.

import type {
  CacheCounts,
  Counts,
  LoadCounts,
  OriginCounts,
  PolicyCounts,
  PrewarmCounts,
  TierCount,
} from '../exchange/counts.ts'
import { histogramSeries, one } from './exchange-tally.ts'
import type { Reading, Series } from './reading.ts'

const BREAKER_STATES = { closed: 0, 'half-open': 1, open: 2 } as const

export function readCounts({
  origins,
  cache,
  limits,
  server,
  load,
  purges,
  policy,
  keyRefreshes,
  spans,
}: Counts): Reading {
  return {
    ...readOrigins(origins),
    ...(cache === undefined ? {} : readCache(cache)),
    sluice_http_requests_in_flight: [one([], server.running)],
    sluice_connections_open: [one([], server.connections)],
    sluice_refusals_total: seriesOf([], server.refusals),
    ...readLoad(load),
    sluice_rate_limited_total: limits.map(({ bucket, limit, refused }) =>
      one([bucket, limit], refused),
    ),
    ...readPurges(purges),
    ...readKeyRefreshes(keyRefreshes),
    ...readPolicy(policy),
    ...(spans && { sluice_trace_spans_total: seriesOf([], new Map(Object.entries(spans))) }),
  }
}

function readLoad({ delays, shed, turnedAway }: LoadCounts): Reading {
  return {
    sluice_event_loop_delay_seconds: [histogramSeries([], delays)],
    sluice_shed_ratio: [one(['origin'], shed.origin), one(['all'], shed.all)],
    sluice_shed_requests_total: seriesOf([], turnedAway),
  }
}

function readPolicy({ decisions, seconds }: PolicyCounts): Reading {
  if (decisions.size === 0) return {}
  return {
    sluice_policy_decisions_total: [...decisions].flatMap(([bucket, counts]) =>
      Object.entries(counts).map(([outcome, count]) => one([bucket, outcome], count)),
    ),
    sluice_policy_duration_seconds: [histogramSeries([], seconds)],
  }
}

export function readKeyRefreshes(refreshes: Counts['keyRefreshes']): Reading {
  return { sluice_jwks_refreshes_total: seriesOf([], refreshes) }
}

/** Of the whole process. By sink, what became of records. */
export function readAudit(
  sinks: ReadonlyMap<string, { readonly written: number; dropped: number; failed: number }>,
): Reading {
  return {
    sluice_audit_records_total: [...sinks].flatMap(([sink, { written, dropped, failed }]) => [
      one([sink, 'written'], written),
      one([sink, 'dropped'], dropped),
      one([sink, 'failed'], failed),
    ]),
  }
}

/** Of the operations listener, which is no thread's. */
export function readRefusals(refusals: ReadonlyMap<string, number>): Reading {
  return { sluice_refusals_total: seriesOf([], refusals) }
}

export function readPurges(purges: Counts['purges']): Reading {
  return { sluice_cache_purges_total: seriesOf([], purges) }
}

export function readPrewarming({ objects, bytes }: PrewarmCounts): Reading {
  return {
    sluice_prewarm_objects_total: [one([], objects)],
    sluice_prewarm_bytes_total: [one([], bytes)],
  }
}

function readOrigins(origins: readonly OriginCounts[]): Reading {
  const replicas = origins.flatMap(({ bucket, replicas: all }) =>
    all.map((counts) => ({ labels: [bucket, counts.replica], ...counts })),
  )
  return {
    sluice_origin_requests_total: replicas.flatMap(({ labels, outcomes }) =>
      seriesOf(labels, outcomes),
    ),
    sluice_origin_request_duration_seconds: replicas.map(({ labels, seconds }) =>
      histogramSeries(labels, seconds),
    ),
    sluice_origin_response_bytes_total: replicas.map(({ labels, bytes }) => one(labels, bytes)),
    sluice_circuit_breaker_state: replicas.flatMap(({ labels, breaker }) =>
      breaker === undefined ? [] : [one(labels, BREAKER_STATES[breaker])],
    ),
    sluice_origin_failovers_total: origins.flatMap(({ bucket, failovers }) =>
      failovers.map(({ from, to, phase, count }) => one([bucket, from, to, phase], count)),
    ),
    sluice_origin_retries_total: origins.flatMap(({ bucket, retries }) =>
      seriesOf([bucket], retries),
    ),
    sluice_origin_hedges_total: origins.flatMap(({ bucket, hedges }) =>
      hedges === undefined
        ? []
        : [one([bucket, 'true'], hedges.won), one([bucket, 'false'], hedges.lost)],
    ),
  }
}

/** Of the process. */
export function readReloads({
  generation,
  outcomes,
}: {
  readonly generation: number
  readonly outcomes: ReadonlyMap<string, number>
}): Reading {
  return {
    sluice_config_reloads_total: seriesOf([], outcomes),
    sluice_config_generation: [one([], generation)],
  }
}

function readCache({ tiers, fillBytes }: CacheCounts): Reading {
  const each = (count: (tier: TierCount) => number | undefined): Series[] =>
    tiers.flatMap((tier) => {
      const value = count(tier)
      return value === undefined ? [] : [one([tier.name], value)]
    })
  return {
    sluice_cache_tier_hits_total: each(({ hits }) => hits),
    sluice_cache_tier_misses_total: each(({ misses }) => misses),
    sluice_cache_tier_evictions_total: each(({ evictions }) => evictions),
    sluice_cache_tier_errors_total: each(({ errors }) => errors),
    sluice_cache_tier_bytes: each(({ bytes }) => bytes),
    sluice_cache_tier_entries: each(({ entries }) => entries),
    sluice_cache_fill_bytes: [one([], fillBytes)],
  }
}

function seriesOf(labels: readonly string[], counts: ReadonlyMap<string, number>): Series[] {
  return [...counts].map(([name, count]) => one([...labels, name], count))
}
