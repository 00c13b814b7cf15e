// What happened outside any request, in words: every sentence of the log stands here.

import type { AdminCall, Event } from '../exchange/event.ts'
import type { Level, Log } from './log.ts'

export function writeEvent(log: Log, event: Event): void {
  if (event.kind === 'admin' && event.isUntold === true) return
  const { level: usual, message } = SENTENCES[event.kind]
  const level = isGoodNews(event) ? 'info' : usual
  log.event(level, factsOf(event), message)
}

function isGoodNews(event: Event): boolean {
  if (event.kind === 'policy' || event.kind === 'tracing' || event.kind === 'overload')
    return event.state === 'back'
  if (event.kind === 'key-set') return event.state === 'loaded'
  if (event.kind === 'audit') return event.state === 'back'
  return event.kind === 'replica-health' && event.health === 'healthy'
}

const SENTENCES: Readonly<Record<Event['kind'], { level: Level; message: string }>> = {
  breaker: { level: 'warn', message: 'the circuit breaker of a replica changed' },
  'replica-health': { level: 'warn', message: 'the health of a replica changed' },
  'region-learned': { level: 'info', message: 'S3 named another region for a bucket' },
  'worker-died': { level: 'error', message: 'a worker thread died and is replaced' },
  'certificate-reloaded': { level: 'info', message: 'a new certificate is in use' },
  'certificate-rejected': { level: 'error', message: 'a new certificate cannot be used' },
  'operations-listener-absent': { level: 'warn', message: 'there is no operations listener' },
  'proxy-protocol': { level: 'warn', message: 'a connection was closed for its PROXY header' },
  tier: { level: 'warn', message: 'a cache tier stepped aside or came back' },
  'rate-limits': {
    level: 'warn',
    message: 'the nodes cannot meet to count for shared rate limits, or can again',
  },
  admin: { level: 'info', message: 'an operator called' },
  'admin-refused': { level: 'warn', message: 'more calls were refused than are written' },
  prewarm: { level: 'info', message: 'a prewarming task has ended' },
  'key-set': { level: 'warn', message: 'the keys of an issuer were asked for' },
  policy: { level: 'warn', message: 'a policy stepped aside or came back' },
  overload: { level: 'warn', message: 'requests are turned away for lack of time, or no more' },
  tracing: { level: 'warn', message: 'spans do not reach their collector, or do again' },
  audit: { level: 'error', message: 'audit records do not arrive, or do again' },
  'config-reloaded': { level: 'info', message: 'a new configuration is in force' },
  'config-refused': {
    level: 'error',
    message: 'a new configuration was refused; the old one stays in force',
  },
  draining: { level: 'info', message: 'no new connections are taken; transfers finish' },
  drained: { level: 'info', message: 'all connections are closed' },
  bug: { level: 'error', message: 'an unexpected error' },
}

function factsOf(event: Event): object {
  const { kind, ...facts } = event
  if (kind === 'admin') return factsOfCall(event)
  if (kind === 'worker-died') return { event: kind, ...facts, error: event.error.slice(0, STACK) }
  if (kind !== 'bug') return { event: kind, ...facts }
  const { error, requestId } = event
  const stack = error instanceof Error ? error.stack : String(error)
  return { event: kind, request_id: requestId, stack: stack?.slice(0, STACK) }
}

/** In the words of the access log. */
function factsOfCall({ kind, asked: _, clientIp, requestId, ...facts }: AdminCall): object {
  return { event: kind, ...facts, client_ip: clientIp, request_id: requestId }
}

/** Characters of a stack that still fit a line. */
const STACK = 2000
