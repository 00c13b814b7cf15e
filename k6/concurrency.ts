// More and more clients at once, none of whom waits between two requests.

import { check } from 'k6'
import type { Options } from 'k6/options'

import { DURATION, get, MEDIUM, number, setting } from './lib/target.ts'

const most = number('VUS', 500)

export const options: Options = {
  scenarios: {
    concurrency: {
      executor: 'ramping-vus',
      startVUs: 1,
      stages: [
        { target: most, duration: setting('RAMP', '10s') },
        { target: most, duration: DURATION },
      ],
      gracefulStop: '10s',
    },
  },
  thresholds: {
    http_req_failed: ['rate==0'],
    checks: ['rate==1'],
    // Whoever asks without a pause waits for the others: this is about nobody being forgotten.
    http_req_duration: [`max<${setting('MAX_MS', '10000')}`],
  },
}

export default function concurrency(): void {
  const answer = get(`medium/${Math.floor(Math.random() * MEDIUM)}`, 'medium', {
    responseType: 'binary',
  })
  check(answer, {
    'all of it comes': ({ status, body }) =>
      status === 200 && body instanceof ArrayBuffer && body.byteLength === 65536,
  })
}
