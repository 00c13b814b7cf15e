// A ban as text, and the entries of the stream that bans travel by.

import type { Ban, BanRule } from './ban.ts'

/** Where something stands in the stream: `milliseconds-sequence`, by the clock of Redis. */
export type StreamId = string

export interface StreamEntry {
  readonly id: StreamId
  /** Undefined for what is no ban: it is passed over. */
  readonly ban: Ban | undefined
}

/** Before every entry. */
export const STREAM_START: StreamId = '0-0'

const BAN_FIELD = 'ban'

export function encodeBan(ban: Ban): [field: string, text: string] {
  return [BAN_FIELD, JSON.stringify(ban)]
}

export function compareIds(a: StreamId, b: StreamId): number {
  const [aMs, aSequence] = numbersOf(a)
  const [bMs, bSequence] = numbersOf(b)
  return aMs - bMs || aSequence - bSequence
}

export function isStreamId(text: string | undefined): text is StreamId {
  return text !== undefined && /^\d{1,15}-\d{1,15}$/.test(text)
}

function numbersOf(id: StreamId): [ms: number, sequence: number] {
  const [ms, sequence] = id.split('-')
  return [Number(ms), Number(sequence)]
}

/** What XREAD of one stream answered: null when there is nothing new. */
export function decodeRead(reply: unknown): StreamEntry[] {
  const [stream] = listOf(reply)
  const [, entries] = listOf(stream)
  return decodeEntries(entries)
}

/** What XRANGE answered. */
export function decodeEntries(reply: unknown): StreamEntry[] {
  return listOf(reply).map((entry) => {
    const [id, fields] = listOf(entry)
    return { id: textOf(id), ban: decodeBan(valueOf(BAN_FIELD, listOf(fields).map(textOf))) }
  })
}

/** What is known of the stream as a whole. */
export interface StreamFacts {
  readonly length: number
  /** How many were ever added; Redis before its version 7 does not tell. */
  readonly added: number | undefined
}

/** What XINFO STREAM answered. */
export function decodeFacts(reply: unknown): StreamFacts {
  const fields = listOf(reply)
  const numberOf = (name: string): number | undefined => {
    const at = fields.findIndex((field, index) => index % 2 === 0 && textOf(field) === name)
    const value = at === -1 ? undefined : fields[at + 1]
    return typeof value === 'number' ? value : undefined
  }
  return { length: numberOf('length') ?? 0, added: numberOf('entries-added') }
}

/** Whether it has lost its oldest; where Redis does not tell, whether it may have. */
export function isTrimmed({ length, added }: StreamFacts, maxEntries: number): boolean {
  return added === undefined ? length >= maxEntries : added > length
}

function valueOf(name: string, fields: readonly string[]): string | undefined {
  const at = fields.findIndex((field, index) => index % 2 === 0 && field === name)
  return at === -1 ? undefined : fields[at + 1]
}

export function decodeBan(text: string | undefined): Ban | undefined {
  const { id, rule, at, isSoft } = objectOf(parseJson(text))
  const decoded = decodeRule(rule)
  const isWhole = typeof id === 'string' && typeof at === 'number' && typeof isSoft === 'boolean'
  return isWhole && decoded !== undefined ? { id, rule: decoded, at, isSoft } : undefined
}

function decodeRule(input: unknown): BanRule | undefined {
  const { kind, bucket, key, prefix, pattern, tag } = objectOf(input)
  if (kind === 'all' || kind === 'held') return { kind }
  if (kind === 'bucket' && typeof bucket === 'string') return { kind, bucket }
  if (kind === 'key' && typeof bucket === 'string' && typeof key === 'string')
    return { kind, bucket, key }
  if (bucket !== undefined && typeof bucket !== 'string') return undefined
  if (kind === 'prefix' && typeof prefix === 'string') return { kind, bucket, prefix }
  if (kind === 'glob' && typeof pattern === 'string') return { kind, bucket, pattern }
  if (kind === 'tag' && typeof tag === 'string') return { kind, bucket, tag }
  return undefined
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

function objectOf(input: unknown): Readonly<Record<string, unknown>> {
  return typeof input === 'object' && input !== null ? { ...input } : {}
}

export function listOf(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : []
}

export function textOf(reply: unknown): string {
  return Buffer.isBuffer(reply) ? reply.toString() : ''
}
