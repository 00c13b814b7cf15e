// A no, as a reply in the caller's own language: JSON for programs, S3's XML for S3 clients, a
// small page for browsers. Nothing of the inside leaks into any of them.

import type { IncomingHttpHeaders } from 'node:http'

import { bytesBody, noBody } from '../exchange/body.ts'
import { Refusal, retryAfter } from '../exchange/refusal.ts'
import type { RefusalCode } from '../exchange/refusal.ts'
import type { Reply } from '../exchange/reply.ts'
import { prefersHtml } from '../http/accept.ts'
import { OriginFailure } from '../origin/origin.ts'
import type { FailureKind } from '../origin/origin.ts'
import { ObjectChanged } from './object-changed.ts'

/** Whatever was thrown, as a refusal: an unknown error is a bug, and says no more than that. */
export function refusalFrom(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof OriginFailure) return refusalForOrigin(error)
  if (error instanceof ObjectChanged) return new Refusal('origin_failed', { cause: error })
  return new Refusal('internal_error', { cause: error })
}

export interface RefusedRequest {
  readonly id: string
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly query: string
}

export function refuse(refusal: Refusal, request: RefusedRequest): Reply {
  const form = formFor(request)
  const text = Buffer.from(WRITE[form](refusal, request.id))
  const headers = ['Content-Type', CONTENT_TYPE[form], 'Cache-Control', 'no-store']
  headers.push(...refusal.headers)
  const isHead = request.method === 'HEAD'
  const body = isHead ? noBody : bytesBody(text)
  return { status: refusal.status, headers, body, statedLength: text.byteLength }
}

const CODE_FOR: Readonly<Record<FailureKind, RefusalCode>> = {
  'server-error': 'origin_failed',
  throttled: 'origin_failed',
  protocol: 'origin_failed',
  truncated: 'origin_failed',
  'other-version': 'origin_failed',
  misconfigured: 'origin_misconfigured',
  credentials: 'origin_misconfigured',
  timeout: 'origin_timeout',
  stall: 'origin_timeout',
  connect: 'origin_unavailable',
  dns: 'origin_unavailable',
  tls: 'origin_unavailable',
  reset: 'origin_unavailable',
  unavailable: 'origin_unavailable',
  busy: 'too_busy',
  // Nobody is left to read it.
  cancelled: 'origin_unavailable',
}

function refusalForOrigin(failure: OriginFailure): Refusal {
  const code = CODE_FOR[failure.kind]
  const isOver = code === 'origin_unavailable' || code === 'too_busy'
  const headers = isOver ? retryAfter(failure.retryAfterMs) : []
  return new Refusal(code, { headers, cause: failure })
}

type Form = 'json' | 'xml' | 'html'

const CONTENT_TYPE: Readonly<Record<Form, string>> = {
  json: 'application/json',
  xml: 'application/xml',
  html: 'text/html; charset=utf-8',
}

function formFor({ headers, query }: RefusedRequest): Form {
  if (isS3Client(headers, query)) return 'xml'
  return prefersHtml(headers.accept) ? 'html' : 'json'
}

export function isS3Client(headers: IncomingHttpHeaders, query: string): boolean {
  if (headers.authorization?.startsWith('AWS') === true) return true
  if (query !== '' && /(?:^|&)(?:x-id|X-Amz-Signature|AWSAccessKeyId)=/.test(query)) return true
  for (const name in headers) {
    if (name.startsWith('x-amz-') || name.startsWith('amz-sdk-')) return true
  }
  return false
}

const WRITE: Readonly<Record<Form, (refusal: Refusal, id: string) => string>> = {
  json: ({ code, message, status }, id) =>
    JSON.stringify({ error: code, message, status, request_id: id }),
  xml: ({ code, message }, id) =>
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    `<Error><Code>${S3_CODE[code] ?? code}</Code><Message>${message}</Message>` +
    `<RequestId>${id}</RequestId></Error>`,
  html: ({ code, message, status }, id) =>
    '<!doctype html><html lang="en"><meta charset="utf-8">' +
    `<title>${status} ${code}</title><h1>${status}</h1><p>${message}</p>` +
    `<p><small>${code} · ${id}</small></p></html>`,
}

/** The words S3's clients know; where S3 has none, ours. */
const S3_CODE: Readonly<Partial<Record<RefusalCode, string>>> = {
  invalid_path: 'InvalidURI',
  invalid_request: 'InvalidRequest',
  token_missing: 'AccessDenied',
  token_invalid: 'AccessDenied',
  address_denied: 'AccessDenied',
  token_expired: 'ExpiredToken',
  claims_denied: 'AccessDenied',
  policy_denied: 'AccessDenied',
  signature_invalid: 'AccessDenied',
  signature_expired: 'AccessDenied',
  origin_forbidden: 'AccessDenied',
  no_route: 'NoSuchBucket',
  not_found: 'NoSuchKey',
  method_not_allowed: 'MethodNotAllowed',
  precondition_failed: 'PreconditionFailed',
  uri_too_long: 'InvalidURI',
  range_not_satisfiable: 'InvalidRange',
  rate_limited: 'SlowDown',
  headers_too_large: 'RequestHeaderSectionTooLarge',
  internal_error: 'InternalError',
  origin_failed: 'InternalError',
  origin_misconfigured: 'InternalError',
  origin_unavailable: 'ServiceUnavailable',
  policy_unavailable: 'ServiceUnavailable',
  draining: 'ServiceUnavailable',
  too_busy: 'SlowDown',
  origin_timeout: 'ServiceUnavailable',
}
