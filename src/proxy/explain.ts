// Every decision a request would get, with its reason, without serving it: the steps of `handle` in
// their order, taken by the same functions and each told of, up to the one that says no. A step that
// `handle` gets, this gets too: one line here, one function that tells of it.

import type { Admitted, LimitStanding } from '../access/access.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Request } from '../exchange/request.ts'
import { answerCors } from '../http/cors.ts'
import { clientAddress } from '../http/forwarded.ts'
import { foldHeaders } from '../http/headers.ts'
import { BYPASS, formatCacheStatus, xCache } from '../http/cache-status.ts'
import { Account, tellReply } from './account.ts'
import type { ExplainedStep } from './account.ts'
import { tellAnswer } from './explain-answer.ts'
import { tellCache } from './explain-cache.ts'
import { tellOrigin } from './explain-origin.ts'
import { preflightRoute } from './cors.ts'
import { tellCors, tellFilter, tellLimits, tellPolicy, tellSignature } from './explain-access.ts'
import { isFull, slotsInUse, tellBandwidth, tellSlots } from './explain-limits.ts'
import { tellAccess, tellNoRoute, tellPlan, tellRequest, tellRoute } from './explain-request.ts'
import { isMissing, takeListing, takeNames } from './explain-listing.ts'
import { isBareRoot, ownReply, visitOf } from './handle.ts'
import { planFor } from './plan.ts'
import { receive } from './receive.ts'
import type { RawRequest } from './receive.ts'
import { refusalFrom } from './refuse.ts'
import { rehearse } from './rehearse.ts'
import type { Ending, Rehearsed } from './rehearse.ts'
import { routeFor } from './route.ts'
import type { Route, Snapshot } from './snapshot.ts'
import { redirectToSlash } from './stand-in.ts'
import type { Status } from './status.ts'

export interface ExplainQuestion {
  readonly method: string
  /** As it would stand in the request line: latin1, one character a byte. */
  readonly target: string
  /** Flat name, value…, the Host among them. */
  readonly headers: readonly string[]
  /** Of the socket it would come by. */
  readonly peer: string
}

export interface Explanation {
  readonly summary: Summary
  /** In their order; the last one ends it. */
  readonly steps: readonly ExplainedStep[]
}

export interface Summary {
  /** False: it would be refused. Null: what the origin says decides. */
  readonly served: boolean | null
  /** Null with `served`. */
  readonly status: number | null
  readonly code?: string
  readonly reason: string
  readonly bucket?: string
  readonly key?: string
  /** What the cache would do. */
  readonly verdict?: string
  readonly asks_origin: boolean
  /** Of a request that has to ask, what is known before the answer. */
  readonly cache_status: string
  readonly x_cache: string
}

interface Life {
  readonly ending: Ending
  readonly rehearsed?: Rehearsed
  readonly bucket?: string
  readonly key?: string
}

export async function explain(
  question: ExplainQuestion,
  snapshot: Snapshot,
  status: Status,
): Promise<Explanation> {
  const account = new Account()
  const raw = rawOf(question)
  const address = clientAddress(question.peer, raw.headers, snapshot.trustedProxies)
  const life = await live(raw, { account, snapshot, status, address }).catch(endOf)
  return { summary: summaryOf(life, account), steps: account.steps }
}

interface Place {
  readonly account: Account
  readonly snapshot: Snapshot
  readonly status: Status
  /** Of the client, through trusted hops. */
  readonly address: string
}

async function live(raw: RawRequest, place: Place): Promise<Life> {
  const { account, snapshot, status, address } = place
  const request = account.take(
    'receive',
    () => receive(raw, snapshot.limits),
    (received) => tellRequest(received, address),
  )
  const own = ownReply(request, status)
  if (own !== undefined) {
    tellCorsOf(preflightRoute(request, snapshot)?.value, request, place)
    account.tell(tellReply('own', own, 'Sluice answers this itself, whatever the buckets are.'))
    return { ending: { kind: 'answered', reply: own } }
  }
  const leadsTo = snapshot.routes.match(request.host, request.path)
  if (isFull(snapshot.slots)) {
    tellCorsOf(leadsTo?.value, request, place)
    takeSlots(undefined, place)
  }
  if (leadsTo === undefined) {
    await tellLimitsOf(snapshot.strayLimits?.foresee(address, undefined), account)
  }
  const match = account.take(
    'route',
    () => routeFor(snapshot, request),
    (taken) => tellRoute(taken, request, snapshot),
    () => tellNoRoute(request, snapshot),
  )
  const { value: route, rest, captured } = match
  const { bucket, access } = route
  tellCorsOf(route, request, place)
  const listing = takeListing(match, request, account)
  const visited = listing?.visited ?? request
  account.take(
    'ip_filter',
    () => access.filterAddress(address),
    (listing) => tellFilter(listing, address),
  )
  await tellLimitsOf(access.foreseeAddressLimits(address), account)
  const isSigned = access.takesSignatures
    ? account.take(
        'signature',
        () => access.isSigned({ request: visited, address, listing: listing?.scope }),
        tellSignature,
      )
    : false
  let admitted: Admitted = { identity: undefined }
  if (access.isGuarded && !isSigned) {
    const authenticate = () => access.authenticate({ request, captured })
    admitted = await account.takeAwaited('access', authenticate, tellAccess)
  }
  await tellLimitsOf(access.foreseeIdentityLimits(address, admitted), account)
  if (access.hasPolicy) {
    const visit = listing === undefined ? { request, key: rest } : visitOf(listing)
    const asked = { ...visit, address, bucket, captured, isCounted: true }
    const decide = (): Promise<Admitted> => access.foreseePolicy(asked, admitted)
    await account.takeAwaited('authorization', decide, tellPolicy)
  }
  takeSlots(route, place)
  if (listing?.isFallback === false) {
    takeNames(listing, route, account)
    return { ending: { kind: 'asks' }, bucket, key: listing.prefix }
  }
  if (isBareRoot(route, rest, request.path)) {
    const reply = redirectToSlash(request, route)
    const why = 'Relative links of the index document need the slash that the path lacks.'
    account.tell(tellReply('redirect', reply, why))
    return { ending: { kind: 'answered', reply }, bucket }
  }
  const plan = account.take(
    'plan',
    () => planFor(match, request),
    (planned) => tellPlan(planned, request),
  )
  const rehearsed = await rehearse({ route, request, plan })
  const telling = { rehearsed, route, request, plan }
  account.tell(tellCache(telling))
  if (!account.isOver) account.tell(tellOrigin(telling))
  const bandwidth = snapshot.bandwidth.get(bucket)
  if (!account.isOver && bandwidth !== undefined) account.tell(tellBandwidth(bandwidth))
  if (!account.isOver) account.tell(tellAnswer(telling, snapshot))
  if (listing !== undefined && isMissing(rehearsed.ending)) {
    takeNames(listing, route, account)
    return { ending: { kind: 'asks' }, bucket, key: listing.prefix }
  }
  return { ending: rehearsed.ending, rehearsed, bucket, key: plan.key }
}

/** None is taken: those of the server alone where no route is known yet. */
function takeSlots(route: Route | undefined, { account, snapshot }: Place): void {
  const server = snapshot.slots
  const own = route?.slots
  account.take(
    'slots',
    () => (route === undefined ? server : own)?.requireFree(),
    () => tellSlots(server, own),
    () => slotsInUse(server, own),
  )
}

function tellCorsOf(route: Route | undefined, request: Request, place: Place): void {
  const policy = route && place.snapshot.cors.get(route.bucket)
  if (policy !== undefined) place.account.tell(tellCors(answerCors(policy, request), request))
}

async function tellLimitsOf(
  standings: Promise<readonly LimitStanding[]> | undefined,
  account: Account,
): Promise<void> {
  if (standings !== undefined) await account.takeAwaited('limits', () => standings, tellLimits)
}

/** A step said no. Anything else is a bug, and the caller's to hear of. */
function endOf(error: unknown): Life {
  if (!(error instanceof Refusal)) throw error
  return { ending: { kind: 'refused', refusal: refusalFrom(error) } }
}

function rawOf({ method, target, headers }: ExplainQuestion): RawRequest {
  return {
    method,
    url: target,
    rawHeaders: headers,
    headers: foldHeaders(headers),
    httpVersionMajor: 1,
    httpVersionMinor: 1,
  }
}

function summaryOf({ ending, rehearsed, bucket, key }: Life, account: Account): Summary {
  const outcome = rehearsed?.outcome ?? BYPASS
  const course = rehearsed?.forecast.course?.kind
  const refusal = ending.kind === 'asks' ? undefined : ending.refusal
  return {
    served: ending.kind === 'asks' ? null : refusal === undefined,
    status: statusOf(ending),
    ...(refusal === undefined ? {} : { code: refusal.code }),
    reason: account.steps.at(-1)?.reason ?? '',
    ...(bucket === undefined ? {} : { bucket }),
    ...(key === undefined ? {} : { key }),
    ...(course === undefined ? {} : { verdict: course }),
    asks_origin: ending.kind === 'asks' || (rehearsed !== undefined && asksOrigin(rehearsed)),
    cache_status: formatCacheStatus(outcome),
    x_cache: xCache(outcome),
  }
}

function asksOrigin({ question, forecast }: Rehearsed): boolean {
  return question !== undefined || forecast.lacksBytes === true
}

function statusOf(ending: Ending): number | null {
  if (ending.kind === 'asks') return null
  return ending.kind === 'refused' ? ending.refusal.status : ending.reply.status
}
