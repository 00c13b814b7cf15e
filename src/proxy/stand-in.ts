// What a website shows instead of an object that is not there: a redirect to the directory, the
// application's one page, or a page that says so. None of it hides a failure: whatever cannot be
// shown leaves the first refusal as it was.

import { discardBody, noBody } from '../exchange/body.ts'
import type { Refusal } from '../exchange/refusal.ts'
import type { Reply } from '../exchange/reply.ts'
import type { Request } from '../exchange/request.ts'
import { prefersHtml } from '../http/accept.ts'
import { obtain } from './obtain.ts'
import type { Ask, Obtained } from './obtain.ts'
import type { Plan } from './plan.ts'
import { presentWhole } from './present.ts'
import { isS3Client, refusalFrom } from './refuse.ts'
import type { Route } from './snapshot.ts'

export interface Missed {
  readonly error: unknown
  readonly request: Request
  readonly route: Route
  readonly plan: Plan
  readonly ask: Ask
}

export async function standIn(missed: Missed): Promise<Reply | undefined> {
  const refusal = refusalFrom(missed.error)
  if (isS3Client(missed.request.headers, missed.request.query)) return undefined
  if (refusal.code === 'not_found') {
    const found = (await directoryRedirect(missed)) ?? (await applicationPage(missed))
    if (found !== undefined) return found
  }
  return errorPage(refusal, missed)
}

/** `/dir` is sent to `/dir/` when that has an index document; as S3's websites do, for now only. */
async function directoryRedirect({
  request,
  route,
  plan,
  ask,
}: Missed): Promise<Reply | undefined> {
  const { indexDocument, redirectSlash } = route.website
  // A target beginning with two slashes would name a host.
  const isDirectory = plan.key.endsWith('/') || plan.isIndex || request.path.startsWith('//')
  if (indexDocument === undefined || !redirectSlash || isDirectory || plan.key === '')
    return undefined
  const index = await tryObtain(
    { ...bare(plan), method: 'HEAD', key: `${plan.key}/${indexDocument}` },
    ask,
  )
  return index === undefined ? undefined : redirectToSlash(request)
}

export function redirectToSlash({ path, query }: Request): Reply {
  const target = path.split('/').map(encodeURIComponent).join('/')
  const location = query === '' ? `${target}/` : `${target}/?${query}`
  return { status: 302, headers: ['Location', location], body: noBody, statedLength: 0 }
}

async function applicationPage({ request, route, plan, ask }: Missed): Promise<Reply | undefined> {
  const { spa, indexDocument } = route.website
  if (!spa || indexDocument === undefined || !isNavigation(request)) return undefined
  const page = await tryObtain({ ...bare(plan), key: indexDocument }, ask)
  return page === undefined ? undefined : presentWhole(page, plan, route)
}

/** A browser going somewhere; a script or picture that is missing must stay missing. */
function isNavigation({ headers }: Request): boolean {
  const mode = headers['sec-fetch-mode']
  return mode === undefined ? prefersHtml(headers.accept) : mode === 'navigate'
}

async function errorPage(
  refusal: Refusal,
  { route, plan, ask }: Missed,
): Promise<Reply | undefined> {
  const key = route.website.errorDocuments.get(refusal.status)
  if (key === undefined || key === plan.key) return undefined
  const page = await tryObtain({ ...bare(plan), key }, ask)
  if (page === undefined) return undefined
  const { contentType, fields } = page.head
  const headers = ['Content-Type', contentType ?? 'text/html', 'Cache-Control', 'no-store']
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? ''
    if (name.startsWith('Content-')) headers.push(name, fields[i + 1] ?? '')
  }
  headers.push(...refusal.headers)
  return { status: refusal.status, headers, body: page.body, statedLength: page.head.size }
}

/** The conditions and ranges were meant for the object that is not there. */
function bare(plan: Plan): Plan {
  const none = { ifMatch: undefined, ifNoneMatch: undefined, ifModifiedSince: undefined }
  const conditions = { ...none, ifUnmodifiedSince: undefined, ifRange: undefined }
  const whole = { versionId: undefined, partNumber: undefined, ranges: undefined }
  return { ...plan, ...whole, conditions, isRevalidation: false }
}

async function tryObtain(plan: Plan, ask: Ask): Promise<Obtained | undefined> {
  try {
    const obtained = await obtain(plan, ask)
    if (obtained.selected.kind === 'whole') return obtained
    discardBody(obtained.body)
    return undefined
  } catch {
    // What stands in is missing too: the refusal that called for it is the answer.
    return undefined
  }
}
