// One exchange as one line of facts. The query never enters it: tokens and signatures live there.

import type { Exchange } from '../exchange/exchange.ts'

export interface AccessLine {
  readonly request_id: string
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
  readonly replica: string | undefined
  readonly attempts: number | undefined
  readonly failovers: readonly string[] | undefined
  readonly error: string | undefined
  readonly cause: string | undefined
  readonly aborted: boolean
}

export function accessLine({ arrival, facts, sent }: Exchange): AccessLine {
  const { receive, route, obtain, refusal } = facts
  const failed = obtain?.failed ?? []
  return {
    request_id: arrival.id,
    client_ip: arrival.clientAddress,
    method: arrival.method,
    path: receive?.path ?? withoutQuery(arrival.target),
    host: receive?.host,
    status: sent?.status ?? 0,
    bytes: sent?.bytes ?? 0,
    duration_ms: milliseconds((sent?.endedAt ?? arrival.startedAt) - arrival.startedAt),
    ttfb_ms:
      sent?.firstByteAt === undefined
        ? undefined
        : milliseconds(sent.firstByteAt - arrival.startedAt),
    bucket: route?.bucket,
    key: route?.key,
    replica: obtain?.replica,
    attempts: obtain?.attempts,
    failovers: failed.length === 0 ? undefined : failed.map(describe),
    error: refusal?.code,
    cause: causeOf(refusal?.cause),
    aborted: sent?.isWhole !== true,
  }
}

function describe(attempt: { replica: string; kind: string; phase: string }): string {
  return `${attempt.replica}: ${attempt.kind} (${attempt.phase})`
}

function causeOf(cause: unknown): string | undefined {
  if (cause instanceof Error) return cause.message
  return typeof cause === 'string' ? cause : undefined
}

function withoutQuery(target: string): string {
  const question = target.indexOf('?')
  return question < 0 ? target : target.slice(0, question)
}

function milliseconds(duration: number): number {
  return Math.round(duration * 1000) / 1000
}
