// The text of /metrics: Prometheus's own tool has nothing to say against it, and its names are those
// that operators were promised.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { request } from '../support/http.ts'
import { scrape, untilMetrics } from '../support/metrics.ts'
import { partMissing, requirePart } from '../support/parts.ts'
import { until } from '../support/until.ts'

/** By their types; without `sluice_`. */
const PROMISED = {
  counter: [
    'http_requests_total',
    'http_response_bytes_total',
    'cache_requests_total',
    'cache_tier_hits_total',
    'cache_tier_misses_total',
    'cache_tier_evictions_total',
    'cache_tier_errors_total',
    'cache_collapsed_total',
    'cache_purges_total',
    'prewarm_objects_total',
    'prewarm_bytes_total',
    'origin_requests_total',
    'origin_response_bytes_total',
    'origin_failovers_total',
    'origin_retries_total',
    'origin_hedges_total',
    'rate_limited_total',
    'refusals_total',
    'policy_decisions_total',
    'auth_total',
    'jwks_refreshes_total',
    'slow_requests_total',
    'trace_spans_total',
    'audit_records_total',
    'config_reloads_total',
    'shed_requests_total',
  ],
  gauge: [
    'http_requests_in_flight',
    'connections_open',
    'cache_tier_bytes',
    'cache_tier_entries',
    'cache_fill_bytes',
    'replica_healthy',
    'circuit_breaker_state',
    'build_info',
    'config_generation',
    'shed_ratio',
  ],
  histogram: [
    'http_request_duration_seconds',
    'time_to_first_byte_seconds',
    'origin_request_duration_seconds',
    'policy_duration_seconds',
    'event_loop_delay_seconds',
  ],
}
let front: CachedFront

before(async () => {
  front = await openCachedFront({ server: { threads: 2 } })
  front.put('k', 'hello')
  await until(
    'the object',
    () => front.look('k'),
    (result) => result === 'HIT',
  )
  await front.look('missing')
  await request(`${front.url}/`, { method: 'PUT' })
  await untilMetrics(front.opsUrl, 'the requests', ({ sum }) => sum('sluice_refusals_total') === 2)
})
after(() => front?.[Symbol.asyncDispose]())

test('promtool finds nothing wrong', { skip: partMissing('promtool') }, async () => {
  const { text } = await scrape(front.opsUrl)
  const { status, stdout, stderr } = spawnSync(requirePart('promtool'), ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  })
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' })
})

test('the names and types are the promised ones', async () => {
  const { families } = await scrape(front.opsUrl)
  const own = [...families]
    .filter(([name]) => name.startsWith('sluice_'))
    .map(([name, type]) => `${name} ${type}`)
  const promised = Object.entries(PROMISED).flatMap(([type, names]) =>
    names.map((name) => `sluice_${name} ${type}`),
  )
  assert.deepEqual(own.toSorted(), promised.toSorted())
})

test('docs/metrics.md tells of every one of them, with its labels, and of no other', async () => {
  const { families, labels } = await scrape(front.opsUrl)
  const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| `(\w+)(?:\{([\w,]*)\})?`/gm)].map(
    ([, name = '', names = '']) => [name, names] as const,
  )
  const told = new Map(rows)
  assert.deepEqual([...told.keys()].toSorted(), [...families.keys()].toSorted())
  for (const [name, type] of families) {
    const [sample] = labels(type === 'histogram' ? `${name}_count` : name)
    if (sample !== undefined) assert.equal(told.get(name), Object.keys(sample).join(','), name)
  }
})

test('the ranges of a histogram are cumulated, from half a millisecond to a minute', async () => {
  const { labels, sum } = await scrape(front.opsUrl)
  const name = 'sluice_time_to_first_byte_seconds'
  const bounds = labels(`${name}_bucket`)
    .filter(({ source }) => source === 'memory')
    .map(({ le = '' }) => le)
  assert.deepEqual([bounds[0], bounds.at(-2), bounds.at(-1)], ['0.0005', '60', '+Inf'])
  const counts = bounds.map((le) => sum(`${name}_bucket`, { source: 'memory', le }))
  assert.deepEqual(
    counts,
    counts.toSorted((a, b) => a - b),
  )
  assert.equal(counts.at(-1), sum(`${name}_count`, { source: 'memory' }))
  assert.ok(sum(`${name}_sum`, { source: 'memory' }) > 0)
})
