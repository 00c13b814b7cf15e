import assert from 'node:assert/strict'
import { test } from 'node:test'

import { widthOf } from './terminal-text.ts'
import { topLines } from './top-screen.ts'

const PERCENTILES = { p50: 0.21, p95: 12.4, p99: 1500 }
const TRAFFIC = {
  version: '1.2.3',
  uptime_seconds: 7325,
  config_generation: 4,
  threads: 2,
  rss_bytes: 300 * 2 ** 20,
  event_loop_delay_ms: PERCENTILES,
  in_flight: 7,
  connections: 30,
  window: {
    statuses: { '2xx': 900, '3xx': 0, '5xx': 3 },
    cache: { hit_ratio: 0.925, hit_ratio_by_tier: { memory: 0.9, disk: 0.025, redis: null } },
    first_byte_ms: PERCENTILES,
    duration_ms: PERCENTILES,
  },
  since_start: { bytes: 2 ** 30, bytes_from_origin: 2 ** 20, bytes_saved: 2 ** 30 - 2 ** 20 },
  series: { requests: [0, 10, 20, 30], bytes: [0, 1024, 1024, 1024] },
  buckets: [
    {
      bucket: 'products',
      replicas: [
        { name: 'primary', health: 'healthy', breaker: 'open', in_flight: 2, latency_ms: 3.2 },
      ],
    },
  ],
}
const HOT = { bucket: 'products', requests: 1234.5, hits: 1000, bytes: 5000 }
const SLOW = { bucket: 'products', first_byte_ms: 812.3, status: 200, cache: 'MISS' }
const TOP = {
  hottest: Array.from({ length: 50 }, (_, index) => ({ ...HOT, key: `hot/${index}.jpg` })),
  slowest: Array.from({ length: 50 }, (_, index) => ({ ...SLOW, key: `slow/${index}.jpg` })),
}
const FACTS = { traffic: TRAFFIC, top: TOP, url: 'http://127.0.0.1:9090' }

test('what an operator looks for stands there', () => {
  const text = topLines(FACTS, { columns: 120, rows: 60 }).join('\n')
  for (const wanted of [
    /Sluice 1\.2\.3 at http:\/\/127\.0\.0\.1:9090 \| up 2h2m \| configuration 4 \| 2 threads/,
    /requests\/s +20\.0 +▁▃▆█/,
    /sent\/s +1\.0K +in flight 7, connections 30/,
    /hit ratio +92\.5% +memory 90\.0%, disk 2\.5%/,
    /saved +1023M +from S3 1\.0M, sent 1\.0G/,
    /answers +2xx 900 +5xx 3/,
    /first byte 50% 0\.21ms +95% 12\.4ms +99% 1\.50s/,
    /products +primary +healthy +open +2 +3\.2ms/,
    /1235 +81\.0% +4\.9K +products: hot\/0\.jpg/,
    /812ms +200 +MISS +products: slow\/0\.jpg/,
  ]) {
    assert.match(text, wanted)
  }
})

test('it fits the terminal, however small', () => {
  for (const size of [
    { columns: 80, rows: 24 },
    { columns: 40, rows: 10 },
    { columns: 20, rows: 3 },
    { columns: 300, rows: 100 },
  ]) {
    const lines = topLines(FACTS, size)
    assert.ok(lines.length <= size.rows, `${lines.length} lines`)
    for (const line of lines) assert.ok(widthOf(line) <= size.columns, line)
  }
  const both = topLines(FACTS, { columns: 80, rows: 24 }).join('\n')
  assert.ok(both.includes('hot/0') && both.includes('slow/0'), both)
})

test('no key tells the terminal what to do', () => {
  const key = '\u001b]0;title\u0007\u001b[2J\n\u202e日本'
  const top = { hottest: [{ ...HOT, key }], slowest: [{ ...SLOW, key }] }
  const text = topLines({ ...FACTS, top }, { columns: 120, rows: 40 }).join('')
  assert.ok(!/[\p{Cc}\p{Cf}]/u.test(text))
  assert.ok(text.includes('日本'))
})

test('what is not told leaves a gap, and no trouble', () => {
  assert.ok(topLines({ traffic: {}, top: {}, url: 'x' }, { columns: 80, rows: 30 }).length > 5)
})
