// One exchange as one line of facts. The query never enters it: tokens and signatures live there.
// What a client chose is cut to a size, so that a line always fits the one write it gets.

import type { Exchange } from '../exchange/exchange.ts'
import { xCache } from '../http/cache-status.ts'
import type { Unheard } from './audit-record.ts'

export interface AccessLine {
  readonly request_id: string
  /** Of the spans of the exchange, or of the caller's where none are recorded. */
  readonly trace_id: string | undefined
  readonly client_ip: string
  readonly method: string
  readonly path: string
  readonly host: string | undefined
  /** 0 when the client left before there was an answer. */
  readonly status: number
  readonly bytes: number
  readonly duration_ms: number
  readonly ttfb_ms: number | undefined
  readonly bucket: string | undefined
  readonly key: string | undefined
  /** What `X-Cache` said; undefined where the cache had no part in it. */
  readonly cache: string | undefined
  /** Of a hit: where it lay. */
  readonly cache_tier: string | undefined
  /** The subject of the token, never the token. */
  readonly user: string | undefined
  /** What a policy decided; `error`: it could not, and `fail_mode` did. */
  readonly policy: string | undefined
  readonly policy_reason: string | undefined
  readonly replica: string | undefined
  readonly attempts: number | undefined
  readonly failovers: readonly string[] | undefined
  readonly error: string | undefined
  readonly cause: string | undefined
  readonly aborted: boolean
}

/** Of what never became an exchange. */
export type UnheardLine = Pick<AccessLine, 'request_id' | 'client_ip' | 'status' | 'error'>

export function unheardLine({ requestId, clientIp, code, status }: Unheard): UnheardLine {
  return { request_id: requestId, client_ip: clientIp, status, error: code }
}

export function accessLine(exchange: Exchange): AccessLine {
  const { arrival, facts, sent } = exchange
  const { receive, route, access, obtain, cache, refusal } = facts
  const user = access?.user ?? refusal?.user
  const policy = access?.policy ?? refusal?.policy
  const failed = obtain?.failed ?? []
  return {
    request_id: arrival.id,
    trace_id: arrival.trace?.traceId,
    client_ip: arrival.clientAddress,
    method: fit(arrival.method, METHOD_BYTES),
    path: pathOf(exchange),
    host: receive?.host === undefined ? undefined : fit(receive.host, HOST_BYTES),
    status: sent?.status ?? 0,
    bytes: sent?.bytes ?? 0,
    duration_ms: milliseconds((sent?.endedAt ?? arrival.startedAt) - arrival.startedAt),
    ttfb_ms:
      sent?.firstByteAt === undefined
        ? undefined
        : milliseconds(sent.firstByteAt - arrival.startedAt),
    bucket: route?.bucket,
    key: route === undefined ? undefined : fit(route.key, KEY_BYTES),
    cache: cache && xCache(cache).toLowerCase(),
    cache_tier: cache?.kind === 'hit' ? cache.detail : undefined,
    user: user === undefined ? undefined : fit(user, USER_BYTES),
    policy: policy?.decision,
    policy_reason: policy?.reason === undefined ? undefined : fit(policy.reason, REASON_BYTES),
    replica: obtain?.replica,
    attempts: obtain?.attempts,
    failovers: failed.length === 0 ? undefined : failed.slice(0, MOST_FAILOVERS).map(describe),
    error: refusal?.code,
    // Of a policy's no the cause is its reason, and is told once.
    cause: refusal?.policy === undefined ? causeOf(refusal?.cause ?? sent?.broken) : undefined,
    aborted: sent?.isWhole !== true,
  }
}

/** Without its query. */
export function pathOf({ arrival, facts }: Exchange): string {
  return fit(facts.receive?.path ?? bare(arrival.target), PATH_BYTES)
}

export function agentOf({ facts }: Exchange): string | undefined {
  const agent = facts.receive?.headers['user-agent']
  return agent === undefined ? undefined : fit(agent, AGENT_BYTES)
}

function describe(attempt: { replica: string; kind: string; phase: string }): string {
  return `${attempt.replica}: ${attempt.kind} (${attempt.phase})`
}

function causeOf(cause: unknown): string | undefined {
  if (cause instanceof Error) return fit(cause.message, CAUSE_BYTES)
  return typeof cause === 'string' ? fit(cause, CAUSE_BYTES) : undefined
}

/** A target that was refused, without what may hold a secret: query, fragment, credentials. */
function bare(target: string): string {
  const end = target.search(/[?#]/)
  return (end < 0 ? target : target.slice(0, end)).replace(/^([^/]*:\/\/)?[^/]*@/, '$1')
}

const METHOD_BYTES = 20
const PATH_BYTES = 1300
/** S3's own limit, and then some for what JSON escapes. */
const KEY_BYTES = 1100
const HOST_BYTES = 255
const AGENT_BYTES = 255
const USER_BYTES = 255
const CAUSE_BYTES = 250
const REASON_BYTES = 150
const MOST_FAILOVERS = 4
const CUT = '…'

/** At most so many bytes of JSON. */
export function fit(text: string, bytes: number): string {
  // A character is six bytes at the most, as an escape.
  if (text.length * 6 <= bytes || jsonBytes(text) <= bytes) return text
  let kept = text.slice(0, bytes)
  while (jsonBytes(kept) > bytes) kept = kept.slice(0, kept.length / 2)
  return kept + CUT
}

function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text))
}

export function milliseconds(duration: number): number {
  return Math.round(duration * 1000) / 1000
}
