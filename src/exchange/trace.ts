// The trace that an exchange belongs to, and the instants of its phases: plain numbers, taken only
// where somebody is going to read them.

import type { IncomingHttpHeaders } from 'node:http'

import { formatTraceparent, parseTraceparent } from '../http/traceparent.ts'

export interface Trace {
  /** 32 hex digits. */
  readonly traceId: string
  /** Of the exchange's own span; undefined where no spans are recorded. */
  readonly spanId: string | undefined
  /** Of the caller's span; undefined where the trace begins here. */
  readonly parentId: string | undefined
  /** The caller's `tracestate`. */
  readonly state: string | undefined
  /** The caller's `baggage`: handed on, and looked at by nobody. */
  readonly baggage: string | undefined
  /** Whoever is asked on behalf of the exchange, and is ours, is told of the trace. */
  readonly isHandedOn: boolean
}

/** Where no spans are recorded: what the caller says it is, for the log alone. */
export function carriedTrace(headers: IncomingHttpHeaders): Trace | undefined {
  const text = headers['traceparent']
  // What a server is sent twice of this name, Node has joined.
  const parent = typeof text === 'string' ? parseTraceparent(text) : undefined
  if (parent === undefined) return undefined
  const { traceId, parentId } = parent
  return { traceId, parentId, ...UNRECORDED }
}

const UNRECORDED = {
  spanId: undefined,
  state: undefined,
  baggage: undefined,
  isHandedOn: false,
} as const

/** Monotonic ms at which a phase was over; what did not take place has none. */
export interface Marks {
  /** Understood, and its bucket known. */
  routedAt: number | undefined
  /** Let in. */
  admittedAt: number | undefined
  /** The cache has said what it holds. */
  lookedUpAt: number | undefined
  /** There is an answer. */
  obtainedAt: number | undefined
}

export function createMarks(): Marks {
  return {
    routedAt: undefined,
    admittedAt: undefined,
    lookedUpAt: undefined,
    obtainedAt: undefined,
  }
}

/**
 * Which of the exchange's spans. Their ids differ from its own in the last two digits alone, so that one is
 * known before there is a span, and costs nothing to make.
 */
export const SPANS = {
  own: 1,
  route: 2,
  access: 3,
  policy: 4,
  lookup: 5,
  obtain: 6,
  send: 7,
} as const
export const FIRST_ATTEMPT = 16

export function spanIdOf(ownId: string, place: number): string {
  return ownId.slice(0, -2) + place.toString(16).padStart(2, '0')
}

export type TraceFields = Readonly<Record<string, string>>

const NO_FIELDS: TraceFields = {}

/** For a question of the exchange to somebody who is ours; never for S3. */
export function traceFields(trace: Trace | undefined, place: number): TraceFields {
  if (trace === undefined || !trace.isHandedOn) return NO_FIELDS
  const { traceId, spanId, state, baggage } = trace
  const parentId = spanId === undefined ? trace.parentId : spanIdOf(spanId, place)
  if (parentId === undefined) return NO_FIELDS
  return {
    traceparent: formatTraceparent({ traceId, parentId, isSampled: spanId !== undefined }),
    ...(state !== undefined && { tracestate: state }),
    ...(baggage !== undefined && { baggage }),
  }
}
