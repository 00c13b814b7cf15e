// What was obtained, as a reply: the status and the header fields that belong to it. Only fields
// named here ever leave; what S3 says besides stays inside.

import { bodyLength, noBody } from '../exchange/body.ts'
import type { ObjectHead } from '../exchange/object-head.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Reply } from '../exchange/reply.ts'
import { parseDeltaSeconds } from '../http/delta-seconds.ts'
import { ageField } from '../http/freshness.ts'
import { addVary } from '../http/vary.ts'
import { formatHttpDate } from '../http/date.ts'
import { formatContentRange, formatUnsatisfied } from '../http/range.ts'
import type { ByteRange } from '../http/range.ts'
import { dropFields, keepFields } from './fields.ts'
import type { Obtained } from './obtain.ts'
import type { Plan } from './plan.ts'
import type { RouteRules } from './snapshot.ts'

/** What a 304 repeats of the object (RFC 9110 §15.4.5). */
const NOT_MODIFIED_FIELDS = new Set(['etag', 'last-modified', 'cache-control', 'expires', 'vary'])
/** What a redirect takes from the object that it is written on: how long it may be kept. */
const REDIRECT_FIELDS = new Set(['cache-control', 'expires'])
const NO_FIELDS: readonly string[] = []
const CONTENT_TYPE = new Set(['content-type'])

export function present(obtained: Obtained, plan: Plan, route: RouteRules): Reply {
  const { aged, selected } = obtained
  if (aged === undefined) {
    const draft = presentSelected(obtained, plan, route)
    passAge(obtained.head.caching, draft.headers)
    return draft
  }
  const { dateAt, ageMs } = aged
  // What has just come may never be asked for again.
  const isAgain = ageMs !== undefined && selected.kind === 'whole'
  if (isAgain && plan.versionId === undefined) {
    return presentAgain(obtained, { dateAt, ageMs }, plan, route)
  }
  const draft = presentSelected(obtained, plan, route)
  addAge(aged, draft.headers)
  return draft
}

type Aged = NonNullable<Obtained['aged']>
type AgedAgain = Aged & { readonly ageMs: number }

/** All but its age has been written when it was served before. */
function presentAgain(
  { head, body }: Obtained,
  { dateAt, ageMs }: AgedAgain,
  plan: Plan,
  route: RouteRules,
): Reply {
  const block = route.written.of(head, dateAt, () => {
    const { headers, commonHeaders } = operated(wholeFields(head, plan, route), route)
    return [...headers, ...commonHeaders]
  })
  const headers = ageField(ageMs)
  const statedLength = plan.method === 'HEAD' ? head.size : bodyLength(body)
  return { status: 200, block, headers, commonHeaders: NO_FIELDS, body, statedLength }
}

function addAge({ dateAt, ageMs }: Aged, headers: string[]): void {
  headers.push('Date', formatHttpDate(dateAt), ...ageField(ageMs))
}

/** Past the cache, it is as old as whoever it came from says. */
function passAge({ date, age }: ObjectHead['caching'], headers: string[]): void {
  if (date !== undefined) headers.push('Date', date)
  const seconds = age === undefined ? undefined : parseDeltaSeconds(age)
  if (seconds !== undefined) headers.push('Age', String(seconds))
}

/** A reply whose list of fields is nobody else's, and may still be added to. */
type Draft = Reply & { readonly headers: string[] }

function presentSelected(obtained: Obtained, plan: Plan, route: RouteRules): Draft {
  const { head, selected, aged } = obtained
  switch (selected.kind) {
    case 'precondition-failed':
      throw new Refusal('precondition_failed', { headers: ageField(aged?.ageMs) })
    case 'unsatisfiable':
      throw new Refusal('range_not_satisfiable', {
        headers: ['Content-Range', formatUnsatisfied(selected.size), ...ageField(aged?.ageMs)],
      })
    case 'not-modified':
      return notModified(head, plan, route)
    case 'redirect':
      return redirect(head, selected.location, plan, route)
    case 'whole':
      return whole(obtained, plan, route)
    case 'part':
      return part(obtained, selected, plan, route)
    case 'parts':
      return parts(obtained, plan, route)
  }
}

/** The operator's own fields, in place of those with the same names. */
export function operated(
  headers: string[],
  route: RouteRules,
): Pick<Draft, 'headers'> & Pick<RouteRules, 'commonHeaders'> {
  const { setHeaders, ownedHeaders, commonHeaders } = route
  if (ownedHeaders.size === 0) return { headers, commonHeaders }
  return { headers: [...dropFields(headers, ownedHeaders), ...setHeaders], commonHeaders }
}

function notModified(head: ObjectHead, plan: Plan, route: RouteRules): Draft {
  const kept = keepFields(objectFields(head, plan, route), NOT_MODIFIED_FIELDS)
  return { status: 304, ...operated(kept, route), body: noBody }
}

function redirect(
  { fields }: ObjectHead,
  location: string,
  { site }: Plan,
  route: RouteRules,
): Draft {
  const { pathPrefix } = site ?? route
  const isPath = location.startsWith('/') && pathPrefix !== '/'
  const headers = ['Location', isPath ? pathPrefix + location : location]
  headers.push(...keepFields(fields, REDIRECT_FIELDS))
  return { status: 301, ...operated(headers, route), body: noBody, statedLength: 0 }
}

function whole({ head, body }: Obtained, plan: Plan, route: RouteRules): Draft {
  // A HEAD states the length that a GET would have.
  const statedLength = plan.method === 'HEAD' ? head.size : bodyLength(body)
  return { status: 200, ...operated(wholeFields(head, plan, route), route), body, statedLength }
}

function wholeFields(head: ObjectHead, plan: Plan, route: RouteRules): string[] {
  return [...objectFields(head, plan, route), ...head.checksums]
}

function part(
  { head, body }: Obtained,
  { range, size }: { readonly range: ByteRange; readonly size: number },
  plan: Plan,
  route: RouteRules,
): Draft {
  const headers = objectFields(head, plan, route)
  headers.push('Content-Range', formatContentRange(range, size))
  const statedLength = range.last - range.first + 1
  return { status: 206, ...operated(headers, route), body, statedLength }
}

/** Each part names the object's type; the whole is a multipart, whatever the operator sets. */
function parts({ head, body, multipartType }: Obtained, plan: Plan, route: RouteRules): Draft {
  const { headers, commonHeaders } = operated(objectFields(head, plan, route), route)
  const typed = [...dropFields(headers, CONTENT_TYPE), 'Content-Type', multipartType ?? '']
  return { status: 206, headers: typed, commonHeaders, body, statedLength: bodyLength(body) }
}

function objectFields(head: ObjectHead, plan: Plan, route: RouteRules): string[] {
  const headers: string[] = []
  if (head.etag !== undefined) headers.push('ETag', head.etag)
  if (head.lastModified !== undefined) headers.push('Last-Modified', head.lastModified)
  headers.push(...head.fields)
  headers.push('Content-Type', head.contentType ?? 'application/octet-stream')
  const vary = varyOf(head, route)
  if (vary !== undefined) headers.push('Vary', vary)
  if (route.metadataHeaders) headers.push(...head.metadata)
  if (plan.versionId !== undefined && head.versionId !== undefined) {
    headers.push('x-amz-version-id', head.versionId)
  }
  return headers
}

/** What the origin says that it goes by, and what the bucket's cache does besides. */
function varyOf({ caching }: ObjectHead, { varyBy }: RouteRules): string | undefined {
  if (varyBy === undefined) return caching.vary
  return addVary(caching.vary, varyBy)
}
