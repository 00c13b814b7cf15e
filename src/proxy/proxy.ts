// Request in, answer out: takes the current snapshot once, lets `handle` live the request's life,
// turns what was thrown into a reply, sends it, and observes the exchange when its body has ended.
// This is the one place where a no becomes an answer.

import type { IncomingHttpHeaders } from 'node:http'

import { monotonic, now } from '../primitives/clock.ts'
import { Told } from '../exchange/answer-head.ts'
import { Exchange } from '../exchange/exchange.ts'
import type { Sent } from '../exchange/exchange.ts'
import { fieldsOf } from '../exchange/reply.ts'
import type { Reply } from '../exchange/reply.ts'
import { createMarks } from '../exchange/trace.ts'
import type { Trace } from '../exchange/trace.ts'
import { acceptRequestId, RequestIds } from '../http/request-id.ts'
import { clientAddress } from '../http/forwarded.ts'
import { BYPASS } from '../http/cache-status.ts'
import { withCors } from './cors.ts'
import { handle } from './handle.ts'
import { ObjectChanged } from './object-changed.ts'
import { atPace } from './paced-body.ts'
import { answerPurge } from './purge.ts'
import type { Purging } from './purge.ts'
import type { RawRequest } from './receive.ts'
import { refusalFrom, refuse } from './refuse.ts'
import { send } from './send.ts'
import type { Manner, Response } from './send.ts'
import { timingFields } from './server-timing.ts'
import type { Snapshot } from './snapshot.ts'
import type { Status } from './status.ts'

export { CachedOrigin } from './cached-origin.ts'
export { explain } from './explain.ts'
export type { Explanation, ExplainQuestion } from './explain.ts'
export { ObjectIntake } from './object-intake.ts'
export { Bandwidth } from './paced-body.ts'
export type { PurgedObject, Purging } from './purge.ts'
export { refusalFrom, refuse } from './refuse.ts'
export type { RawRequest } from './receive.ts'
export type { Response } from './send.ts'
export { shareListing } from './shared-listing.ts'
export type { Route, RouteRules, Snapshot, Website } from './snapshot.ts'
export { compileSite } from './site.ts'
export { answerStatus } from './status.ts'
export type { Backends, Status } from './status.ts'
export { warm } from './warm.ts'
export { WrittenFields } from './written-fields.ts'
export type { Warmed } from './warm.ts'

export interface ProxyOptions {
  /** The snapshot to serve a new exchange under. */
  readonly current: () => Snapshot
  readonly status: Status
  /** Undefined: PURGE is a method like any other, and refused. */
  readonly purging?: Purging | undefined
  /** The trace that a request belongs to. */
  readonly traceOf: (headers: IncomingHttpHeaders) => Trace | undefined
  /** Reads a finished exchange; must not throw. */
  readonly observe: (exchange: Exchange) => void
  readonly reportBug: (error: unknown, requestId: string) => void
}

/** `done` is called once, when the exchange has been observed. */
export type Proxy = (
  raw: RawRequest,
  response: Response,
  /** Of the socket. */
  peer: string,
  done: () => void,
) => void

interface Visit {
  readonly raw: RawRequest
  readonly response: Response
  readonly exchange: Exchange
  readonly snapshot: Snapshot
  readonly options: ProxyOptions
  readonly done: () => void
}

export function createProxy(options: ProxyOptions): Proxy {
  const ids = new RequestIds()

  return (raw, response, peer, done) => {
    const snapshot = options.current()
    const trace = options.traceOf(raw.headers)
    const exchange = new Exchange({
      id: acceptRequestId(single(raw.headers['x-request-id'])) ?? ids.create(),
      receivedAt: now(),
      startedAt: monotonic(),
      method: raw.method ?? '',
      target: raw.url ?? '',
      clientAddress: clientAddress(peer, raw.headers, snapshot.trustedProxies),
      trace,
      headers: raw.headers,
    })
    if (snapshot.serverTiming || trace?.spanId !== undefined) exchange.marks = createMarks()
    answer({ raw, response, exchange, snapshot, options, done }, true)
  }
}

/** What lies in memory is on its way within one turn of the event loop. */
function answer(visit: Visit, mayRepeat: boolean): void {
  let reply: Reply | Promise<Reply>
  try {
    reply = replyTo(visit)
  } catch (error) {
    deny(error, visit)
    return
  }
  if (reply instanceof Promise) answerLater(reply, visit, mayRepeat)
  else deliver(reply, visit, mayRepeat)
}

function replyTo({ raw, exchange, snapshot, options }: Visit): Reply | Promise<Reply> {
  const { purging, status } = options
  if (raw.method === 'PURGE' && purging !== undefined) {
    return answerPurge(raw, exchange, snapshot, purging)
  }
  return handle(raw, exchange, snapshot, status)
}

function answerLater(pending: Promise<Reply>, visit: Visit, mayRepeat: boolean): void {
  const { response, exchange } = visit
  // What has been waited for is told of where it took too long.
  exchange.marks ??= createMarks()
  response.on('close', () => {
    if (!response.writableFinished) exchange.leaving.cancel()
  })
  pending.then(
    (reply) => deliver(reply, visit, mayRepeat),
    (error: unknown) => deny(error, visit),
  )
}

function deliver(reply: Reply, visit: Visit, mayRepeat: boolean): void {
  try {
    const { raw, exchange, snapshot } = visit
    const { marks } = exchange
    if (marks !== undefined) marks.obtainedAt = monotonic()
    const shared = snapshot.cors.size === 0 ? reply : withCors(reply, raw, exchange, snapshot)
    const paced = snapshot.bandwidth.size === 0 ? shared : atPace(shared, exchange, snapshot)
    send(paced, visit.response, mannerFor(shared, visit), (sending) => {
      if (sending.kind === 'sent') conclude(sending, visit)
      // Not a byte has left: an object that changed is looked at again, and else the truth is told.
      else if (sending.reason instanceof ObjectChanged && mayRepeat) answer(visit, false)
      else deny(sending.reason, visit)
    })
  } catch (error) {
    breakOff(error, visit)
  }
}

function deny(error: unknown, visit: Visit): void {
  // The client has left: nobody waits for a no.
  if (visit.exchange.leaving.isCancelled) conclude(undefined, visit)
  else deliver(no(error, visit), visit, false)
}

/** An answer that cannot be written is a bug, and must not be one of the whole process. */
function breakOff(error: unknown, visit: Visit): void {
  visit.options.reportBug(error, visit.exchange.arrival.id)
  visit.response.destroy()
  conclude(undefined, visit)
}

/** Without an answer sent: nothing of it has left. */
function conclude(sent: Sent | undefined, { exchange, options, done }: Visit): void {
  exchange.sent = sent ?? { ...NOTHING_SENT, endedAt: monotonic() }
  exchange.letGo()
  options.observe(exchange)
  done()
}

function mannerFor(reply: Reply, { exchange, snapshot, options }: Visit): Manner {
  const { arrival, facts } = exchange
  // What the cache had to do with it (RFC 9211).
  const outcome = facts.cache ?? BYPASS
  const common = reply.commonHeaders ?? snapshot.commonHeaders
  let headers = common
  if (facts.limits !== undefined) headers = [...headers, ...facts.limits]
  if (snapshot.serverTiming) {
    headers = [...headers, ...timingFields(exchange, outcome, fieldsOf(reply))]
  }
  const told = new Told(arrival.id, outcome)
  return { told, headers, close: options.status.isDraining() || facts.receive?.hasBody !== false }
}

const NOTHING_SENT = { status: 0, bytes: 0, isWhole: false, firstByteAt: undefined, stalledMs: 0 }

function no(error: unknown, { raw, exchange, options }: Visit): Reply {
  const refusal = refusalFrom(error)
  const { id, method, target } = exchange.arrival
  const { code, cause, user, policy } = refusal
  exchange.facts.refusal = { code, cause, user, policy }
  if (refusal.code === 'internal_error') options.reportBug(refusal.cause, id)
  const question = target.indexOf('?')
  const query = question < 0 ? '' : target.slice(question + 1)
  return refuse(refusal, { id, method, headers: raw.headers, query })
}

function single(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
