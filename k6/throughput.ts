// Cached objects at a steady rate, whatever the answers take: what is not kept up with is counted as dropped.

import { check } from 'k6'
import type { Options } from 'k6/options'

import { DURATION, get, number, popular, setting, warm } from './lib/target.ts'

export const options: Options = {
  scenarios: {
    throughput: {
      executor: 'constant-arrival-rate',
      rate: number('RATE', 2000),
      duration: DURATION,
      preAllocatedVUs: number('VUS', 50),
      maxVUs: number('MAX_VUS', 500),
    },
  },
  thresholds: {
    http_req_failed: ['rate==0'],
    checks: ['rate==1'],
    http_req_duration: [`p(99)<${setting('P99_MS', '100')}`],
    dropped_iterations: [`rate<${setting('MOST_DROPPED', '1')}`],
  },
  discardResponseBodies: true,
}

export const setup = warm

export default function throughput(): void {
  const answer = get(popular(), 'small')
  check(answer, {
    'it is 200, and whole': ({ status, headers }) =>
      status === 200 && headers['Content-Length'] === '2048',
  })
}
