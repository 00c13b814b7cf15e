// Request in, answer out: takes the current snapshot once, lets `handle` live the request's life,
// turns what was thrown into a reply, sends it, and observes the exchange when its body has ended.
// This is the one place where a no becomes an answer.

import { monotonic, now } from '../primitives/clock.ts'
import { Exchange } from '../exchange/exchange.ts'
import type { Sent } from '../exchange/exchange.ts'
import type { Reply } from '../exchange/reply.ts'
import { acceptRequestId, createRandomPool, createRequestId } from '../http/request-id.ts'
import { formatCacheStatus, xCache } from '../http/cache-status.ts'
import type { CacheOutcome } from '../http/cache-status.ts'
import { handle } from './handle.ts'
import { ObjectChanged } from './object-changed.ts'
import { answerPurge } from './purge.ts'
import type { Purging } from './purge.ts'
import type { RawRequest } from './receive.ts'
import { refusalFrom, refuse } from './refuse.ts'
import { send } from './send.ts'
import type { Manner, Response } from './send.ts'
import type { Snapshot } from './snapshot.ts'
import type { Status } from './status.ts'

export { CachedOrigin } from './cached-origin.ts'
export { ObjectIntake } from './object-intake.ts'
export type { PurgedObject, Purging } from './purge.ts'
export { refuse } from './refuse.ts'
export type { RawRequest } from './receive.ts'
export type { Response } from './send.ts'
export type { Route, RouteRules, Snapshot, Website } from './snapshot.ts'
export { answerStatus } from './status.ts'
export type { Backends, Status } from './status.ts'

export interface ProxyOptions {
  /** The snapshot to serve a new exchange under. */
  readonly current: () => Snapshot
  readonly status: Status
  /** Undefined: PURGE is a method like any other, and refused. */
  readonly purging?: Purging | undefined
  /** Reads a finished exchange; must not throw. */
  readonly observe: (exchange: Exchange) => void
  readonly reportBug: (error: unknown, requestId: string) => void
}

/** `done` is called once, when the exchange has been observed. */
export type Proxy = (
  raw: RawRequest,
  response: Response,
  clientAddress: string,
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
  const ids = createRandomPool()

  return (raw, response, clientAddress, done) => {
    const snapshot = options.current()
    const exchange = new Exchange({
      id: acceptRequestId(single(raw.headers['x-request-id'])) ?? createRequestId(ids),
      receivedAt: now(),
      startedAt: monotonic(),
      method: raw.method ?? '',
      target: raw.url ?? '',
      clientAddress,
    })
    begin({ raw, response, exchange, snapshot, options, done })
  }
}

function begin(visit: Visit): void {
  try {
    const reply = answer(visit)
    // What lies in memory is on its way within one turn of the event loop.
    if (reply instanceof Promise) deliverLater(reply, visit)
    else deliver(reply, visit)
  } catch (error) {
    breakOff(error, visit)
  }
}

/** Undefined when the client has left: nobody waits for a no. */
function answer(visit: Visit): Reply | undefined | Promise<Reply | undefined> {
  const { raw, exchange, snapshot, options } = visit
  const { purging, status } = options
  try {
    const reply =
      raw.method === 'PURGE' && purging !== undefined
        ? answerPurge(raw, exchange, snapshot, purging)
        : handle(raw, exchange, snapshot, status)
    return reply instanceof Promise ? reply.catch((error: unknown) => no(error, visit)) : reply
  } catch (error) {
    return no(error, visit)
  }
}

function deliverLater(reply: Promise<Reply | undefined>, visit: Visit): void {
  const { response, exchange } = visit
  response.on('close', () => {
    if (!response.writableFinished) exchange.leaving.cancel()
  })
  deliverWhenKnown(reply, visit, true)
}

function deliverWhenKnown(
  reply: Promise<Reply | undefined>,
  visit: Visit,
  mayRepeat: boolean,
): void {
  reply.then(
    (known) => deliver(known, visit, mayRepeat),
    (error: unknown) => breakOff(error, visit),
  )
}

function deliver(reply: Reply | undefined, visit: Visit, mayRepeat = true): void {
  if (reply === undefined) {
    conclude(nothing(), visit)
    return
  }
  try {
    send(reply, visit.response, mannerFor(reply, visit), (sending) => {
      if (sending.kind === 'sent') conclude(sending, visit)
      else sayInstead(sending.reason, visit, mayRepeat)
    })
  } catch (error) {
    breakOff(error, visit)
  }
}

/** Not a byte has left: an object that changed is looked at again, and else the truth is told. */
function sayInstead(reason: Error, visit: Visit, mayRepeat: boolean): void {
  const isWorthAnotherLook = reason instanceof ObjectChanged && mayRepeat
  const second = isWorthAnotherLook ? answer(visit) : no(reason, visit)
  if (second instanceof Promise) deliverWhenKnown(second, visit, false)
  else deliver(second, visit, false)
}

/** An answer that cannot be written is a bug, and must not be one of the whole process. */
function breakOff(error: unknown, visit: Visit): void {
  visit.options.reportBug(error, visit.exchange.arrival.id)
  visit.response.destroy()
  conclude(nothing(), visit)
}

function conclude(sent: Sent, { exchange, options, done }: Visit): void {
  exchange.sent = sent
  options.observe(exchange)
  done()
}

function mannerFor({ commonHeaders }: Reply, { exchange, snapshot, options }: Visit): Manner {
  const { arrival, facts } = exchange
  // What the cache had to do with it (RFC 9211).
  const outcome = facts.cache ?? BYPASS
  const common = commonHeaders ?? snapshot.commonHeaders
  const cacheStatus = formatCacheStatus(outcome)
  const own = ['X-Request-ID', arrival.id, 'Cache-Status', cacheStatus, 'X-Cache', xCache(outcome)]
  own.push(...common)
  return { headers: own, close: options.status.isDraining() || facts.receive?.hasBody !== false }
}

const BYPASS: CacheOutcome = {
  kind: 'forward',
  reason: 'bypass',
  isStored: false,
  isCollapsed: false,
}

function nothing(): Sent {
  return { status: 0, bytes: 0, isWhole: false, firstByteAt: undefined, endedAt: monotonic() }
}

/** Undefined when nobody is left to be told. */
function no(error: unknown, { raw, exchange, options }: Visit): Reply | undefined {
  if (exchange.leaving.isCancelled) return undefined
  const refusal = refusalFrom(error)
  const { id, method, target } = exchange.arrival
  exchange.note('refusal', { code: refusal.code, cause: refusal.cause })
  if (refusal.code === 'internal_error') options.reportBug(refusal.cause, id)
  const question = target.indexOf('?')
  const query = question < 0 ? '' : target.slice(question + 1)
  return refuse(refusal, { id, method, headers: raw.headers, query })
}

function single(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
