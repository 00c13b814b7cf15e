// What was obtained, as a reply: the status and the header fields that belong to it. Only fields
// named here ever leave; what S3 says besides stays inside.

import { bodyLength, noBody } from '../exchange/body.ts'
import type { Body } from '../exchange/body.ts'
import type { ObjectHead } from '../exchange/object-head.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Reply } from '../exchange/reply.ts'
import { formatContentRange, formatUnsatisfied } from '../http/range.ts'
import type { Obtained } from './obtain.ts'
import type { Plan } from './plan.ts'
import type { Selected } from './select.ts'
import type { Route } from './snapshot.ts'

export function present({ head, selected, body }: Obtained, plan: Plan, route: Route): Reply {
  switch (selected.kind) {
    case 'precondition-failed':
      throw new Refusal('precondition_failed')
    case 'unsatisfiable':
      throw new Refusal('range_not_satisfiable', {
        headers: ['Content-Range', formatUnsatisfied(selected.size)],
      })
    case 'not-modified':
      return { status: 304, headers: owned(validatorFields(head), route), body: noBody }
    case 'whole':
      return head.redirectLocation === undefined
        ? whole(head, body, plan, route)
        : redirect(head.redirectLocation, body, route)
    case 'part':
    case 'parts':
      return partial(head, selected, body, plan, route)
  }
}

/** For a body that is whole by its making, whatever the request asked. */
export function presentWhole({ head, body }: Obtained, plan: Plan, route: Route): Reply {
  return whole(head, body, plan, route)
}

function whole(head: ObjectHead, body: Body, plan: Plan, route: Route): Reply {
  const headers = objectFields(head, plan, route)
  headers.push(...head.checksums)
  // A HEAD states the length that a GET would have.
  const statedLength = plan.method === 'HEAD' ? head.size : bodyLength(body)
  return { status: 200, headers: owned(headers, route), body, statedLength }
}

function partial(
  head: ObjectHead,
  selected: Extract<Selected, { kind: 'part' | 'parts' }>,
  body: Body,
  plan: Plan,
  route: Route,
): Reply {
  const headers = objectFields(head, plan, route)
  if (selected.kind === 'part') {
    const { range, size } = selected
    headers.push('Content-Range', formatContentRange(range, size))
    const statedLength = range.last - range.first + 1
    return { status: 206, headers: owned(headers, route), body, statedLength }
  }
  const type = 'contentType' in body && typeof body.contentType === 'string' ? body.contentType : ''
  const typed = withoutField(headers, 'content-type')
  typed.push('Content-Type', type)
  return { status: 206, headers: owned(typed, route), body, statedLength: bodyLength(body) }
}

function redirect(location: string, body: Body, route: Route): Reply {
  if (body.kind === 'stream') body.discard()
  const target =
    location.startsWith('/') && route.pathPrefix !== '/' ? route.pathPrefix + location : location
  return { status: 301, headers: owned(['Location', target], route), body: noBody, statedLength: 0 }
}

function objectFields(head: ObjectHead, plan: Plan, route: Route): string[] {
  const headers = validatorFields(head)
  for (let i = 0; i < head.fields.length; i += 2) {
    const name = head.fields[i] ?? ''
    // The two that also stand on a 304 are there already.
    if (name !== 'Cache-Control' && name !== 'Expires') headers.push(name, head.fields[i + 1] ?? '')
  }
  headers.push('Content-Type', head.contentType ?? 'application/octet-stream')
  if (route.metadataHeaders) headers.push(...head.metadata)
  if (plan.versionId !== undefined && head.versionId !== undefined) {
    headers.push('x-amz-version-id', head.versionId)
  }
  return headers
}

/** What a 304 carries too (RFC 9110 §15.4.5). */
function validatorFields(head: ObjectHead): string[] {
  const headers: string[] = []
  if (head.etag !== undefined) headers.push('ETag', head.etag)
  if (head.lastModified !== undefined) headers.push('Last-Modified', head.lastModified)
  for (let i = 0; i < head.fields.length; i += 2) {
    const name = head.fields[i] ?? ''
    if (name === 'Cache-Control' || name === 'Expires') headers.push(name, head.fields[i + 1] ?? '')
  }
  return headers
}

/** The operator's own headers replace the object's. */
function owned(headers: string[], route: Route): readonly string[] {
  if (route.ownedHeaders.size === 0) return headers
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (!route.ownedHeaders.has(name.toLowerCase())) kept.push(name, headers[i + 1] ?? '')
  }
  kept.push(...route.setHeaders)
  return kept
}

function withoutField(headers: readonly string[], lowerName: string): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (name.toLowerCase() !== lowerName) kept.push(name, headers[i + 1] ?? '')
  }
  return kept
}
