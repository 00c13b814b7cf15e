// A replica's successful answer read as facts: the object's head and which of its bytes follow.
// Nothing is believed that does not fit what was asked (a 206 for other bytes, a 200 that carries
// a Content-Range), because a body spliced from wrong bytes is worse than none.

import { isValidHeaderValue } from '../http/headers.ts'
import type { ByteRange, RangeSpec } from '../http/range.ts'
import { parseContentRange } from '../http/range.ts'
import type { CachingFields, ObjectHead } from '../exchange/object-head.ts'
import { OriginFailure } from './failure.ts'
import type { AnswerHeaders } from './transport.ts'

export interface ObjectFacts {
  readonly head: ObjectHead
  readonly first: number
  /** Inclusive; -1 for an empty object; undefined where the size is unknown. */
  readonly last: number | undefined
}

/** What a client may see besides the fields that have a place of their own. */
const PASSED_FIELDS: readonly (readonly [string, string])[] = [
  ['content-encoding', 'Content-Encoding'],
  ['content-language', 'Content-Language'],
  ['content-disposition', 'Content-Disposition'],
  ['cache-control', 'Cache-Control'],
  ['expires', 'Expires'],
]

export interface AskedBytes {
  readonly range: RangeSpec | undefined
  /** A part number makes S3 choose the range. */
  readonly isPart: boolean
}

export function readObjectAnswer(
  status: number,
  headers: AnswerHeaders,
  asked: AskedBytes,
): ObjectFacts {
  const length = wholeNumber(single(headers['content-length']))
  if (status !== 206) {
    refuseMislabelled(single(headers['content-range']), length)
    const head = readHead(headers, length)
    return { head, first: 0, last: length === undefined ? undefined : length - 1 }
  }
  const covered = coveredRange(single(headers['content-range']))
  const fits = asked.isPart || (asked.range !== undefined && covers(covered, asked.range))
  const isWhole = length === undefined || length === covered.last - covered.first + 1
  if (!fits || !isWhole) throw new OriginFailure('protocol', 'a 206 for other bytes than asked')
  return { head: readHead(headers, covered.size), first: covered.first, last: covered.last }
}

/** Some servers label the whole as a range, which is no harm; a range that poses as the whole is. */
function refuseMislabelled(label: string | undefined, length: number | undefined): void {
  const range = label === undefined ? undefined : parseContentRange(label)
  if (range === undefined || 'unsatisfiedSize' in range || length === undefined) return
  if (range.size !== undefined && range.size !== length) {
    throw new OriginFailure('protocol', 'a 200 that carries a part of the object')
  }
}

interface Covered extends ByteRange {
  readonly size: number
}

function coveredRange(header: string | undefined): Covered {
  const range = parseContentRange(header)
  if (range === undefined || 'unsatisfiedSize' in range || range.size === undefined) {
    throw new OriginFailure('protocol', 'a 206 without a Content-Range that tells the size')
  }
  return { first: range.first, last: range.last, size: range.size }
}

function covers(covered: Covered, asked: RangeSpec): boolean {
  const end = covered.size - 1
  switch (asked.kind) {
    case 'bounded':
      return covered.first === asked.first && covered.last === Math.min(asked.last, end)
    case 'open':
      return covered.first === asked.first && covered.last === end
    case 'suffix':
      return covered.first === Math.max(0, covered.size - asked.length) && covered.last === end
  }
}

export function readHead(headers: AnswerHeaders, size: number | undefined): ObjectHead {
  const fields: string[] = []
  for (const [name, sentName] of PASSED_FIELDS) {
    const value = single(headers[name])
    if (value !== undefined) fields.push(sentName, value)
  }
  const { metadata, checksums } = amazonsOwn(headers)
  return {
    size,
    etag: single(headers['etag']),
    lastModified: single(headers['last-modified']),
    contentType: single(headers['content-type']),
    fields,
    metadata,
    checksums,
    versionId: single(headers['x-amz-version-id']),
    caching: readCaching(headers),
    redirectLocation: single(headers['x-amz-website-redirect-location']),
  }
}

export function readCaching(headers: AnswerHeaders): CachingFields {
  return {
    cacheControl: single(headers['cache-control']),
    cdnCacheControl: single(headers['cdn-cache-control']),
    pragma: single(headers['pragma']),
    expires: single(headers['expires']),
    date: single(headers['date']),
    age: single(headers['age']),
    vary: single(headers['vary']),
    hasSetCookie: headers['set-cookie'] !== undefined,
  }
}

function amazonsOwn(headers: AnswerHeaders): Pick<ObjectHead, 'metadata' | 'checksums'> {
  const metadata: string[] = []
  const checksums: string[] = []
  for (const name in headers) {
    if (!name.startsWith('x-amz-')) continue
    const value = single(headers[name])
    if (value === undefined) continue
    if (name.startsWith('x-amz-meta-')) metadata.push(name, value)
    else if (name.startsWith('x-amz-checksum-')) checksums.push(name, value)
  }
  return { metadata, checksums }
}

/** What could not be sent on was never said. */
function single(value: string | string[] | undefined): string | undefined {
  if (value === undefined) return undefined
  const text = Array.isArray(value) ? value.join(', ') : value
  return isValidHeaderValue(text) ? text : undefined
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined
}
