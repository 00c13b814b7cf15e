// A new configuration every second under load: no request fails, and each change is in force when its reload
// has been answered.

import { check, sleep } from 'k6'
import type { Options } from 'k6/options'

import { admin, control, DURATION, get, number, popular, setting } from './lib/target.ts'

export const options: Options = {
  scenarios: {
    readers: {
      executor: 'constant-arrival-rate',
      rate: number('RATE', 1000),
      duration: DURATION,
      preAllocatedVUs: number('VUS', 50),
      maxVUs: number('MAX_VUS', 500),
    },
    operator: { executor: 'constant-vus', vus: 1, duration: DURATION, exec: 'operator' },
  },
  thresholds: {
    http_req_failed: ['rate==0'],
    checks: ['rate==1'],
    'http_req_duration{scenario:readers}': [`p(99)<${setting('P99_MS', '500')}`],
  },
}

export default function readers(): void {
  check(get(popular(), 'small'), { 'it is 200': ({ status }) => status === 200 })
}

let change = 0

/** Without somebody who changes the file, what is reloaded is what there was. */
export function operator(): void {
  const isChanged = control(`configuration?change=${++change}`)
  const { status } = admin('reload')
  check(status, { 'the reload is done': (code) => code === 200 })
  if (isChanged) {
    const { headers } = get(popular(), 'small')
    check(headers, { 'the change is in force': (all) => all['X-Change'] === String(change) })
  }
  sleep(1)
}
