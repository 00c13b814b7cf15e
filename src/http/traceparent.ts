// What a caller says of the trace that a request belongs to: `traceparent` and `tracestate` (W3C Trace
// Context) and `baggage` (W3C Baggage). Read strictly: what is not of the form to the letter says nothing,
// and nothing of it is ever half believed.

import { trimOws } from './ows.ts'

export interface TraceParent {
  /** 32 hex digits in lower case, not all 0. */
  readonly traceId: string
  /** Of the caller's span: 16 hex digits in lower case, not all 0. */
  readonly parentId: string
  readonly isSampled: boolean
}

const ID_DIGITS = 32
const PARENT_DIGITS = 16
/** `00-<trace>-<parent>-<flags>`. */
const LENGTH = 55
const NO_TRACE = '0'.repeat(ID_DIGITS)
const NO_PARENT = '0'.repeat(PARENT_DIGITS)
const SAMPLED = 1

/** A field that was sent twice reaches here joined, and is none. */
export function parseTraceparent(text: string | undefined): TraceParent | undefined {
  if (text === undefined || text.length < LENGTH || text.length > MOST_STATE) return undefined
  const version = text.slice(0, 2)
  if (!isHex(version) || version === 'ff' || !hasDashes(text)) return undefined
  // A later version may say more behind what this one knows (§3.2.3.3), and this one nothing.
  if (text.length > LENGTH && (version === '00' || text.charAt(LENGTH) !== '-')) return undefined
  const traceId = text.slice(3, 35)
  const parentId = text.slice(36, 52)
  const flags = text.slice(53, 55)
  if (!isHex(traceId) || !isHex(parentId) || !isHex(flags)) return undefined
  if (traceId === NO_TRACE || parentId === NO_PARENT) return undefined
  return { traceId, parentId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED }
}

export function formatTraceparent({ traceId, parentId, isSampled }: TraceParent): string {
  return `00-${traceId}-${parentId}-${isSampled ? '01' : '00'}`
}

function hasDashes(text: string): boolean {
  return text.charAt(2) === '-' && text.charAt(35) === '-' && text.charAt(52) === '-'
}

function isHex(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    const isDigit = code >= 0x30 && code <= 0x39
    if (!isDigit && (code < 0x61 || code > 0x66)) return false
  }
  return true
}

/** What has to be handed on at least (§3.3.1.5); of more, nothing is. */
const MOST_STATE = 512
const MOST_STATE_MEMBERS = 32
const STATE_KEY =
  /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})$/
/** Printable, without ',' and '=', and not ending in a space. */
const STATE_VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/** As it is to be handed on; undefined where a member is none, or a key stands there twice. */
export function parseTracestate(text: string | undefined): string | undefined {
  if (text === undefined || text.length > MOST_STATE) return undefined
  const members = membersOf(text)
  if (members.length === 0 || members.length > MOST_STATE_MEMBERS) return undefined
  const keys = new Set<string>()
  for (const member of members) {
    const at = member.indexOf('=')
    const key = member.slice(0, Math.max(0, at))
    if (!STATE_KEY.test(key) || !STATE_VALUE.test(member.slice(at + 1))) return undefined
    keys.add(key)
  }
  return keys.size === members.length ? members.join(',') : undefined
}

const MOST_BAGGAGE = 8192
const MOST_BAGGAGE_MEMBERS = 64
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const BAGGAGE_VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/

/** As it is to be handed on; undefined where a member is none. */
export function parseBaggage(text: string | undefined): string | undefined {
  if (text === undefined || text.length > MOST_BAGGAGE) return undefined
  const members = membersOf(text)
  if (members.length === 0 || members.length > MOST_BAGGAGE_MEMBERS) return undefined
  return members.every(isBaggage) ? members.join(',') : undefined
}

function isBaggage(member: string): boolean {
  const [first = '', ...properties] = member.split(';')
  return first.includes('=') && isPair(first) && properties.every(isPair)
}

/** `key`, or `key = value`; of a member the value must be there, of a property it may be. */
function isPair(text: string): boolean {
  const at = text.indexOf('=')
  const key = at < 0 ? text : text.slice(0, at)
  return TOKEN.test(trimOws(key)) && (at < 0 || BAGGAGE_VALUE.test(trimOws(text.slice(at + 1))))
}

/** Empty ones are allowed, and say nothing. */
function membersOf(text: string): string[] {
  return text
    .split(',')
    .map(trimOws)
    .filter((member) => member !== '')
}
