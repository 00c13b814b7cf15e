// What is served under a path prefix (and host), and how its answers look.

import { isIP } from 'node:net'

import type { CorsRules } from '../http/cors.ts'
import { parseHost } from '../http/host.ts'
import { authSchema, printAuth, toAuth } from './auth.ts'
import type { AuthConfig } from './auth.ts'
import { authorizationSchema, printAuthorization, toAuthorization } from './authorization.ts'
import type { AuthorizationConfig } from './authorization.ts'
import { bandwidthSchema, printBandwidth, toBandwidth } from './bandwidth.ts'
import type { BandwidthConfig } from './bandwidth.ts'
import { bucketCacheSchema, printBucketCache, toBucketCache } from './bucket-cache.ts'
import type { BucketCacheConfig } from './bucket-cache.ts'
import { corsIsSaidOnce, corsSchema, printCors, toCors } from './cors.ts'
import { choice, field, flag, integer, isPrintable, text, textOf } from './fields.ts'
import { ipFilterSchema, printIpFilter } from './ip-filter.ts'
import type { IpFilterConfig } from './ip-filter.ts'
import { claimsOverlap } from './overlap.ts'
import { bucketLimits, printRateLimit, rateLimitSchema } from './rate-limit.ts'
import type { RateLimitConfig } from './rate-limit.ts'
import { responseHeadersSchema } from './response-headers.ts'
import type { ResponseHeadersConfig } from './response-headers.ts'
import { printS3, s3Schema, toS3 } from './s3.ts'
import type { S3Config } from './s3.ts'
import { sameAs, section } from './section.ts'
import { printSignedUrls, signedUrlsSchema, toSignedUrls } from './signed-urls.ts'
import type { SignedUrlsConfig } from './signed-urls.ts'
import { hasSoundNames, keysFitTheirPrefix } from './templates.ts'
import type { Loose, RuleProblem } from './section.ts'
import { isMapping } from './tree.ts'
import { z } from './zod.ts'

export type { BucketCacheConfig } from './bucket-cache.ts'

/** How names are told where a directory is asked for. */
export const LISTINGS = ['off', 'html', 'json', 's3'] as const

export interface BucketConfig {
  readonly name: string
  /** '/', '/a/b' or '/a/{name}': never a trailing slash. */
  readonly pathPrefix: string
  /** Lower case; '*.' in front means every host below. Empty: every host. */
  readonly hosts: readonly string[]
  readonly s3: S3Config
  readonly ipFilter: IpFilterConfig
  readonly rateLimit: readonly RateLimitConfig[]
  readonly cors: CorsRules | undefined
  /** Undefined: as many as the server takes. */
  readonly maxConcurrentRequests: number | undefined
  /** Undefined: as fast as it goes. */
  readonly bandwidth: BandwidthConfig | undefined
  readonly auth: AuthConfig
  /** Undefined: no policy is asked. */
  readonly authorization: AuthorizationConfig | undefined
  readonly signedUrls: SignedUrlsConfig
  readonly cache: BucketCacheConfig
  readonly responseHeaders: ResponseHeadersConfig
  readonly metadataHeaders: boolean
  readonly hideForbidden: boolean
  readonly allowVersions: boolean
  readonly indexDocument: string | undefined
  readonly redirectSlash: boolean
  readonly errorDocument: ReadonlyMap<number, string>
  readonly spa: boolean
  readonly listing: (typeof LISTINGS)[number]
}

const pathPrefix = field({
  wanted:
    'a path such as /images: it begins with "/", has no "//", "." or ".." segment, "%", "?" or "#"',
  json: { type: 'string' },
  read: (input) => parsePathPrefix(textOf(input)),
  hintFor: (input) => {
    const path = textOf(input) ?? ''
    if (path.includes('%'))
      return 'write the characters themselves: prefixes match the decoded path'
    if (!hasSoundNames(path)) return 'a name in braces is a whole segment, and there once'
    return /^[\w-]/.test(path) ? `write /${path}` : undefined
  },
})

function parsePathPrefix(path: string | undefined): string | undefined {
  if (path === undefined || !path.startsWith('/') || !isPrintable(path)) return undefined
  if (/[%?#]|\/\/|\/\.{1,2}(\/|$)/.test(path)) return undefined
  if (!hasSoundNames(path)) return undefined
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

const host = field({
  wanted: 'a host name such as cdn.example.com or *.example.com, without a port',
  json: { type: 'string' },
  read: (input) => {
    const name = textOf(input)?.toLowerCase()
    return name !== undefined && isHostPattern(name) ? name : undefined
  },
  hintFor: (input) =>
    /[^\0-\x7f]/.test(textOf(input) ?? '') ? 'write the name in its xn-- form' : undefined,
})

// The part after '*.' must be in the spelling that requests are compared by.
function isHostPattern(name: string): boolean {
  const host = name.replace(/^\*\./, '')
  return parseHost(host) === host && !(host !== name && isIP(host) !== 0)
}

const documentKey = text({
  wanted: 'the key of an object, without a leading "/"',
  test: (key) => key !== '' && !key.startsWith('/') && Buffer.byteLength(key) <= 1024,
})

export const bucketSchema = section(
  {
    name: text({ wanted: 'a name of letters, digits, "-", "_" and "."', test: /^[\w.-]{1,64}$/ }),
    path_prefix: pathPrefix,
    hosts: z.array(host).min(1).optional(),
    s3: s3Schema,
    ip_filter: ipFilterSchema.prefault({}),
    rate_limit: sameAs(z.array(rateLimitSchema).prefault([]), 'rate_limiting.limits[]'),
    cors: corsSchema.optional(),
    max_concurrent_requests: integer(1, 1_000_000).optional(),
    bandwidth: bandwidthSchema.optional(),
    auth: authSchema.optional(),
    authorization: authorizationSchema.optional(),
    signed_urls: signedUrlsSchema.optional(),
    cache: bucketCacheSchema.prefault({}),
    response_headers: responseHeadersSchema.prefault({}),
    metadata_headers: flag().prefault(true),
    hide_forbidden: flag().prefault(false),
    allow_versions: flag().prefault(false),
    index_document: text({
      wanted: 'a file name such as index.html, without "/"',
      test: (name) => /^[^/]+$/.test(name) && name !== '.' && name !== '..',
    }).optional(),
    redirect_slash: flag().prefault(true),
    error_document: z.record(z.string(), documentKey).prefault({}),
    spa: flag().prefault(false),
    listing: choice(LISTINGS).prefault('off'),
  },
  spaHasAnIndex,
  errorStatuses,
  corsIsSaidOnce,
  keysFitTheirPrefix,
)

export type BucketSettings = z.output<typeof bucketSchema>

function spaHasAnIndex({ spa, index_document: index }: Loose): RuleProblem[] {
  if (spa !== true || index !== undefined) return []
  const message = 'needs index_document: it is what navigation falls back to'
  return [{ path: ['spa'], message, hint: 'add index_document: index.html' }]
}

function errorStatuses({ error_document: documents }: Loose): RuleProblem[] {
  return Object.keys(isMapping(documents) ? documents : {})
    .filter((status) => !/^[45]\d\d$/.test(status))
    .map((status) => ({
      path: ['error_document', status],
      message: 'is not an error status; wanted a number from 400 to 599',
    }))
}

/** Rules between buckets; the paths begin at the list. */
export function bucketsRule(buckets: unknown): RuleProblem[] {
  const list: readonly unknown[] = Array.isArray(buckets) ? buckets : []
  const claims = list.map(claimOf)
  return claims.flatMap((claim, index) =>
    claims.slice(0, index).flatMap((earlier, other) => pairProblems(claim, index, earlier, other)),
  )
}

interface LooseClaim {
  readonly name: unknown
  readonly pathPrefix: unknown
  readonly hosts: readonly string[]
}

function claimOf(bucket: unknown): LooseClaim {
  const { name, path_prefix, hosts }: Loose = isMapping(bucket) ? bucket : {}
  const list: readonly unknown[] = Array.isArray(hosts) ? hosts : []
  return {
    name,
    pathPrefix: path_prefix,
    hosts: list.filter((host) => typeof host === 'string'),
  }
}

function pairProblems(
  claim: LooseClaim,
  index: number,
  earlier: LooseClaim,
  other: number,
): RuleProblem[] {
  const problems: RuleProblem[] = []
  if (typeof claim.name === 'string' && claim.name === earlier.name) {
    const message = `is "${claim.name}", the name of buckets[${other}] too`
    problems.push({ path: [index, 'name'], message })
  }
  const { pathPrefix } = claim
  if (typeof pathPrefix !== 'string' || typeof earlier.pathPrefix !== 'string') return problems
  if (claimsOverlap({ ...claim, pathPrefix }, { ...earlier, pathPrefix: earlier.pathPrefix })) {
    const message = `${pathPrefix} is the prefix of buckets[${other}] too, for the same hosts`
    problems.push({ path: [index, 'path_prefix'], message, hint: 'give each its own hosts' })
  }
  return problems
}

export interface BucketSurroundings {
  /** How long objects are fresh where neither they nor the bucket say it. */
  readonly cacheTtlMs: number | undefined
  /** Where relative paths start. */
  readonly folder: string
}

export function toBucket(
  settings: BucketSettings,
  { cacheTtlMs, folder }: BucketSurroundings,
): BucketConfig {
  return {
    name: settings.name,
    pathPrefix: settings.path_prefix,
    hosts: settings.hosts ?? [],
    s3: toS3(settings.s3),
    ipFilter: settings.ip_filter,
    rateLimit: bucketLimits(settings.s3.rate_limit, settings.rate_limit),
    cors: toCors(settings.cors),
    maxConcurrentRequests: settings.max_concurrent_requests,
    bandwidth: toBandwidth(settings.bandwidth),
    auth: toAuth(settings.auth, folder),
    authorization: toAuthorization(settings.authorization),
    signedUrls: toSignedUrls(settings.signed_urls),
    cache: toBucketCache(settings.cache, cacheTtlMs),
    responseHeaders: settings.response_headers,
    metadataHeaders: settings.metadata_headers,
    hideForbidden: settings.hide_forbidden,
    allowVersions: settings.allow_versions,
    indexDocument: settings.index_document,
    redirectSlash: settings.redirect_slash,
    errorDocument: new Map(
      Object.entries(settings.error_document).map(([status, key]) => [Number(status), key]),
    ),
    spa: settings.spa,
    listing: settings.listing,
  }
}

export function printBucket(bucket: BucketConfig): object {
  const { indexDocument: index, authorization, bandwidth } = bucket
  const { maxConcurrentRequests: most } = bucket
  return {
    name: bucket.name,
    path_prefix: bucket.pathPrefix,
    ...(bucket.hosts.length === 0 ? {} : { hosts: bucket.hosts }),
    s3: printS3(bucket.s3),
    ip_filter: printIpFilter(bucket.ipFilter),
    rate_limit: bucket.rateLimit.map(printRateLimit),
    ...(bucket.cors === undefined ? {} : { cors: printCors(bucket.cors) }),
    ...(most === undefined ? {} : { max_concurrent_requests: most }),
    ...(bandwidth === undefined ? {} : { bandwidth: printBandwidth(bandwidth) }),
    auth: printAuth(bucket.auth),
    ...(authorization && { authorization: printAuthorization(authorization) }),
    signed_urls: printSignedUrls(bucket.signedUrls),
    cache: printBucketCache(bucket.cache),
    response_headers: bucket.responseHeaders,
    metadata_headers: bucket.metadataHeaders,
    hide_forbidden: bucket.hideForbidden,
    allow_versions: bucket.allowVersions,
    ...(index === undefined ? {} : { index_document: index }),
    redirect_slash: bucket.redirectSlash,
    error_document: Object.fromEntries(bucket.errorDocument),
    spa: bucket.spa,
    listing: bucket.listing,
  }
}
