// Purges in great number while others read: whoever has purged an object never gets the old one.

import { check } from 'k6'
import exec from 'k6/execution'
import { Counter } from 'k6/metrics'
import type { Options } from 'k6/options'

import {
  admin,
  BUCKET,
  cacheOf,
  DURATION,
  get,
  number,
  popular,
  SET_ASIDE,
  setting,
  SMALL,
} from './lib/target.ts'

const purges = new Counter('purges')

export const options: Options = {
  scenarios: {
    readers: { executor: 'constant-vus', vus: number('VUS', 20), duration: DURATION },
    purgers: {
      executor: 'constant-vus',
      vus: Math.min(number('PURGERS', 10), SET_ASIDE),
      duration: DURATION,
      exec: 'purger',
    },
    sweeper: {
      executor: 'constant-arrival-rate',
      rate: 1,
      duration: DURATION,
      preAllocatedVUs: 1,
      exec: 'sweeper',
    },
  },
  thresholds: {
    http_req_failed: ['rate==0'],
    checks: ['rate==1'],
    purges: ['count>0'],
    'http_req_duration{scenario:readers}': [`p(95)<${setting('P95_MS', '500')}`],
  },
}

export default function readers(): void {
  check(get(popular(), 'small'), { 'it is 200': ({ status }) => status === 200 })
}

/** Each has an object that nobody else asks for. */
export function purger(): void {
  const key = `small/${SMALL - SET_ASIDE + (exec.vu.idInTest % SET_ASIDE)}`
  get(key, 'own')
  const { status } = admin('cache/purge', { bucket: BUCKET, key })
  const after = get(key, 'own')
  purges.add(1)
  check(after, {
    'the purge is acknowledged': () => status === 200,
    'what was purged is not served': (answer) => cacheOf(answer) === 'MISS',
    'and comes again': (answer) => answer.status === 200,
  })
}

export function sweeper(): void {
  const { status } = admin('cache/purge', { bucket: BUCKET, prefix: 'small/' })
  check(status, { 'the sweep is acknowledged': (code) => code === 200 })
}
