// Config → Snapshot: everything that can be worked out before a request arrives is worked out
// here.

import { AddressSet } from '../primitives/cidr.ts'
import { namesIn } from '../primitives/template.ts'
import type { BucketConfig } from '../config/buckets.ts'
import type { JwtConfig } from '../config/jwt.ts'
import type { Config } from '../config/config.ts'
import type { Emit } from '../exchange/event.ts'
import { RequestSlots } from '../exchange/slots.ts'
import { compileCors } from '../http/cors.ts'
import type { CorsPolicy } from '../http/cors.ts'
import { Access, Authenticator, compileTies, Policy } from '../access/access.ts'
import type { PolicyTally, Refreshed, Tie } from '../access/access.ts'
import type { Cache, CachePolicy } from '../cache/cache.ts'
import { createTrail, Origin } from '../origin/origin.ts'
import type { OriginForesight, OriginTally } from '../origin/origin.ts'
import { Bandwidth, CachedOrigin, compileSite, ObjectIntake, shareListing } from '../proxy/proxy.ts'
import type { Route, RouteRules, Snapshot, Website } from '../proxy/proxy.ts'
import { RouteTable } from '../routing/routing.ts'
import type { LiveLimits } from './limits.ts'
import type { Shared } from './shared.ts'
import { taggerFor } from './tags.ts'

export interface Compiled {
  readonly snapshot: Snapshot
  readonly origins: ReadonlyMap<string, Origin>
  /** Those that verify tokens; their keys may have to be had. */
  readonly authenticators: readonly Authenticator[]
  /** Those that are asked; they have connections. */
  readonly policies: readonly Policy[]
}

export interface CompileOptions {
  readonly config: Config
  /** Undefined: nothing is cached. */
  readonly cache: Cache | undefined
  /** A number in [0, 1). */
  readonly random: () => number
  readonly emit: Emit
  /** Undefined: there are none. */
  readonly limits: LiveLimits | undefined
  /** Where what becomes of a bucket's questions is counted. */
  readonly tallyOf: (bucket: string) => OriginTally
  /** Where what policies decide is counted. */
  readonly policyTally: PolicyTally
  /** What counts in all threads. */
  readonly shared: Shared
  /** Told what came of each time an issuer was asked for its keys. */
  readonly refreshed?: (outcome: Refreshed) => void
}

export function compile(options: CompileOptions): Compiled {
  const { config, cache, random, emit, limits: rates, tallyOf, shared } = options
  const { limits, securityHeaders, trustedProxies, maxConcurrentRequests } = config.server
  const common = commonHeaders(securityHeaders)
  const origins = new Map<string, Origin>()
  const authenticators = new Map<JwtConfig, Authenticator>()
  const policies: Policy[] = []
  const routes = config.buckets.map((bucket) => {
    const { name, s3 } = bucket
    const tally = tallyOf(name)
    const places = shared.originSlotsOf(bucket)
    const origin = new Origin({ bucket: name, config: s3, random, emit, tally, places })
    origins.set(bucket.name, origin)
    const askFor = askerFor(origin, bucket.hideForbidden)
    const foreseeOrigin = (): OriginForesight => origin.foresee()
    const policy = policyFor(bucket, options)
    if (policy !== undefined) policies.push(policy)
    const cached = cache && cachedOrigin(bucket, cache, askFor, random)
    return {
      prefix: bucket.pathPrefix,
      hosts: bucket.hosts,
      value: {
        ...rulesFor(bucket, common),
        access: new Access({
          ipFilter: bucket.ipFilter,
          signedUrls: bucket.signedUrls,
          ...tokensFor(bucket, config.jwt, (jwt) => authenticatorFor(jwt, authenticators, options)),
          limits: rates?.of(bucket),
          policy,
        }),
        slots: slotsOf(bucket, shared),
        askFor,
        foreseeOrigin,
        list: shareListing(listerOf(origin)),
        cached,
      },
    }
  })
  const snapshot: Snapshot = {
    routes: new RouteTable(routes),
    byBucket: new Map(routes.map(({ value }) => [value.bucket, value])),
    cors: corsByBucket(config.buckets),
    bandwidth: bandwidthByBucket(config.buckets, shared),
    slots: new RequestSlots(shared.requests, maxConcurrentRequests, 'the server'),
    limits: { maxHeaderBytes: limits.maxHeaderBytes, maxUriLength: limits.maxUriLength },
    strayLimits: rates?.ofStrays(),
    trustedProxies: trustedProxies.length === 0 ? undefined : new AddressSet(trustedProxies),
    serverTiming: config.server.serverTiming,
    commonHeaders: common,
  }
  return { snapshot, origins, authenticators: [...authenticators.values()], policies }
}

function policyFor(
  { name, authorization: config }: BucketConfig,
  { policyTally: tally, emit }: CompileOptions,
): Policy | undefined {
  return config && new Policy({ bucket: name, config, tally, emit })
}

/** Who may say who they are, and what that must have to do with the path. */
function tokensFor(
  { auth, pathPrefix }: BucketConfig,
  shared: JwtConfig | undefined,
  authenticatorOf: (jwt: JwtConfig) => Authenticator,
): { readonly authenticator: Authenticator | undefined; readonly tie: Tie | undefined } {
  if (!auth.enabled) return { authenticator: undefined, tie: undefined }
  const jwt = auth.jwt ?? shared
  // The configuration was refused where there is none.
  if (jwt === undefined) throw new Error('a bucket asks for tokens that nothing verifies')
  return { authenticator: authenticatorOf(jwt), tie: compileTies(jwt.claims, namesIn(pathPrefix)) }
}

/** Buckets of one section have their keys, and what they remember, in common. */
function authenticatorFor(
  jwt: JwtConfig,
  known: Map<JwtConfig, Authenticator>,
  { emit, refreshed }: CompileOptions,
): Authenticator {
  const authenticator = known.get(jwt) ?? new Authenticator({ jwt, emit, refreshed })
  known.set(jwt, authenticator)
  return authenticator
}

function slotsOf(
  { name, maxConcurrentRequests: most }: BucketConfig,
  shared: Shared,
): Route['slots'] {
  if (most === undefined) return undefined
  return new RequestSlots(shared.requestsOf(name), most, `the bucket ${name}`)
}

function bandwidthByBucket(
  buckets: readonly BucketConfig[],
  { paces }: Shared,
): Snapshot['bandwidth'] {
  const bandwidths = new Map<string, Bandwidth>()
  for (const { name: bucket, bandwidth } of buckets) {
    if (bandwidth !== undefined)
      bandwidths.set(bucket, new Bandwidth({ bucket, ...bandwidth, paces }))
  }
  return bandwidths
}

function corsByBucket(buckets: readonly BucketConfig[]): Snapshot['cors'] {
  const policies = new Map<string, CorsPolicy>()
  for (const { name, cors } of buckets) {
    if (cors !== undefined) policies.set(name, compileCors(cors))
  }
  return policies
}

function askerFor(origin: Origin, hideForbidden: boolean): Route['askFor'] {
  if (!hideForbidden)
    return (signal, trail) => (question) => origin.ask(question, { signal, trail })
  return (signal, trail) => async (question) => {
    const answer = await origin.ask(question, { signal, trail })
    return answer.kind === 'forbidden' ? { kind: 'not-found' } : answer
  }
}

function listerOf(origin: Origin): Route['list'] {
  return (question, context) => origin.list(question, context)
}

function cachedOrigin(
  bucket: BucketConfig,
  cache: Cache,
  askFor: Route['askFor'],
  random: () => number,
): CachedOrigin | undefined {
  if (!bucket.cache.enabled) return undefined
  const policy: CachePolicy = { ...bucket.cache, honourRequestDirectives: true }
  const route = cache.forRoute({ bucket: bucket.name, origin: originIdentity(bucket) })
  const tagsOf = taggerFor(bucket.cache.tags)
  const checksTokens = bucket.auth.enabled || bucket.signedUrls.enabled
  const intake = new ObjectIntake({ cache: route, policy, checksTokens, tagsOf, random, askFor })
  return new CachedOrigin({ cache: route, policy, intake, askFor, createTrail })
}

/** Where a bucket's objects come from: entries of one place are not those of another. */
function originIdentity({ s3 }: BucketConfig): string {
  const places = s3.replicas.map(({ endpoint, region, bucket, keyPrefix }) =>
    JSON.stringify([endpoint ?? region, bucket, keyPrefix]),
  )
  return places.toSorted().join('\n')
}

function rulesFor(bucket: BucketConfig, common: readonly string[]): RouteRules {
  const { set, remove } = bucket.responseHeaders
  const owned = new Set([...Object.keys(set), ...remove].map((name) => name.toLowerCase()))
  return {
    bucket: bucket.name,
    pathPrefix: bucket.pathPrefix,
    siteOf: compileSite(bucket.pathPrefix, bucket.s3.keyTemplate),
    takesSignatures: bucket.signedUrls.enabled,
    allowVersions: bucket.allowVersions,
    hideForbidden: bucket.hideForbidden,
    metadataHeaders: bucket.metadataHeaders,
    setHeaders: Object.entries(set).flat(),
    ownedHeaders: owned,
    commonHeaders: without(common, owned),
    varyBy: varyBy(bucket.cache),
    website: websiteFor(bucket),
    listing: bucket.listing,
  }
}

function varyBy({ enabled, vary }: BucketConfig['cache']): string | undefined {
  return enabled && vary.length > 0 ? vary.join(', ') : undefined
}

function websiteFor({ indexDocument, redirectSlash, errorDocument, spa }: BucketConfig): Website {
  const isPlain = indexDocument === undefined && errorDocument.size === 0
  return { isPlain, indexDocument, redirectSlash, errorDocuments: errorDocument, spa }
}

function commonHeaders(securityHeaders: boolean): readonly string[] {
  const headers = ['Accept-Ranges', 'bytes']
  return securityHeaders ? [...headers, 'X-Content-Type-Options', 'nosniff'] : headers
}

function without(headers: readonly string[], lowerNames: ReadonlySet<string>): readonly string[] {
  return headers.filter((_, index) => !lowerNames.has(headers[index & ~1]?.toLowerCase() ?? ''))
}
