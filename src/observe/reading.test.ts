import assert from 'node:assert/strict'
import { test } from 'node:test'

import { countersOf, sumReadings } from './reading.ts'
import type { Reading } from './reading.ts'

const requests = (count: number, status = '200'): Reading => ({
  sluice_http_requests_total: [{ labels: ['b', 'GET', status], values: [count] }],
})

test('what has the same labels is summed, the rest stands side by side', () => {
  assert.deepEqual(sumReadings([requests(1), requests(2), requests(4, '404')]), {
    sluice_http_requests_total: [
      { labels: ['b', 'GET', '200'], values: [3] },
      { labels: ['b', 'GET', '404'], values: [4] },
    ],
  })
})

test('a histogram is summed range by range', () => {
  const one: Reading = {
    sluice_http_request_duration_seconds: [{ labels: ['b'], values: [1, 0, 2, 0.5] }],
  }
  const { sluice_http_request_duration_seconds: sum } = sumReadings([one, one])
  assert.deepEqual(sum, [{ labels: ['b'], values: [2, 0, 4, 1] }])
})

test('of what all threads share the greatest is taken', () => {
  const tiers = (memory: number, disk: number): Reading => ({
    sluice_cache_tier_bytes: [
      { labels: ['memory'], values: [memory] },
      { labels: ['disk'], values: [disk] },
    ],
  })
  assert.deepEqual(sumReadings([tiers(1, 12), tiers(2, 10)]), tiers(2, 12))
})

test('labels that would read the same when put together stay apart', () => {
  const named = (...labels: string[]): Reading => ({
    sluice_refusals_total: [{ labels, values: [1] }],
  })
  const { sluice_refusals_total: both } = sumReadings([named('a,b', 'c'), named('a', 'b,c')])
  assert.equal(both?.length, 2)
})

test('of a thread that has ended the counters are left', () => {
  const counters: Reading = {
    ...requests(1),
    sluice_http_request_duration_seconds: [{ labels: ['b'], values: [1, 0.5] }],
  }
  const gauges: Reading = { sluice_connections_open: [{ labels: [], values: [3] }] }
  assert.deepEqual(countersOf({ ...counters, ...gauges }), counters)
})

test('of two requests that fell into one range, the later is named', () => {
  const series = (traceId: string, at: number, range: number) => {
    const exemplars = Array.from({ length: range + 1 }, (_, index) =>
      index === range ? { traceId, value: 1, at } : undefined,
    )
    return {
      sluice_http_request_duration_seconds: [{ labels: ['b'], values: [1, 1, 1], exemplars }],
    }
  }
  const named = (...readings: Reading[]): unknown =>
    sumReadings(readings).sluice_http_request_duration_seconds?.[0]?.exemplars?.map(
      (one) => one?.traceId,
    )
  assert.deepEqual(named(series('a', 1, 1), series('b', 2, 1)), [undefined, 'b'])
  assert.deepEqual(named(series('a', 2, 1), series('b', 1, 1)), [undefined, 'a'])
  assert.deepEqual(named(series('a', 2, 0), series('b', 1, 2)), ['a', undefined, 'b'])
  const bare = { sluice_http_request_duration_seconds: [{ labels: ['b'], values: [1] }] }
  assert.deepEqual(named(bare, series('b', 1, 0)), ['b'])
  assert.equal(named(bare, bare), undefined)
})
