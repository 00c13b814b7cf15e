// Objects of which some are far more popular than others, and what of it the cache answers.

import { check } from 'k6'
import { Rate } from 'k6/metrics'
import type { Options } from 'k6/options'

import { cacheOf, DURATION, get, number, popular, setting, warm } from './lib/target.ts'

const hits = new Rate('cache_hits')

export const options: Options = {
  scenarios: {
    readers: { executor: 'constant-vus', vus: number('VUS', 20), duration: DURATION },
  },
  thresholds: {
    http_req_failed: ['rate==0'],
    checks: ['rate==1'],
    cache_hits: [`rate>${setting('HIT_RATE', '0.9')}`],
    'http_req_duration{name:small}': [`p(95)<${setting('P95_MS', '100')}`],
  },
}

export const setup = warm

export default function hitRate(): void {
  const answer = get(popular(), 'small')
  check(answer, { 'it is 200': ({ status }) => status === 200 })
  hits.add(['HIT', 'STALE'].includes(cacheOf(answer)))
}
