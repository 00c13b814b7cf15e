// A record as a message of syslog (RFC 5424). Its text is the record itself, in ASCII but for what it
// names, and without a byte order mark: whoever reads it reads JSON.

import { FACILITIES } from '../config/audit-syslog.ts'
import type { AuditSyslogConfig } from '../config/audit-log.ts'
import type { ChainedRecord } from './audit-chain.ts'
import { parseRecord } from './audit-chain.ts'

export interface SyslogSender {
  readonly hostname: string
  readonly pid: number
}

export type WriteMessage = (record: ChainedRecord) => Buffer

const NOTHING = '-'
/** What a text is cut to, again and again, until the message fits. */
const LENGTHS = [512, 128, 32, 0]

export function createWriteMessage(config: AuditSyslogConfig, sender: SyslogSender): WriteMessage {
  const facility = FACILITIES.indexOf(config.facility) * 8
  const host = visible(config.hostname ?? sender.hostname)
  const from = `${host} ${config.appName} ${sender.pid}`
  const most = config.maxMessageBytes
  return (record) => {
    const [, kind = NOTHING, time = NOTHING] = BEGINNING.exec(record.line) ?? []
    const head = `<${facility + record.severity}>1 ${time} ${from} ${kind} ${NOTHING} `
    const room = most - Buffer.byteLength(head)
    const isFitting = record.bytes - 1 <= room
    return Buffer.from(head + (isFitting ? record.line : shortened(record.line, room)))
  }
}

const BEGINNING = /^\{"seq":\d+,"previous":"\w{64}","kind":"([a-z]+)","time":"([^"]+)"/

function visible(name: string): string {
  return name.replaceAll(/[^!-~]/g, '').slice(0, 255) || NOTHING
}

/**
 * Still JSON, and still with its place in the chain: but its own hash is that of the whole record,
 * which is elsewhere.
 */
function shortened(line: string, room: number): string {
  const record: Record<string, unknown> = JSON.parse(line)
  for (const length of LENGTHS) {
    const fields = Object.entries(record).map(([name, value]) => [name, cut(name, value, length)])
    const text = JSON.stringify({ ...Object.fromEntries(fields), cut: true })
    if (Buffer.byteLength(text) <= room) return text
  }
  const { seq, hash } = parseRecord(line) ?? {}
  return JSON.stringify({ seq, hash, cut: true })
}

/** What says which record it is stays. */
const KEPT: ReadonlySet<string> = new Set(['previous', 'hash', 'time', 'request_id', 'client_ip'])

function cut(name: string, value: unknown, length: number): unknown {
  if (Array.isArray(value)) return value.slice(0, length > 100 ? 4 : 0)
  if (typeof value !== 'string' || KEPT.has(name) || value.length <= Math.max(length, 24))
    return value
  return `${value.slice(0, length).toWellFormed()}…`
}
