// What an answer says of the time it took (W3C Server Timing), for whoever looks at a page in a browser.

import type { Exchange } from '../exchange/exchange.ts'
import { phasesOf } from '../exchange/phases.ts'
import type { PhaseName } from '../exchange/phases.ts'
import { xCache } from '../http/cache-status.ts'
import type { CacheOutcome } from '../http/cache-status.ts'
import { joinedValue } from '../http/headers.ts'
import { monotonic } from '../primitives/clock.ts'

/** Where S3 is asked, that is what is waited for; else it is our own places. */
const NAMES: Readonly<Record<PhaseName, string>> = {
  route: 'route',
  access: 'access',
  lookup: 'lookup',
  obtain: 'read',
  send: 'send',
}

/** Flat; of an answer that is about to leave with these headers. */
export function timingFields(
  exchange: Exchange,
  outcome: CacheOutcome,
  headers: readonly string[],
): string[] {
  const at = monotonic()
  const { arrival, facts } = exchange
  const isOrigins = (facts.obtain?.attempts ?? 0) > 0
  const metrics = phasesOf(exchange, at).map(({ name, from, until }) => {
    return metric(name === 'obtain' && isOrigins ? 'origin' : NAMES[name], until - from)
  })
  const all = [
    `cache;desc=${xCache(outcome).toLowerCase()}`,
    ...metrics,
    metric('total', at - arrival.startedAt),
  ]
  const fields = ['Server-Timing', all.join(', ')]
  // A page that may read the answer may read this of it too.
  const allowed = joinedValue(headers, 'access-control-allow-origin')
  if (allowed !== undefined) fields.push('Timing-Allow-Origin', allowed)
  return fields
}

function metric(name: string, ms: number): string {
  return `${name};dur=${Math.round(ms * 1000) / 1000}`
}
