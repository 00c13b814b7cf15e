// The life of one request, in the order it happens. The order is the security model, so it stays
// visible as a straight line.

import type { AccessQuestion, Admitted } from '../access/access.ts'
import { noBody } from '../exchange/body.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Reply } from '../exchange/reply.ts'
import type { Request } from '../exchange/request.ts'
import { BYPASS } from '../http/cache-status.ts'
import { monotonic } from '../primitives/clock.ts'
import type { Match, RouteTable } from '../routing/routing.ts'
import { createTrail } from '../origin/origin.ts'
import { preflightRoute } from './cors.ts'
import { list } from './listing.ts'
import { planListing } from './listing-plan.ts'
import type { ListingPlan } from './listing-plan.ts'
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
  exchange.facts.receive = request
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
  const { arrival, leaving, marks } = exchange
  if (marks !== undefined) marks.routedAt = monotonic()
  const { clientAddress: address, trace } = arrival
  if (match === undefined) return turnAway(address, snapshot)
  const { value: route, rest, captured } = match
  const { bucket, access } = route
  const listing = route.listing === 'off' ? undefined : planListing(match, request)
  const question =
    listing === undefined
      ? { request, address, bucket, key: rest, captured, isCounted, leaving, trace }
      : { ...visitOf(listing), address, bucket, captured, isCounted, leaving, trace }
  const admitted = access.authorize(question)
  const wanted = { request, match, listing, routes: snapshot.routes }
  if (!(admitted instanceof Promise)) return serve(wanted, admitted, exchange)
  return admitted.then((visitor) => serve(wanted, visitor, exchange))
}

function noteRoute(match: Match<Route> | undefined, exchange: Exchange): void {
  if (match !== undefined) exchange.facts.route = { bucket: match.value.bucket, key: match.rest }
}

/** Whoever looks for what is not there is counted like everybody else. */
function turnAway(address: string, { strayLimits }: Snapshot): Promise<never> {
  const counted = strayLimits?.take(address, undefined)
  if (!(counted instanceof Promise)) throw noRoute()
  return counted.then(() => Promise.reject(noRoute()))
}

/** A listing is asked for of the directory that it is of. */
export function visitOf({
  visited,
  directory,
  scope,
}: ListingPlan): Pick<AccessQuestion, 'request' | 'key' | 'listing'> {
  return { request: visited, key: directory, listing: scope }
}

interface Wanted {
  readonly request: Request
  readonly match: Match<Route>
  readonly listing: ListingPlan | undefined
  readonly routes: RouteTable<Route>
}

/** Somebody whom an address lets in. */
const UNNAMED = { user: undefined }

/** To whom it has been allowed. */
function serve(
  wanted: Wanted,
  { identity, policy, limitFields }: Admitted,
  exchange: Exchange,
): Reply | Promise<Reply> {
  const { request, match, listing } = wanted
  const { value: route, rest } = match
  const { marks } = exchange
  if (marks !== undefined) marks.admittedAt = monotonic()
  if (identity !== undefined || policy !== undefined) {
    exchange.facts.access = { user: identity?.subject, policy }
  } else if (!route.access.isOpen) exchange.facts.access = UNNAMED
  if (limitFields !== undefined) exchange.facts.limits = limitFields
  if (route.slots !== undefined) exchange.hold(route.slots)
  if (listing?.isFallback === false) return answerNames(wanted, listing, exchange)
  if (isBareRoot(route, rest, request.path)) return redirectToSlash(request, route)
  const plan = planFor(match, request)
  exchange.facts.route = { bucket: route.bucket, key: plan.key }
  const obtain = obtainerFor(route, request, exchange)
  if (!route.website.isPlain) {
    const list = listing && (() => answerListing(wanted, listing, exchange))
    return answerOrStandIn({ request, route, plan, obtain, list }, exchange)
  }
  const obtained = obtain(plan)
  if (!(obtained instanceof Promise)) return present(obtained, plan, route)
  return obtained.then((had) => present(had, plan, route))
}

/** S3's clients want S3's own words; a website says in its own that there is no such directory. */
function answerNames(wanted: Wanted, listing: ListingPlan, exchange: Exchange): Promise<Reply> {
  const { request, match } = wanted
  const { value: route } = match
  const names = answerListing(wanted, listing, exchange)
  if (route.website.isPlain || (listing.form !== 'html' && listing.form !== 'json')) return names
  const obtain = obtainerFor(route, request, exchange)
  return names.catch((error: unknown) =>
    instead({ request, route, plan: planFor(match, request), obtain, error }, exchange),
  )
}

interface Stands extends Omit<Missed, 'error'> {
  /** Undefined where no directory is asked for, or none is told of. */
  readonly list: (() => Promise<Reply>) | undefined
}

async function answerOrStandIn(wanted: Stands, exchange: Exchange): Promise<Reply> {
  const { plan, route, obtain, list } = wanted
  try {
    return present(await obtain(plan), plan, route)
  } catch (error) {
    const listed = await listInstead(error, list)
    if (listed !== undefined) return listed
    return instead({ ...wanted, error }, exchange)
  }
}

async function instead(missed: Missed, exchange: Exchange): Promise<Reply> {
  const stands = await standIn(missed)
  if (stands === undefined) throw missed.error
  const { reply, refusal } = stands
  if (refusal !== undefined) {
    exchange.facts.refusal = { code: refusal.code, cause: refusal.cause }
  }
  return reply
}

/** A directory without an index document, if it is one. */
async function listInstead(error: unknown, list: Stands['list']): Promise<Reply | undefined> {
  if (list === undefined || !isMissing(error)) return undefined
  return list().catch((late: unknown) => {
    if (isMissing(late)) return undefined
    throw late
  })
}

function isMissing(error: unknown): boolean {
  return error instanceof Refusal && error.code === 'not_found'
}

async function answerListing(
  { request, match, routes }: Wanted,
  plan: ListingPlan,
  exchange: Exchange,
): Promise<Reply> {
  const { value: route, captured } = match
  const keyRoot = route.siteOf?.(captured).keyRoot ?? ''
  exchange.facts.route = { bucket: route.bucket, key: keyRoot + plan.prefix }
  if (route.cached !== undefined) exchange.facts.cache = BYPASS
  const trail = createTrail()
  exchange.facts.obtain = trail
  exchange.requireTime()
  return list({ plan, request, route, keyRoot, routes, signal: exchange.leaving, trail })
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
  exchange.facts.obtain = trail
  const { cached, askFor } = route
  if (cached === undefined) {
    return (plan) => {
      exchange.requireTime()
      return obtain(plan, askFor(exchange.leaving, trail))
    }
  }
  return (plan) => cached.obtain(plan, { headers, exchange, trail })
}
