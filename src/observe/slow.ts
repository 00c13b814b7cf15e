// Of a request that took too long: where its time went. What a client, or a pace that it was given, made it
// wait for is told, and does not make it slow.

import type { SlowQueryConfig } from '../config/observability.ts'
import type { Exchange, TryFact } from '../exchange/exchange.ts'
import { phasesOf } from '../exchange/phases.ts'
import type { PhaseName } from '../exchange/phases.ts'
import { xCache } from '../http/cache-status.ts'
import { milliseconds, pathOf } from './access-log.ts'

export function isSlow(
  { arrival, sent, pacing }: Exchange,
  { thresholdMs }: SlowQueryConfig,
): boolean {
  if (sent === undefined) return false
  const durationMs = sent.endedAt - arrival.startedAt
  if (durationMs < thresholdMs) return false
  return durationMs - sent.stalledMs - (pacing?.heldMs ?? 0) >= thresholdMs
}

export function slowFacts(exchange: Exchange, { includeBreakdown }: SlowQueryConfig): object {
  const { arrival, facts, sent } = exchange
  const { route, cache, obtain } = facts
  const { startedAt } = arrival
  const endedAt = sent?.endedAt ?? startedAt
  const firstByteAt = sent?.firstByteAt
  return {
    request_id: arrival.id,
    trace_id: arrival.trace?.traceId,
    method: arrival.method.slice(0, METHOD),
    path: pathOf(exchange),
    status: sent?.status ?? 0,
    bytes: sent?.bytes ?? 0,
    bucket: route?.bucket,
    cache: cache && xCache(cache).toLowerCase(),
    replica: obtain?.replica,
    aborted: sent?.isWhole !== true,
    duration_ms: milliseconds(endedAt - startedAt),
    ttfb_ms: firstByteAt === undefined ? undefined : milliseconds(firstByteAt - startedAt),
    ...(includeBreakdown && breakdown(exchange, endedAt)),
  }
}

const METHOD = 20
const NAMES: Readonly<Record<Exclude<PhaseName, 'obtain' | 'send'>, string>> = {
  route: 'route_ms',
  access: 'access_ms',
  lookup: 'lookup_ms',
}

function breakdown(exchange: Exchange, endedAt: number): object {
  const { facts, sent, pacing } = exchange
  const isOrigins = (facts.obtain?.attempts ?? 0) > 0
  const asked = (facts.access?.policy ?? facts.refusal?.policy)?.asked
  const phases = phasesOf(exchange, endedAt).flatMap(({ name, from, until }) => {
    if (name === 'send') return []
    const field = name === 'obtain' ? (isOrigins ? 'origin_ms' : 'read_ms') : NAMES[name]
    return [[field, milliseconds(until - from)] as const]
  })
  const firstByteAt = sent?.firstByteAt
  return {
    ...Object.fromEntries(phases),
    policy_ms: asked && milliseconds(asked.until - asked.from),
    body_ms: firstByteAt === undefined ? undefined : milliseconds(endedAt - firstByteAt),
    client_ms: sent && milliseconds(sent.stalledMs),
    paced_ms: pacing && milliseconds(pacing.heldMs),
    attempts: facts.obtain?.tries?.slice(0, MOST_TRIES).map((one) => described(one, endedAt)),
  }
}

const MOST_TRIES = 8

function described({ replica, startedAt, endedAt, outcome }: TryFact, until: number): string {
  const ms = Math.round((endedAt ?? until) - startedAt)
  return `${replica}: ${outcome ?? 'unanswered'} ${ms} ms`
}
