// What passes, what the cache makes of it, and how the replicas are.

import { ask } from './api.js'
import { sparkline, stackedBar } from './chart.js'
import { byId, el, fill, table, tag } from './dom.js'
import { bytes, count, duration, milliseconds, NOTHING, percent, rate } from './format.js'

const SECONDS = 120

const TILES = [
  { id: 'requests', title: 'Requests a second', read: requestsTile },
  { id: 'sent', title: 'Sent a second', read: sentTile },
  { id: 'hits', title: 'Hit ratio', read: hitsTile },
  { id: 'saved', title: 'Bytes saved', read: savedTile },
  { id: 'latency', title: 'First byte, 95 %', read: latencyTile },
  { id: 'flight', title: 'In flight', read: flightTile },
]

const tiles = new Map()

export const overview = {
  everyMs: 2000,
  open() {
    if (tiles.size > 0) return
    for (const { id, title } of TILES) tiles.set(id, makeTile(id, title))
    fill(byId('tiles'), ...[...tiles.values()].map(({ root }) => root))
  },
  async refresh(signal) {
    const traffic = await ask('GET', 'traffic', { query: { seconds: SECONDS }, signal })
    for (const { id, read } of TILES) showTile(tiles.get(id), read(traffic))
    fill(byId('facts'), factsOf(traffic))
    showCache(traffic)
    showAnswers(traffic)
    fill(byId('replicas'), replicaTable(traffic.buckets))
  },
}

function makeTile(id, title) {
  const value = el('p', { class: 'value', id: `tile-${id}` })
  const note = el('p', { class: 'note' })
  const chart = sparkline()
  const root = el(
    'section',
    { class: 'tile', 'aria-label': title },
    el('h2', {}, title),
    value,
    note,
    chart.root,
  )
  return { root, value, note, chart }
}

function showTile({ value, note, chart }, read) {
  value.textContent = read.value
  note.textContent = read.note
  chart.draw(read.values, read.top)
}

/** Of the last few seconds, for what should be seen at once. */
function recent(values, seconds = 5) {
  const last = values.slice(-seconds)
  return last.reduce((sum, value) => sum + value, 0) / Math.max(1, last.length)
}

function requestsTile({ series, window }) {
  return {
    value: rate(recent(series.requests)),
    note: `${count(window.requests)} in ${window.seconds} s, ${count(window.statuses['5xx'])} failed`,
    values: series.requests,
  }
}

function sentTile({ series, window }) {
  return {
    value: `${bytes(recent(series.bytes))}/s`,
    note: `${bytes(window.bytes)} in ${window.seconds} s`,
    values: series.bytes,
  }
}

function hitsTile({ series, window }) {
  const { hits, misses } = series
  const ratios = hits.map((hit, index) => {
    const asked = hit + misses[index]
    return asked === 0 ? Number.NaN : hit / asked
  })
  return {
    value: percent(window.cache.hit_ratio ?? Number.NaN),
    note: `${count(window.cache.miss)} missed, ${count(window.cache.bypass)} passed by`,
    values: ratios,
    top: 1,
  }
}

function savedTile({ series, window, since_start: all }) {
  return {
    value: bytes(all.bytes_saved),
    note: `from S3 ${bytes(all.bytes_from_origin)} in all, ${bytes(window.bytes_from_origin)} in ${window.seconds} s`,
    values: series.bytes.map((sent, index) => Math.max(0, sent - series.bytes_from_origin[index])),
  }
}

function latencyTile({ series, window }) {
  const { p50, p95, p99 } = window.first_byte_ms
  return {
    values: series.first_byte_p95_ms.map((value) => value ?? Number.NaN),
    value: milliseconds(p95 ?? Number.NaN),
    note: `half within ${milliseconds(p50 ?? Number.NaN)}, 99 % within ${milliseconds(p99 ?? Number.NaN)}`,
  }
}

function flightTile({ in_flight: running, connections, series }) {
  const note = `${count(connections)} ${connections === 1 ? 'connection' : 'connections'}`
  return { value: count(running), note, values: series.in_flight }
}

function factsOf(traffic) {
  const delay = traffic.event_loop_delay_ms.p99
  const parts = [
    `Sluice ${traffic.version}`,
    `up ${duration(traffic.uptime_seconds)}`,
    `configuration ${traffic.config_generation}`,
    traffic.threads === 1 ? '1 thread' : `${traffic.threads} threads`,
    `${bytes(traffic.rss_bytes)} of memory`,
    `event loop late by ${milliseconds(delay ?? Number.NaN)} (99 %)`,
  ]
  if (traffic.draining) parts.push('draining')
  return parts.join(' · ')
}

const SHARES = [
  { name: 'memory', mood: 'one', of: ({ hits }) => hits.memory },
  { name: 'disk', mood: 'two', of: ({ hits }) => hits.disk },
  { name: 'redis', mood: 'three', of: ({ hits }) => hits.redis },
  { name: 'stale', mood: 'warn', of: ({ stale }) => stale },
  { name: 'revalidated', mood: 'four', of: ({ revalidated }) => revalidated },
  { name: 'missed', mood: 'quiet', of: ({ miss }) => miss },
]

function showCache({ window: { cache }, tiers }) {
  const asked = SHARES.reduce((sum, { of }) => sum + of(cache), 0)
  const share = (of) => (asked === 0 ? 0 : of(cache) / asked)
  const told = SHARES.filter(({ of }) => of(cache) > 0)
  fill(
    byId('cache-shares'),
    stackedBar(SHARES.map(({ mood, of }) => ({ mood, share: share(of) }))),
    legend(
      told.map(({ name, mood, of }) => ({ name, mood, text: percent(share(of)) })),
      'Nothing was asked of it.',
    ),
  )
  const rows = Object.entries(tiers ?? {}).map(([name, tier]) => [
    name,
    percent(cache.hit_ratio_by_tier[name] ?? Number.NaN),
    count(tier.entries ?? Number.NaN),
    bytes(tier.bytes ?? Number.NaN),
    count(tier.evictions ?? Number.NaN),
  ])
  const columns = [{ name: 'Layer' }, ...numbers('Hit ratio', 'Entries', 'Bytes', 'Evictions')]
  fill(byId('cache-tiers'), table('Cache layers', columns, rows, 'Nothing is cached.'))
}

function showAnswers({ window }) {
  const classes = [
    { name: '2xx', mood: 'one' },
    { name: '3xx', mood: 'two' },
    { name: '4xx', mood: 'warn' },
    { name: '5xx', mood: 'bad' },
    { name: 'none', mood: 'quiet', word: 'left before' },
  ]
  const shares = classes.map((one) => ({
    ...one,
    many: window.statuses[one.name],
    share: window.requests === 0 ? 0 : window.statuses[one.name] / window.requests,
  }))
  const told = shares.filter(({ many }) => many > 0)
  fill(
    byId('statuses'),
    stackedBar(shares),
    legend(
      told.map(({ name, word, mood, many }) => ({ name: word ?? name, mood, text: count(many) })),
      'No answers yet.',
    ),
  )
  const row = (name, { p50, p95, p99 }) => [
    name,
    ...[p50, p95, p99].map((value) => milliseconds(value ?? Number.NaN)),
  ]
  const rows = [row('First byte', window.first_byte_ms), row('Whole answer', window.duration_ms)]
  fill(
    byId('latency'),
    table('Latency', [{ name: 'Until' }, ...numbers('50 %', '95 %', '99 %')], rows, ''),
  )
}

function legend(parts, whenEmpty) {
  if (parts.length === 0) return el('p', { class: 'empty' }, whenEmpty)
  const items = parts.map(({ name, mood, text }) =>
    el(
      'li',
      {},
      el('span', { class: `dot back-${mood}`, 'aria-hidden': 'true' }),
      `${name} `,
      el('strong', {}, text),
    ),
  )
  return el('ul', { class: 'legend' }, ...items)
}

const MOODS = {
  healthy: 'good',
  probing: 'warn',
  unhealthy: 'bad',
  closed: 'good',
  'half-open': 'warn',
  open: 'bad',
}

function replicaTable(buckets) {
  if (buckets === null) return el('p', { class: 'empty' }, 'A thread does not answer.')
  const rows = buckets.flatMap(({ bucket, replicas }) =>
    replicas.map((replica) => [
      bucket,
      replica.name,
      tag(replica.health, MOODS[replica.health]),
      tag(breakerText(replica), MOODS[replica.breaker]),
      count(replica.in_flight),
      replica.latency_ms > 0 ? milliseconds(replica.latency_ms) : NOTHING,
      failureText(replica.last_failure),
    ]),
  )
  const columns = ['Bucket', 'Replica', 'Health', 'Breaker'].map((name) => ({ name }))
  return table(
    'Replicas',
    [...columns, ...numbers('In flight', 'Latency'), { name: 'Last failure', kind: 'text' }],
    rows,
    'There are none.',
  )
}

function breakerText({ breaker, open_for_ms: openForMs }) {
  return breaker === 'open' ? `open, ${milliseconds(openForMs)} left` : breaker
}

function failureText(failure) {
  if (failure === null || failure === undefined) return NOTHING
  return typeof failure === 'string' ? failure : Object.values(failure).join(', ')
}

function numbers(...names) {
  return names.map((name) => ({ name, number: true }))
}
