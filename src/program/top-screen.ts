// The lines of `sluice top`, for a terminal of a given size: what the operations listener said, and
// nothing that a key or a name could do to a terminal.

import { cut, harmless, padEnd, padStart, widthOf } from './terminal-text.ts'

export type Fields = Readonly<Record<string, unknown>>

export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

export interface TopFacts {
  readonly traffic: Fields
  readonly top: Fields
  /** Where they come from. */
  readonly url: string
}

type Cells = readonly string[]

const UNITS = ['B', 'K', 'M', 'G', 'T', 'P']
const SPARKS = '▁▂▃▄▅▆▇█'
const NOTHING = '-'

export function topLines({ traffic, top, url }: TopFacts, { columns, rows }: ScreenSize): string[] {
  const fixed = [...headLines(traffic, url, columns), '', ...replicaLines(traffic)]
  // The lists share what is left; each has two lines of its own, and one before it.
  const room = Math.max(1, Math.floor((rows - fixed.length - 6) / 2))
  const lines = [
    ...fixed,
    '',
    ...hotLines(listOf(top['hottest']).slice(0, room), columns),
    '',
    ...slowLines(listOf(top['slowest']).slice(0, room), columns),
  ]
  return lines.slice(0, rows).map((line) => cut(line, columns))
}

function headLines(traffic: Fields, url: string, columns: number): string[] {
  const window = fieldsOf(traffic['window'])
  const series = fieldsOf(traffic['series'])
  const cache = fieldsOf(window['cache'])
  const tiers = fieldsOf(cache['hit_ratio_by_tier'])
  const statuses = fieldsOf(window['statuses'])
  const all = fieldsOf(traffic['since_start'])
  const delay = fieldsOf(traffic['event_loop_delay_ms'])
  const requests = numbersOf(series['requests'])
  const byTier = Object.entries(tiers).flatMap(([tier, ratio]) =>
    numberOf(ratio) > 0 ? [`${tier} ${percent(ratio)}`] : [],
  )
  return [
    [
      `Sluice ${textOf(traffic['version'])} at ${url}`,
      `up ${duration(traffic['uptime_seconds'])}`,
      `configuration ${textOf(traffic['config_generation'])}`,
      `${textOf(traffic['threads'])} threads`,
      `rss ${bytes(traffic['rss_bytes'])}`,
      `loop late ${milliseconds(delay['p99'])}`,
      ...(traffic['draining'] === true ? ['draining'] : []),
    ].join(' | '),
    '',
    `requests/s ${padStart(rate(recent(requests)), 9)}   ${spark(requests, Math.max(10, columns - 40))}`,
    `sent/s     ${padStart(bytes(recent(numbersOf(series['bytes']))), 9)}   in flight ${textOf(traffic['in_flight'])}, connections ${textOf(traffic['connections'])}`,
    `hit ratio  ${padStart(percent(cache['hit_ratio']), 9)}   ${byTier.join(', ')}`,
    `saved      ${padStart(bytes(all['bytes_saved']), 9)}   from S3 ${bytes(all['bytes_from_origin'])}, sent ${bytes(all['bytes'])}`,
    `answers    ${Object.entries(statuses)
      .filter(([, count]) => numberOf(count) > 0)
      .map(([name, count]) => `${name} ${textOf(count)}`)
      .join('  ')}`,
    `first byte ${percentiles(window['first_byte_ms'])}   whole ${percentiles(window['duration_ms'])}`,
  ]
}

function replicaLines(traffic: Fields): string[] {
  const rows = listOf(traffic['buckets']).flatMap((bucket) =>
    listOf(bucket['replicas']).map((replica): Cells => [
      textOf(bucket['bucket']),
      textOf(replica['name']),
      textOf(replica['health']),
      textOf(replica['breaker']),
      textOf(replica['in_flight']),
      milliseconds(replica['latency_ms']),
    ]),
  )
  return table(['BUCKET', 'REPLICA', 'HEALTH', 'BREAKER', 'IN FLIGHT', 'LATENCY'], rows, 4)
}

function hotLines(hottest: readonly Fields[], columns: number): string[] {
  const rows = hottest.map(({ requests, hits, bytes: sent, bucket, key }): Cells => [
    rate(requests),
    percent(numberOf(requests) > 0 ? Math.min(1, numberOf(hits) / numberOf(requests)) : undefined),
    bytes(sent),
    place(bucket, key, columns - 36),
  ])
  return table(['  REQUESTS', 'CACHED', '    SENT', 'HOTTEST'], rows, 0, 3)
}

function slowLines(slowest: readonly Fields[], columns: number): string[] {
  const rows = slowest.map((one): Cells => [
    milliseconds(one['first_byte_ms']),
    textOf(one['status']),
    textOf(one['cache']),
    place(one['bucket'], one['key'], columns - 36),
  ])
  return table(['FIRST BYTE', 'STATUS', '   CACHE', 'SLOWEST'], rows, 0, 3)
}

function place(bucket: unknown, key: unknown, room: number): string {
  return cut(`${textOf(bucket)}: ${textOf(key)}`, Math.max(12, room))
}

/** The columns from `firstNumber` up to `firstText` are numbers: their right edges meet. */
function table(
  head: Cells,
  rows: readonly Cells[],
  firstNumber: number,
  firstText: number = head.length,
): string[] {
  const all = [head, ...rows]
  const widths = head.map((_, column) =>
    Math.max(...all.map((cells) => widthOf(harmless(cells[column] ?? '')))),
  )
  return all.map((cells) =>
    cells
      .map((cell, column) => {
        const isNumber = column >= firstNumber && column < firstText
        const width = widths[column] ?? 0
        return isNumber ? padStart(cell, width) : padEnd(cell, width)
      })
      .join('  ')
      .trimEnd(),
  )
}

function spark(values: readonly number[], room: number): string {
  const shown = values.slice(-room)
  const most = Math.max(...shown, 1)
  return shown.map((value) => SPARKS[Math.round((value / most) * (SPARKS.length - 1))]).join('')
}

/** Of the last few seconds. */
function recent(values: readonly number[]): number {
  const last = values.slice(-3)
  return last.reduce((sum, value) => sum + value, 0) / Math.max(1, last.length)
}

function percentiles(value: unknown): string {
  const { p50, p95, p99 } = fieldsOf(value)
  return `50% ${milliseconds(p50)}  95% ${milliseconds(p95)}  99% ${milliseconds(p99)}`
}

function bytes(value: unknown): string {
  let amount = numberOf(value)
  let unit = 0
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024
    unit += 1
  }
  return `${amount >= 100 || unit === 0 ? Math.round(amount) : amount.toFixed(1)}${UNITS[unit] ?? ''}`
}

function rate(value: unknown): string {
  const amount = numberOf(value)
  return amount >= 100 ? String(Math.round(amount)) : amount.toFixed(1)
}

function percent(share: unknown): string {
  return typeof share === 'number' ? `${(share * 100).toFixed(1)}%` : NOTHING
}

function milliseconds(value: unknown): string {
  if (typeof value !== 'number') return NOTHING
  if (value >= 1000) return `${(value / 1000).toFixed(2)}s`
  return `${value >= 100 ? Math.round(value) : value.toFixed(value >= 1 ? 1 : 2)}ms`
}

function duration(value: unknown): string {
  const seconds = Math.floor(numberOf(value))
  const [days, hours, minutes] = [86_400, 3600, 60].map((unit) => Math.floor(seconds / unit))
  if (days !== undefined && days > 1) return `${days}d`
  if (hours !== undefined && hours > 0) return `${hours}h${(minutes ?? 0) % 60}m`
  return minutes !== undefined && minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : []
}

function numbersOf(value: unknown): number[] {
  return Array.isArray(value) ? value.map(numberOf) : []
}

function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return NOTHING
  return typeof value === 'string' ? value : JSON.stringify(value)
}
