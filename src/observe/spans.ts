// A finished exchange as spans, in the names of OpenTelemetry's semantic conventions for HTTP where they
// have one. No query, no token and no header but the user agent ever gets into one.

import type { Exchange, TryFact } from '../exchange/exchange.ts'
import { phasesOf } from '../exchange/phases.ts'
import type { Phase } from '../exchange/phases.ts'
import { FIRST_ATTEMPT, spanIdOf, SPANS } from '../exchange/trace.ts'
import type { Trace } from '../exchange/trace.ts'
import { xCache } from '../http/cache-status.ts'
import { agentOf, pathOf } from './access-log.ts'
import type { Attributes, Span } from './span.ts'

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PURGE'])

export interface SpanOptions {
  readonly scheme: 'http' | 'https'
}

/** None where the exchange's trace is not recorded. The first is the exchange's own. */
export function spansOf(exchange: Exchange, { scheme }: SpanOptions): Span[] {
  const { arrival, facts, sent } = exchange
  const { trace } = arrival
  if (trace?.spanId === undefined) return []
  const draft = drafter(trace, trace.spanId, arrival.receivedAt - arrival.startedAt)
  const endedAt = sent?.endedAt ?? arrival.startedAt
  const own = draft(SPANS.own, {
    name: nameOf(exchange),
    kind: 'server',
    from: arrival.startedAt,
    until: endedAt,
    parent: undefined,
    attributes: ownAttributes(exchange, scheme),
    error: errorOf(exchange),
  })
  const phases = phasesOf(exchange, endedAt)
  const inner = phases.map(({ name, from, until }) => {
    return draft(SPANS[name], { name, from, until, ...INNER })
  })
  const asked = policySpan(exchange, draft)
  const tries = facts.obtain?.tries ?? []
  const attempts = tries.map((one, index) => attemptSpan(one, index, { phases, draft, endedAt }))
  return [own, ...inner, ...(asked === undefined ? [] : [asked]), ...attempts]
}

interface Draft {
  readonly name: string
  readonly kind: Span['kind']
  /** Monotonic ms. */
  readonly from: number
  readonly until: number
  /** Which of the spans it is in; undefined: the caller's. */
  readonly parent: number | undefined
  readonly attributes: Attributes
  readonly error: string | undefined
}

type Drafter = (place: number, draft: Draft) => Span

const INNER = { kind: 'internal', parent: SPANS.own, attributes: {}, error: undefined } as const

/** `epoch` is what a monotonic instant lacks to the epoch's. */
function drafter(trace: Trace, ownId: string, epoch: number): Drafter {
  const { traceId, state, parentId } = trace
  return (place, { from, until, parent, ...draft }) => ({
    ...draft,
    traceId,
    spanId: spanIdOf(ownId, place),
    parentId: parent === undefined ? parentId : spanIdOf(ownId, parent),
    isParentRemote: parent === undefined,
    state,
    startedAt: epoch + from,
    endedAt: epoch + Math.max(from, until),
  })
}

function nameOf({ arrival, facts }: Exchange): string {
  const method = METHODS.has(arrival.method) ? arrival.method : 'HTTP'
  return facts.route === undefined ? method : `${method} ${facts.route.bucket}`
}

/** A client's mistake is none of a server (semantic conventions, "Status"). */
function errorOf({ facts, sent }: Exchange): string | undefined {
  const status = sent?.status ?? 0
  return status >= 500 ? (facts.refusal?.code ?? String(status)) : undefined
}

function ownAttributes(exchange: Exchange, scheme: string): Attributes {
  const { arrival, facts, sent } = exchange
  const { receive, route, cache, obtain, refusal } = facts
  const isKnown = METHODS.has(arrival.method)
  const attributes: Record<string, string | number | boolean> = {
    'http.request.method': isKnown ? arrival.method : '_OTHER',
    'url.scheme': scheme,
    'url.path': pathOf(exchange),
    'client.address': arrival.clientAddress,
    'sluice.request_id': arrival.id,
    'sluice.aborted': sent?.isWhole !== true,
    'http.response.body.size': sent?.bytes ?? 0,
  }
  const add = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) attributes[name] = value
  }
  if (sent !== undefined && sent.status > 0) add('http.response.status_code', sent.status)
  add('server.address', receive?.host)
  add('user_agent.original', agentOf(exchange))
  add('sluice.bucket', route?.bucket)
  add('sluice.cache.result', cache && xCache(cache).toLowerCase())
  add('sluice.cache.tier', cache?.kind === 'hit' ? cache.detail : undefined)
  if (cache?.kind === 'forward' && cache.isCollapsed) attributes['sluice.cache.collapsed'] = true
  add('sluice.replica', obtain?.replica)
  add('sluice.attempts', obtain?.attempts)
  add('sluice.error', refusal?.code)
  add('error.type', errorOf(exchange))
  return attributes
}

function policySpan({ facts }: Exchange, draft: Drafter): Span | undefined {
  const policy = facts.access?.policy ?? facts.refusal?.policy
  if (policy?.asked === undefined) return undefined
  const { decision, asked } = policy
  return draft(SPANS.policy, {
    name: 'policy',
    kind: 'client',
    ...asked,
    parent: SPANS.access,
    attributes: { 'sluice.policy.decision': decision },
    error: decision === 'error' ? (policy.reason ?? decision) : undefined,
  })
}

function attemptSpan(
  one: TryFact,
  index: number,
  { phases, draft, endedAt }: { phases: readonly Phase[]; draft: Drafter; endedAt: number },
): Span {
  const { replica, phase, isHedge, startedAt, outcome, isFailure, status } = one
  const obtaining = phases.find(({ name }) => name === 'obtain')
  const isWithin = obtaining !== undefined && startedAt <= obtaining.until
  const isSent = phases.at(-1)?.name === 'send'
  return draft(FIRST_ATTEMPT + index, {
    name: 'origin',
    kind: 'client',
    from: startedAt,
    until: one.endedAt ?? endedAt,
    parent: isWithin ? SPANS.obtain : isSent ? SPANS.send : SPANS.own,
    attributes: {
      'sluice.replica': replica,
      'sluice.attempt': index + 1,
      'sluice.attempt.phase': phase,
      'sluice.attempt.hedge': isHedge,
      'sluice.attempt.outcome': outcome ?? 'unanswered',
      ...(status !== undefined && { 'http.response.status_code': status }),
      ...(isFailure && { 'error.type': outcome ?? 'failed' }),
    },
    error: isFailure && outcome !== 'cancelled' ? outcome : undefined,
  })
}
