// The life of one request, in the order it happens. The order is the security model, so it stays
// visible as a straight line.

import type { Admitted } from '../access/access.ts'
import { noBody } from '../exchange/body.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Reply } from '../exchange/reply.ts'
import type { Request } from '../exchange/request.ts'
import type { Match } from '../routing/routing.ts'
import { createTrail } from '../origin/origin.ts'
import { preflightRoute } from './cors.ts'
import { obtain } from './obtain.ts'
import type { Obtain } from './obtain.ts'
import { planFor } from './plan.ts'
import { present } from './present.ts'
import { receive } from './receive.ts'
import type { RawRequest } from './receive.ts'
import { noRoute } from './route.ts'
import type { Route, Snapshot } from './snapshot.ts'
import { redirectToSlash, standIn } from './stand-in.ts'
import type { Missed } from './stand-in.ts'
import { answerStatus } from './status.ts'
import type { Status } from './status.ts'

/** At once, where nothing has to be waited for. */
export function handle(
  raw: RawRequest,
  exchange: Exchange,
  snapshot: Snapshot,
  status: Status,
): Reply | Promise<Reply> {
  const request = receive(raw, snapshot.limits)
  exchange.note('receive', request)
  const own = ownReply(request, status)
  if (own !== undefined) {
    noteRoute(preflightRoute(request, snapshot), exchange)
    return own
  }

  const match = snapshot.routes.match(request.host, request.path)
  const isCounted = exchange.facts.route !== undefined
  // Before the first no: whose `cors` goes with it.
  noteRoute(match, exchange)
  exchange.hold(snapshot.slots)
  const { arrival, leaving } = exchange
  const { clientAddress: address } = arrival
  if (match === undefined) return turnAway(address, snapshot)
  const { value: route, rest, captured } = match
  const { bucket, access } = route
  const question = { request, address, bucket, key: rest, captured, isCounted, leaving }
  const admitted = access.authorize(question)
  const wanted = { request, match }
  if (!(admitted instanceof Promise)) return serve(wanted, admitted, exchange)
  return admitted.then((visitor) => serve(wanted, visitor, exchange))
}

function noteRoute(match: Match<Route> | undefined, exchange: Exchange): void {
  if (match !== undefined) exchange.note('route', { bucket: match.value.bucket, key: match.rest })
}

/** Whoever looks for what is not there is counted like everybody else. */
function turnAway(address: string, { strayLimits }: Snapshot): Promise<never> {
  const counted = strayLimits?.take(address, undefined)
  if (!(counted instanceof Promise)) throw noRoute()
  return counted.then(() => Promise.reject(noRoute()))
}

interface Wanted {
  readonly request: Request
  readonly match: Match<Route>
}

/** Somebody whom an address lets in. */
const UNNAMED = { user: undefined }

/** To whom it has been allowed. */
function serve(
  { request, match }: Wanted,
  { identity, policy, limitFields }: Admitted,
  exchange: Exchange,
): Reply | Promise<Reply> {
  const { value: route, rest } = match
  if (identity !== undefined || policy !== undefined) {
    exchange.note('access', { user: identity?.subject, policy })
  } else if (!route.access.isOpen) exchange.note('access', UNNAMED)
  if (limitFields !== undefined) exchange.note('limits', limitFields)
  if (route.slots !== undefined) exchange.hold(route.slots)
  if (isBareRoot(route, rest, request.path)) return redirectToSlash(request, route)
  const plan = planFor(match, request)
  exchange.note('route', { bucket: route.bucket, key: plan.key })
  const obtain = obtainerFor(route, request, exchange)
  if (!route.website.isPlain) return answerOrStandIn({ request, route, plan, obtain }, exchange)
  const obtained = obtain(plan)
  if (!(obtained instanceof Promise)) return present(obtained, plan, route)
  return obtained.then((had) => present(had, plan, route))
}

async function answerOrStandIn(wanted: Omit<Missed, 'error'>, exchange: Exchange): Promise<Reply> {
  const { plan, route, obtain } = wanted
  try {
    return present(await obtain(plan), plan, route)
  } catch (error) {
    const instead = await standIn({ ...wanted, error })
    if (instead === undefined) throw error
    const { reply, refusal } = instead
    if (refusal !== undefined) {
      exchange.note('refusal', { code: refusal.code, cause: refusal.cause })
    }
    return reply
  }
}

const OPTIONS_REPLY: Reply = {
  status: 204,
  headers: ['Allow', 'GET, HEAD, OPTIONS'],
  body: noBody,
}

/** What is answered without any bucket. */
export function ownReply(request: Request, status: Status): Reply | undefined {
  return request.method === 'OPTIONS' ? OPTIONS_REPLY : answerStatus(request, status)
}

/** Relative links of the index document need the slash that the path lacks. */
export function isBareRoot({ website }: Route, rest: string, path: string): boolean {
  return (
    rest === '' &&
    !path.endsWith('/') &&
    website.indexDocument !== undefined &&
    website.redirectSlash
  )
}

function obtainerFor(route: Route, { headers }: Request, exchange: Exchange): Obtain {
  const trail = createTrail()
  exchange.note('obtain', trail)
  const { cached, askFor } = route
  if (cached === undefined) return (plan) => obtain(plan, askFor(exchange.leaving, trail))
  return (plan) => cached.obtain(plan, { headers, exchange, trail })
}
