// What a website shows where there is no object: a redirect to the directory, the application's one
// page, or a page that says what is wrong. Nothing is hidden by it: what cannot be shown leaves
// the first refusal as it was.

import { PARAMETERS, withoutSignature } from '../access/access.ts'
import { discardBody, noBody } from '../exchange/body.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Reply } from '../exchange/reply.ts'
import type { Request } from '../exchange/request.ts'
import { prefersHtml } from '../http/accept.ts'
import { readConditions } from '../http/conditional.ts'
import { queryParameter } from '../http/query.ts'
import type { Obtain, Obtained } from './obtain.ts'
import type { Plan } from './plan.ts'
import { operated, present } from './present.ts'
import { isS3Client, refusalFrom } from './refuse.ts'
import type { RouteRules } from './snapshot.ts'

export interface Missed {
  /** Why there is no object. */
  readonly error: unknown
  readonly request: Request
  readonly route: RouteRules
  readonly plan: Plan
  readonly obtain: Obtain
}

export interface StandIn {
  readonly reply: Reply
  /** What the page says no to; undefined where nothing is refused any more. */
  readonly refusal: Refusal | undefined
}

/** Programs that speak S3 want the error itself, and a bug is nobody's page. */
export async function standIn(missed: Missed): Promise<StandIn | undefined> {
  const { error, request } = missed
  const refusal = refusalFrom(error)
  if (refusal.code === 'internal_error' || isS3Client(request.headers, request.query)) {
    return undefined
  }
  if (refusal.code === 'not_found') {
    const reply = (await directoryRedirect(missed)) ?? (await applicationPage(missed))
    if (reply !== undefined) return { reply, refusal: undefined }
  }
  const page = await errorPage(refusal, missed)
  return page && { reply: page, refusal }
}

/** For now only, as S3's websites do: tomorrow there may be an object of that name. */
export function redirectToSlash({ path, query }: Request, route: RouteRules): Reply {
  const target = path.split('/').map(encodeURIComponent).join('/')
  const kept = route.takesSignatures ? queryAfter(query) : query
  const location = kept === '' ? `${target}/` : `${target}/?${kept}`
  const headers = operated(['Location', location], route)
  return { status: 302, ...headers, body: noBody, statedLength: 0 }
}

/** A signature for all below a path goes on; one for a path alone is not for the next. */
function queryAfter(query: string): string {
  return queryParameter(query, PARAMETERS.scope) === undefined ? withoutSignature(query) : query
}

async function directoryRedirect(missed: Missed): Promise<Reply | undefined> {
  const { request, route, plan, obtain } = missed
  const { indexDocument, redirectSlash } = route.website
  if (indexDocument === undefined || !redirectSlash || !mayGetSlash(request)) return undefined
  const index = await tryObtain(documentPlan('HEAD', `${plan.key}/${indexDocument}`), obtain)
  return index && redirectToSlash(request, route)
}

function mayGetSlash({ path }: Request): boolean {
  // A target that begins with two slashes would name another host.
  return !path.endsWith('/') && !path.startsWith('//')
}

/** As if the index document had been asked for, conditions and ranges included. */
async function applicationPage(missed: Missed): Promise<Reply | undefined> {
  const { request, route, plan, obtain } = missed
  const { spa, indexDocument } = route.website
  if (!spa || indexDocument === undefined || !isNavigation(request)) return undefined
  const key = keyBelow(plan, indexDocument)
  const page = { ...plan, key, versionId: undefined, partNumber: undefined }
  try {
    const reply = present(await obtain(page), page, route)
    return { ...reply, headers: [...reply.headers, 'Vary', 'Accept, Sec-Fetch-Mode'] }
  } catch (error) {
    // Without its page there is no application: the object is simply missing.
    if (error instanceof Refusal && error.code === 'not_found') return undefined
    throw error
  }
}

/** A browser going somewhere; a script or picture that is missing must stay missing. */
function isNavigation({ headers }: Request): boolean {
  const mode = headers['sec-fetch-mode']
  return mode === undefined ? prefersHtml(headers.accept) : mode === 'navigate'
}

async function errorPage(refusal: Refusal, missed: Missed): Promise<Reply | undefined> {
  const { route, plan, obtain } = missed
  const document = route.website.errorDocuments.get(refusal.status)
  if (document === undefined) return undefined
  const key = keyBelow(plan, document)
  if (key === plan.key) return undefined
  const page = await tryObtain(documentPlan(plan.method, key), obtain)
  if (page === undefined) return undefined
  const { contentType, fields, size } = page.head
  const headers = ['Content-Type', contentType ?? 'text/html', 'Cache-Control', 'no-store']
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? ''
    if (name.startsWith('Content-')) headers.push(name, fields[index + 1] ?? '')
  }
  headers.push(...refusal.headers)
  return { status: refusal.status, headers, body: page.body, statedLength: size }
}

/** Each part of a bucket that is one for several has pages of its own. */
function keyBelow({ site }: Plan, document: string): string {
  return (site?.keyRoot ?? '') + document
}

/** What the request said of ranges and versions was meant for another object. */
function documentPlan(method: Plan['method'], key: string): Plan {
  return {
    method,
    key,
    versionId: undefined,
    partNumber: undefined,
    ranges: undefined,
    conditions: readConditions({}),
    isRevalidation: false,
  }
}

async function tryObtain(plan: Plan, obtain: Obtain): Promise<Obtained | undefined> {
  try {
    const obtained = await obtain(plan)
    if (obtained.selected.kind === 'whole') return obtained
    discardBody(obtained.body)
    return undefined
  } catch {
    // What stands in is missing too: the refusal that called for it is the answer.
    return undefined
  }
}
