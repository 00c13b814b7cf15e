// Everything that clients do, for a long time, while the memory of the process is watched.

import { check, sleep } from 'k6'
import http from 'k6/http'
import { Trend } from 'k6/metrics'
import type { Options } from 'k6/options'

import {
  BASE,
  get,
  MEDIUM,
  number,
  OPERATIONS,
  popular,
  PREFIX,
  ruler,
  RULER_BYTES,
  setting,
} from './lib/target.ts'

const duration = setting('DURATION', '30m')
const resident = new Trend('resident_megabytes')

export const options: Options = {
  scenarios: {
    clients: {
      executor: 'constant-arrival-rate',
      rate: number('RATE', 500),
      duration,
      preAllocatedVUs: number('VUS', 50),
      maxVUs: number('MAX_VUS', 500),
    },
    watch: { executor: 'constant-vus', vus: 1, duration, exec: 'watch' },
  },
  thresholds: {
    checks: ['rate==1'],
    'http_req_duration{scenario:clients}': [`p(99)<${setting('P99_MS', '500')}`],
    dropped_iterations: [`rate<${setting('MOST_DROPPED', '1')}`],
    resident_megabytes: [`max<${setting('MOST_RESIDENT_MB', '1024')}`],
  },
}

// A share of each, until it is more than what was thrown.
const KINDS: readonly (readonly [share: number, ask: () => void])[] = [
  [0.7, small],
  [0.8, medium],
  [0.9, range],
  [0.95, unchanged],
  [0.98, head],
  [1, missing],
]

export default function clients(): void {
  const thrown = Math.random()
  KINDS.find(([share]) => thrown < share)?.[1]()
}

function small(): void {
  check(get(popular(), 'small'), { 'a small object': ({ status }) => status === 200 })
}

function medium(): void {
  const answer = get(`medium/${Math.floor(Math.random() * MEDIUM)}`, 'medium')
  check(answer, { 'a larger object': ({ status }) => status === 200 })
}

function range(): void {
  const first = Math.floor(Math.random() * (RULER_BYTES - 1000))
  const answer = get('ruler.txt', 'range', { headers: { range: `bytes=${first}-${first + 999}` } })
  check(answer, { 'a range': ({ body }) => body === ruler(first, first + 999) })
}

function unchanged(): void {
  const key = popular()
  const { headers } = get(key, 'small')
  const again = get(key, 'conditional', { headers: { 'if-none-match': headers['Etag'] ?? '' } })
  check(again, { 'unchanged since': ({ status }) => status === 304 })
}

function head(): void {
  const answer = http.head(`${BASE}${PREFIX}/${popular()}`, { tags: { name: 'head' } })
  check(answer, {
    'a head': ({ status, headers }) => status === 200 && 'Content-Length' in headers,
  })
}

function missing(): void {
  const answer = get(`missing/${Math.floor(Math.random() * 1000)}`, 'missing', {
    responseCallback: http.expectedStatuses(404),
  })
  check(answer, { 'what is not there': ({ status }) => status === 404 })
}

export function watch(): void {
  const { body } = http.get(`${OPERATIONS}/metrics`, { tags: { name: 'metrics' } })
  const bytes = /^process_resident_memory_bytes (\S+)$/m.exec(String(body))?.[1]
  if (bytes !== undefined) resident.add(Number(bytes) / 1024 / 1024)
  sleep(2)
}
