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
import type { Response } from './send.ts'
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

export type Proxy = (raw: RawRequest, response: Response, clientAddress: string) => Promise<void>

export function createProxy(options: ProxyOptions): Proxy {
  const ids = createRandomPool()

  return async (raw, response, clientAddress) => {
    const snapshot = options.current()
    const controller = new AbortController()
    // An answer that went out whole closes too: an abort then would tell nobody anything, at the
    // price of an exception with its stack.
    const leave = (): void => {
      if (!response.writableFinished) controller.abort()
    }
    const exchange = new Exchange(
      {
        id: acceptRequestId(single(raw.headers['x-request-id'])) ?? createRequestId(ids),
        receivedAt: now(),
        startedAt: monotonic(),
        method: raw.method ?? '',
        target: raw.url ?? '',
        clientAddress,
      },
      controller.signal,
    )
    // An answer that cannot be written is a bug, and must not be one of the whole process.
    const broken = (error: unknown): Sent => {
      options.reportBug(error, exchange.arrival.id)
      response.destroy()
      return nothing(monotonic())
    }
    response.on('close', leave)
    const reply = await answer(raw, exchange, snapshot, options)
    exchange.sent =
      reply === undefined
        ? nothing(monotonic())
        : await deliver({
            reply,
            raw,
            exchange,
            response,
            snapshot,
            options,
            mayRepeat: true,
          }).catch(broken)
    response.off('close', leave)
    options.observe(exchange)
  }
}

/** Undefined when the client has left: nobody waits for a no. */
async function answer(
  raw: RawRequest,
  exchange: Exchange,
  snapshot: Snapshot,
  options: ProxyOptions,
): Promise<Reply | undefined> {
  try {
    const { purging, status } = options
    if (raw.method === 'PURGE' && purging !== undefined) {
      return await answerPurge(raw, exchange, snapshot, purging)
    }
    return await handle(raw, exchange, snapshot, status)
  } catch (error) {
    return exchange.signal.aborted ? undefined : no(error, raw, exchange, options)
  }
}

interface Delivery {
  readonly reply: Reply
  readonly raw: RawRequest
  readonly exchange: Exchange
  readonly response: Response
  readonly snapshot: Snapshot
  readonly options: ProxyOptions
  readonly mayRepeat: boolean
}

async function deliver(delivery: Delivery): Promise<Sent> {
  const { reply, raw, exchange, response, snapshot, options } = delivery
  const id = ['X-Request-ID', exchange.arrival.id]
  const close = options.status.isDraining() || exchange.facts.receive?.hasBody !== false
  const common = reply.commonHeaders ?? snapshot.commonHeaders
  const sending = await send({ ...reply, close }, response, [
    ...id,
    ...cacheFields(exchange),
    ...common,
  ])
  if (sending.kind === 'sent') return sending
  // Not a byte has left: an object that changed is looked at again, and else the truth is told.
  const isWorthAnotherLook = sending.reason instanceof ObjectChanged && delivery.mayRepeat
  const second = isWorthAnotherLook
    ? await answer(raw, exchange, snapshot, options)
    : no(sending.reason, raw, exchange, options)
  return second === undefined
    ? nothing(monotonic())
    : deliver({ ...delivery, reply: second, mayRepeat: false })
}

/** What the cache had to do with it (RFC 9211). */
function cacheFields({ facts }: Exchange): string[] {
  const outcome = facts.cache ?? BYPASS
  return ['Cache-Status', formatCacheStatus(outcome), 'X-Cache', xCache(outcome)]
}

const BYPASS: CacheOutcome = {
  kind: 'forward',
  reason: 'bypass',
  isStored: false,
  isCollapsed: false,
}

function nothing(endedAt: number): Sent {
  return { status: 0, bytes: 0, isWhole: false, firstByteAt: undefined, endedAt }
}

function no(error: unknown, raw: RawRequest, exchange: Exchange, options: ProxyOptions): Reply {
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
