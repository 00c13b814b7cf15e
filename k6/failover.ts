// Downloads past the cache while the first replica goes and comes back: every one of them is whole, those that
// were half way when it went, too.

import { check, sleep } from 'k6'
import http from 'k6/http'
import type { Options } from 'k6/options'

import {
  BASE,
  control,
  DURATION,
  number,
  ruler,
  RULER_BYTES,
  setting,
  UNCACHED,
} from './lib/target.ts'

export const options: Options = {
  scenarios: {
    downloads: { executor: 'constant-vus', vus: number('VUS', 10), duration: DURATION },
    trouble: { executor: 'constant-vus', vus: 1, duration: DURATION, exec: 'trouble' },
  },
  thresholds: {
    http_req_failed: ['rate==0'],
    checks: ['rate==1'],
    'http_req_duration{scenario:downloads}': [`max<${setting('MAX_MS', '20000')}`],
  },
}

const LINE = 16

export default function downloads(): void {
  const { status, body } = http.get(`${BASE}${UNCACHED}/ruler.txt`, { tags: { name: 'ruler' } })
  const text = String(body)
  check(text, {
    'it is 200': () => status === 200,
    'it is whole': () => text.length === RULER_BYTES,
    'its bytes are right': () => isRuler(text),
  })
}

/** All of it would be too dear to hold against what should be there; a line in each 64 KiB is not. */
function isRuler(text: string): boolean {
  for (let at = 0; at < text.length; at += 65_536) {
    if (text.slice(at, at + LINE) !== ruler(at, at + LINE - 1)) return false
  }
  return true
}

/** Without somebody who does it, the operator breaks a replica by hand. */
export function trouble(): void {
  sleep(number('WELL_FOR', 1))
  control('down')
  sleep(number('AWAY_FOR', 1))
  control('up')
}
