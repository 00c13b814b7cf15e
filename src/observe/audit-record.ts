// What happened as the fields of an audit record. A record that is not chained yet is an entry: one
// digit, its severity in the words of syslog (RFC 5424 §6.2.1), and then its fields as JSON without
// braces. So it travels between threads as a text, and is written once.

import type { AuditLevel } from '../config/audit-log.ts'
import type { AdminCall } from '../exchange/event.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { RefusalCode } from '../exchange/refusal.ts'
import type { AccessLine } from './access-log.ts'
import { fit } from './access-log.ts'

export type Entry = string

const ERROR = 3
const WARNING = 4
const NOTICE = 5
const INFORMATIONAL = 6

/** The least important severity that is kept. */
export const MOST_SEVERITY: Readonly<Record<AuditLevel, number>> = {
  debug: INFORMATIONAL,
  info: INFORMATIONAL,
  warn: WARNING,
  error: ERROR,
}

/** By the class of a status; 0: the client left before there was one. */
export function severityOf(status: number): number {
  if (status >= 500) return ERROR
  if (status >= 400) return WARNING
  return status >= 300 || status === 0 ? NOTICE : INFORMATIONAL
}

/** Whoever gets one of these was let in; what they came for could not be had. */
const AFTER_ACCESS: ReadonlySet<RefusalCode> = new Set([
  'not_found',
  'precondition_failed',
  'range_not_satisfiable',
  'origin_forbidden',
  'origin_failed',
  'origin_misconfigured',
  'origin_unavailable',
  'origin_timeout',
  'internal_error',
])

/** The same facts as in the access log, and what was decided. */
export function requestEntry(line: AccessLine, exchange: Exchange, time: string): Entry {
  const { arrival, facts } = exchange
  const { headers } = arrival
  const reason = facts.refusal?.code
  const isDenied = reason !== undefined && !AFTER_ACCESS.has(reason)
  const agent = withoutQueries(headers['user-agent'])
  const referer = withoutQueries(headers.referer)
  const fields = JSON.stringify(line)
  return (
    `${severityOf(line.status)}"kind":"request","time":"${time}",` +
    `"decision":"${isDenied ? 'denied' : 'allowed'}",` +
    (reason === undefined ? '' : `"reason":"${reason}",`) +
    fields.slice(1, -1) +
    (agent === undefined ? '' : `,"user_agent":${JSON.stringify(fit(agent, AGENT_BYTES))}`) +
    (referer === undefined ? '' : `,"referer":${JSON.stringify(fit(referer, REFERER_BYTES))}`)
  )
}

/** What the parser refused: it never became an exchange. */
export interface Unheard {
  readonly requestId: string
  readonly clientIp: string
  readonly code: RefusalCode
  readonly status: number
}

export function unheardEntry({ requestId, clientIp, code, status }: Unheard, time: string): Entry {
  const facts = { request_id: requestId, client_ip: clientIp, status, error: code }
  return entry(severityOf(status), 'request', time, { decision: 'denied', reason: code, ...facts })
}

export function adminEntry(call: AdminCall, time: string): Entry {
  const { kind, outcome, error, clientIp, requestId, rule, isUntold: _, ...more } = call
  const decision = outcome === 'refused' ? 'denied' : 'allowed'
  const asked = more.asked === undefined ? {} : { asked: fit(more.asked, RULE_BYTES) }
  const facts = {
    ...more,
    ...asked,
    ...(rule === undefined ? {} : { rule: fit(rule, RULE_BYTES) }),
  }
  const place = { request_id: requestId, client_ip: clientIp }
  const all = { decision, reason: error, ...place, ...facts, outcome }
  // What an operator does changes what everybody gets: never the least important.
  return entry(Math.min(NOTICE, severityOf(call.status)), kind, time, all)
}

export function startEntry(facts: object, time: string): Entry {
  return entry(NOTICE, 'start', time, facts)
}

export function endEntry(facts: object, time: string): Entry {
  return entry(NOTICE, 'end', time, facts)
}

/** Records that did not get where they should have. */
export interface Lost {
  /** Undefined: on the way to all of them, before it had a number. */
  readonly sink?: string
  readonly from?: number
  readonly to?: number
  readonly count: number
}

export function lostEntry(lost: Lost, time: string): Entry {
  return entry(ERROR, 'lost', time, lost)
}

function entry(severity: number, kind: string, time: string, facts: object): Entry {
  const fields = JSON.stringify(facts).slice(1, -1)
  return `${severity}"kind":"${kind}","time":"${time}",${fields}`
}

const AGENT_BYTES = 300
const REFERER_BYTES = 600
const RULE_BYTES = 1300

/** Also without what stands for a name and a password in front of a host. */
function withoutQueries(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const isPlain = !text.includes('?') && !text.includes('#') && !text.includes('@')
  // A header may be as long as the server allows; what is cut off below need not be read.
  return isPlain ? text : text.slice(0, 4000).replace(QUERY, '').replace(CREDENTIALS, '$1')
}

const QUERY = /[?#][^\s)]*/g
const CREDENTIALS = /(:\/\/)[^\s/)]*@/g

/** Epoch milliseconds as ISO 8601; of those of one second most is written once. */
export function createTimestamp(): (at: number) => string {
  let second = -1
  let upToSecond = ''
  return (at) => {
    const current = Math.floor(at / 1000)
    if (current !== second) {
      second = current
      upToSecond = new Date(current * 1000).toISOString().slice(0, 20)
    }
    const ms = at - current * 1000
    return `${upToSecond}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`
  }
}
