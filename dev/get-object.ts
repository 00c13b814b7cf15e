// GET and HEAD of an object: conditions first, then the range, then the headers that say what it is.

import type { Bucket, Lookup } from './buckets.ts'
import { evaluateConditions, ifRangeHolds } from './conditions.ts'
import { invertedBytes } from './object-bytes.ts'
import { md5 } from './objects.ts'
import type { StoredObject } from './objects.ts'
import type { Quirks } from './quirks.ts'
import { selectRange } from './range.ts'
import type { Selection } from './range.ts'
import type { Reply } from './reply.ts'
import { createS3Error } from './s3-error.ts'
import type { S3Error } from './s3-error.ts'
import { headerValue } from './sigv4-claim.ts'
import { queryValue } from './target.ts'
import type { Pair } from './target.ts'

export interface ObjectRequest {
  readonly headers: readonly Pair[]
  readonly query: readonly Pair[]
  readonly isSigned: boolean
  readonly quirks: Quirks
  /** What to answer untruly. */
  readonly twist: Twist | undefined
}

export type Twist =
  | { readonly kind: 'etag'; readonly etag: string | undefined }
  | { readonly kind: 'ignore-range' }
  | { readonly kind: 'wrong-range' }

type Answer = Reply | S3Error

const overrides: Readonly<Record<string, string>> = {
  'response-cache-control': 'Cache-Control',
  'response-content-disposition': 'Content-Disposition',
  'response-content-encoding': 'Content-Encoding',
  'response-content-language': 'Content-Language',
  'response-content-type': 'Content-Type',
  'response-expires': 'Expires',
}

export function answerObject(lookup: Lookup, bucket: Bucket, request: ObjectRequest): Answer {
  if (lookup.state === 'found') {
    return answerFound(twisted(lookup.object, request.twist), bucket, request)
  }
  if (lookup.state === 'deleted') {
    const isNamed = queryValue(request.query, 'versionId') !== undefined
    return createS3Error(isNamed ? 'MethodNotAllowed' : 'NoSuchKey', {
      headers: { 'x-amz-delete-marker': 'true', 'x-amz-version-id': lookup.marker.versionId },
    })
  }
  const isVersion = lookup.state === 'no-such-version' && request.quirks === 'aws'
  return createS3Error(isVersion ? 'NoSuchVersion' : 'NoSuchKey')
}

function answerFound(object: StoredObject, bucket: Bucket, request: ObjectRequest): Answer {
  const overriding = overridesOf(request.query)
  if (Object.keys(overriding).length > 0 && !request.isSigned) {
    return createS3Error('InvalidRequest', {
      message: 'Request specific response headers cannot be used for anonymous GET requests.',
    })
  }
  const headers = { ...identityOf(object, bucket), ...object.headers, ...overriding }
  const outcome = evaluateConditions(conditionsOf(request.headers), object, request.quirks)
  if (outcome === 'failed') return createS3Error('PreconditionFailed')
  if (outcome === 'not-modified') return notModified(headers, request.quirks)
  return answerBytes(object, headers, request)
}

function answerBytes(
  object: StoredObject,
  headers: Record<string, string>,
  request: ObjectRequest,
): Answer {
  const part = selectPart(object, request)
  if (part !== undefined) return 'status' in part ? part : partial(object, headers, part)
  const selection = selectBytes(object, request)
  if (selection.kind === 'unsatisfiable') return unsatisfiable(object, request)
  if (selection.kind === 'part') {
    return partial(object, headers, shifted(selection, object, request.twist))
  }
  return whole(object, { ...headers, ...labelOf(selection, object) }, request)
}

function identityOf(object: StoredObject, bucket: Bucket): Record<string, string> {
  return {
    'Last-Modified': object.lastModified.toUTCString(),
    ETag: object.etag,
    'Accept-Ranges': 'bytes',
    ...(bucket.versioned ? { 'x-amz-version-id': object.versionId } : {}),
  }
}

function notModified(headers: Record<string, string>, quirks: Quirks): Reply {
  const kept = ['Last-Modified', 'ETag', 'Cache-Control', 'Expires', 'x-amz-version-id']
  const entries = Object.entries(headers).filter(([name]) => kept.includes(name))
  return {
    status: 304,
    headers: quirks === 'ceph' ? {} : Object.fromEntries(entries),
    body: { kind: 'none' },
  }
}

function whole(
  object: StoredObject,
  headers: Record<string, string>,
  request: ObjectRequest,
): Reply {
  const { size } = object.bytes
  const wantsChecksums = headerValue(request.headers, 'x-amz-checksum-mode') === 'ENABLED'
  const checksums = Object.entries(object.checksums)
  const isTelling = wantsChecksums && request.quirks === 'aws' && checksums.length > 0
  const told = isTelling ? checksums.map(([name, value]) => [`x-amz-checksum-${name}`, value]) : []
  return {
    status: 200,
    headers: {
      ...headers,
      'Content-Length': String(size),
      ...Object.fromEntries(told),
      ...(isTelling ? { 'x-amz-checksum-type': 'FULL_OBJECT' } : {}),
    },
    body: { kind: 'bytes', source: object.bytes, start: 0, end: size },
  }
}

interface Span {
  readonly first: number
  readonly last: number
  readonly extra?: Record<string, string>
}

function partial(object: StoredObject, headers: Record<string, string>, span: Span): Reply {
  const { first, last } = span
  return {
    status: 206,
    headers: {
      ...headers,
      ...span.extra,
      'Content-Range': `bytes ${first}-${last}/${object.bytes.size}`,
      'Content-Length': String(last + 1 - first),
    },
    body: { kind: 'bytes', source: object.bytes, start: first, end: last + 1 },
  }
}

function unsatisfiable(object: StoredObject, request: ObjectRequest): S3Error {
  const { size } = object.bytes
  return createS3Error('InvalidRange', {
    fields: {
      RangeRequested: headerValue(request.headers, 'range') ?? '',
      ActualObjectSize: String(size),
    },
    headers: request.quirks === 'ceph' ? {} : { 'Content-Range': `bytes */${size}` },
  })
}

function selectBytes(object: StoredObject, request: ObjectRequest): Selection {
  const isHonoured =
    request.twist?.kind !== 'ignore-range' &&
    ifRangeHolds(headerValue(request.headers, 'if-range'), object, request.quirks)
  const range = isHonoured ? headerValue(request.headers, 'range') : undefined
  return selectRange(range, object.bytes.size, request.quirks)
}

/** `partNumber=N` of an object that came in parts; any other object is one part. */
function selectPart(object: StoredObject, request: ObjectRequest): Span | S3Error | undefined {
  const asked = queryValue(request.query, 'partNumber')
  if (asked === undefined || request.quirks === 'ceph') return undefined
  const { size } = object.bytes
  const partBytes = object.partBytes ?? Math.max(size, 1)
  const first = (Number(asked) - 1) * partBytes
  if (!/^[1-9]\d{0,4}$/.test(asked) || first >= size) return createS3Error('InvalidPartNumber')
  const extra =
    object.partBytes === undefined
      ? {}
      : { 'x-amz-mp-parts-count': String(Math.ceil(size / partBytes)) }
  return { first, last: Math.min(first + partBytes, size) - 1, extra }
}

function labelOf(selection: Selection, object: StoredObject): Record<string, string> {
  if (selection.kind !== 'whole' || !selection.isLabelled) return {}
  return { 'Content-Range': `bytes 0-${object.bytes.size - 1}/${object.bytes.size}` }
}

function overridesOf(query: readonly Pair[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of query) {
    const header = overrides[name]
    if (header !== undefined) headers[header] = Buffer.from(value).toString('latin1')
  }
  return headers
}

function conditionsOf(headers: readonly Pair[]): Parameters<typeof evaluateConditions>[0] {
  return {
    ifMatch: headerValue(headers, 'if-match'),
    ifNoneMatch: headerValue(headers, 'if-none-match'),
    ifModifiedSince: headerValue(headers, 'if-modified-since'),
    ifUnmodifiedSince: headerValue(headers, 'if-unmodified-since'),
  }
}

function twisted(object: StoredObject, twist: Twist | undefined): StoredObject {
  if (twist?.kind !== 'etag') return object
  const etag = twist.etag ?? `"${md5(`other than ${object.etag}`)}"`
  return { ...object, etag, bytes: invertedBytes(object.bytes) }
}

/** A true Content-Range over bytes that nobody asked for: one further on, or one short. */
function shifted(span: Span, object: StoredObject, twist: Twist | undefined): Span {
  if (twist?.kind !== 'wrong-range') return span
  const last = Math.min(span.last + 1, object.bytes.size - 1)
  return span.first < last ? { first: span.first + 1, last } : { first: 0, last: span.last }
}
