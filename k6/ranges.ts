// Ranges of one large object, each held against the bytes that must stand there.

import { check } from 'k6'
import type { Options } from 'k6/options'

import { DURATION, get, number, ruler, RULER_BYTES, setting } from './lib/target.ts'

export const options: Options = {
  scenarios: {
    ranges: { executor: 'constant-vus', vus: number('VUS', 20), duration: DURATION },
  },
  thresholds: {
    http_req_failed: ['rate==0'],
    checks: ['rate==1'],
    http_req_duration: [`p(95)<${setting('P95_MS', '500')}`],
  },
}

const MOST_BYTES = 20_000

export default function ranges(): void {
  const bytes = 1 + Math.floor(Math.random() * MOST_BYTES)
  const first = Math.floor(Math.random() * (RULER_BYTES - bytes))
  const last = first + bytes - 1
  one(`bytes=${first}-${last}`, first, last)
  one(`bytes=-${bytes}`, RULER_BYTES - bytes, RULER_BYTES - 1)
  one(`bytes=${RULER_BYTES - bytes}-`, RULER_BYTES - bytes, RULER_BYTES - 1)
}

function one(range: string, first: number, last: number): void {
  const answer = get('ruler.txt', 'range', { headers: { range } })
  check(answer, {
    'it is 206': ({ status }) => status === 206,
    'it says which bytes': ({ headers }) =>
      headers['Content-Range'] === `bytes ${first}-${last}/${RULER_BYTES}`,
    'the bytes are right': ({ body }) => body === ruler(first, last),
  })
}
