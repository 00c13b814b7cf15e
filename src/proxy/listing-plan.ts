// Whether a request asks for names instead of bytes, and for which: in paths of directories, or in the
// words of S3. Whoever asks in S3's words names the directory in the query, so access is asked about the
// path of that directory, and never about the path the query hangs on.

import type { ListingScope } from '../access/access.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Request } from '../exchange/request.ts'
import { prefersJson } from '../http/accept.ts'
import { isDotSegment } from '../http/path.ts'
import { decodeFormPercent } from '../http/percent.ts'
import { queryParameter, queryParameters } from '../http/query.ts'
import type { Match } from '../routing/routing.ts'
import { readPageToken } from './listing-token.ts'
import { isS3Client } from './refuse.ts'
import type { RouteRules } from './snapshot.ts'

/** What S3's clients are told beside the names. */
export interface S3Listing {
  readonly version: 1 | 2
  readonly isUrlEncoded: boolean
  /** As they were given. */
  readonly token: string | undefined
  readonly startAfter: string | undefined
  readonly marker: string
}

export interface ListingPlan {
  /** `bucket` and `location`: whether there is a bucket, and where, which asks nobody. */
  readonly form: 'html' | 'json' | 's3' | 'bucket' | 'location'
  /** The path of the bucket's root, decoded, with a slash at its end. */
  readonly root: string
  /** What names begin with, below the root. */
  readonly prefix: string
  /** The part of the prefix that is a directory: '' or with a slash at its end. */
  readonly directory: string
  /** '' for none. */
  readonly delimiter: string
  readonly startAfter: string | undefined
  readonly maxKeys: number
  /** What access is asked about. */
  readonly visited: Request
  readonly scope: ListingScope
  /** An index document goes before it. */
  readonly isFallback: boolean
  /** Of `s3` alone. */
  readonly s3: S3Listing | undefined
}

const MOST_KEYS = 1000
const MOST_TEXT_BYTES = 1024

/** Undefined where it asks for an object. Throws the refusal of what is asked for wrongly. */
export function planListing(match: Match<RouteRules>, request: Request): ListingPlan | undefined {
  const { listing, website } = match.value
  switch (listing) {
    case 'off':
      return undefined
    case 's3':
      return match.rest === '' && isForS3(request, website) ? s3Plan(match, request) : undefined
    case 'html':
    case 'json':
      if (match.rest !== '' && !match.rest.endsWith('/')) return undefined
      return directoryPlan(listing, match, request)
  }
}

function directoryPlan(
  listing: 'html' | 'json',
  { rest, value: { website } }: Match<RouteRules>,
  request: Request,
): ListingPlan {
  const { query, headers } = request
  requireReadable(query)
  const token = parameter(query, 'continuation-token')
  return {
    form: listing === 'html' && !prefersJson(headers.accept) ? 'html' : 'json',
    root: rootOf(rest, request),
    prefix: rest,
    directory: rest,
    delimiter: '/',
    startAfter: token === undefined ? undefined : readPageToken(token),
    maxKeys: maxKeysOf(query),
    visited: request,
    scope: { prefix: rest, isDeep: false },
    isFallback: website.indexDocument !== undefined,
    s3: undefined,
  }
}

function s3Plan({ rest }: Match<RouteRules>, request: Request): ListingPlan {
  const { query, method } = request
  requireReadable(query)
  const form = s3FormOf(query, method)
  const isListing = form === 's3'
  const prefix = (isListing && parameter(query, 'prefix')) || ''
  const delimiter = isListing ? (parameter(query, 'delimiter') ?? '') : '/'
  const directory = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  if (directory.split('/').some(isDotSegment)) {
    throw new Refusal('invalid_path', { cause: 'dot segment in the prefix' })
  }
  const root = rootOf(rest, request)
  const s3 = s3ListingOf(query)
  return {
    form,
    root,
    prefix,
    directory,
    delimiter,
    startAfter: beginningOf(s3, prefix, delimiter),
    maxKeys: maxKeysOf(query),
    visited: { ...request, path: root + directory },
    // Another delimiter cuts elsewhere than at directories, and tells what lies in several.
    scope: { prefix, isDeep: delimiter !== '/' },
    isFallback: false,
    s3,
  }
}

/** What a listing is asked by, and what S3 has besides, which is not to be had here. */
const LISTED_BY = ['list-type', 'prefix', 'delimiter', 'marker', 'start-after', 'max-keys']
LISTED_BY.push('continuation-token', 'encoding-type', 'fetch-owner', 'location')
const NOT_HERE = ['acl', 'accelerate', 'analytics', 'cors', 'encryption', 'inventory', 'lifecycle']
NOT_HERE.push('intelligent-tiering', 'logging', 'metrics', 'notification', 'object-lock')
NOT_HERE.push('ownershipControls', 'policy', 'policyStatus', 'publicAccessBlock', 'replication')
NOT_HERE.push(
  'requestPayment',
  'session',
  'tagging',
  'uploads',
  'versioning',
  'versions',
  'website',
)
const LISTING_NAMES: ReadonlySet<string> = new Set(LISTED_BY)
const OTHER_NAMES: ReadonlySet<string> = new Set(NOT_HERE)

/** A bucket with an index document has one for whoever does not ask in the words of S3. */
function isForS3({ query, headers }: Request, { indexDocument }: RouteRules['website']): boolean {
  if (indexDocument === undefined || isS3Client(headers, query)) return true
  return queryParameters(query).some(([name]) => LISTING_NAMES.has(name) || OTHER_NAMES.has(name))
}

function s3FormOf(query: string, method: Request['method']): ListingPlan['form'] {
  const names = queryParameters(query).map(([name]) => name)
  if (names.some((name) => OTHER_NAMES.has(name))) {
    throw invalid('Of a bucket only its listing and its location are to be had.')
  }
  if (method === 'HEAD') return 'bucket'
  return names.includes('location') ? 'location' : 's3'
}

function s3ListingOf(query: string): S3Listing {
  const type = parameter(query, 'list-type')
  if (type !== undefined && type !== '2') throw invalid('The list-type is 2, or left out.')
  const encoding = parameter(query, 'encoding-type')
  if (encoding !== undefined && encoding !== 'url') throw invalid('The encoding-type is url.')
  return {
    version: type === '2' ? 2 : 1,
    isUrlEncoded: encoding === 'url',
    token: type === '2' ? parameter(query, 'continuation-token') : undefined,
    startAfter: type === '2' ? parameter(query, 'start-after') : undefined,
    marker: (type === '2' ? undefined : parameter(query, 'marker')) ?? '',
  }
}

function beginningOf(
  { version, token, startAfter, marker }: S3Listing,
  prefix: string,
  delimiter: string,
): string | undefined {
  if (token !== undefined) return readPageToken(token)
  const after = (version === 2 ? startAfter : marker) ?? ''
  // A group that was the last is not told again by the old version of the API. What makes a group
  // stands behind the prefix: a key may end so, too, as that of a directory's own object does.
  const behindPrefix = after.slice(prefix.length)
  const isGroup = version === 1 && delimiter !== '' && behindPrefix.endsWith(delimiter)
  if (after === '') return undefined
  return isGroup ? behindGroup(after) : after
}

/** No key that begins with the group comes after it. */
export function behindGroup(group: string): string {
  return `${group}\u{10ffff}`
}

/** Of the path that has led here, decoded. */
function rootOf(rest: string, { path }: Request): string {
  const root = path.slice(0, path.length - rest.length)
  return root.endsWith('/') ? root : `${root}/`
}

function maxKeysOf(query: string): number {
  const maxKeys = parameter(query, 'max-keys')
  if (maxKeys === undefined || maxKeys === '') return MOST_KEYS
  if (!/^\d{1,9}$/.test(maxKeys)) throw invalid('The max-keys are a whole number.')
  return Math.min(Number(maxKeys), MOST_KEYS)
}

function requireReadable(query: string): void {
  if (decodeFormPercent(query) === undefined) throw invalid('The query is not text.')
}

function parameter(query: string, name: string): string | undefined {
  const value = queryParameter(query, name)
  if (value === undefined) return undefined
  if (Buffer.byteLength(value) > MOST_TEXT_BYTES * 2 || value.includes('\0')) {
    throw invalid(`The ${name} cannot be that of a listing.`)
  }
  return value
}

function invalid(message: string): Refusal {
  return new Refusal('invalid_request', { message })
}
