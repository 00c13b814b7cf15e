// Config → Snapshot: everything that can be worked out before a request arrives is worked out
// here.

import { AddressSet } from '../primitives/cidr.ts'
import type { Holdings } from '../primitives/commons.ts'
import { namesIn } from '../primitives/template.ts'
import type { BucketConfig } from '../config/buckets.ts'
import type { JwtConfig } from '../config/jwt.ts'
import type { Config } from '../config/config.ts'
import { fingerprint } from '../config/transfer.ts'
import type { Emit } from '../exchange/event.ts'
import { RequestSlots } from '../exchange/slots.ts'
import { compileCors } from '../http/cors.ts'
import type { CorsPolicy } from '../http/cors.ts'
import { Access, Authenticator, compileTies, Policy } from '../access/access.ts'
import type { Tie } from '../access/access.ts'
import type { Cache, CachePolicy, FillMemory } from '../cache/cache.ts'
import { createTrail, Origin } from '../origin/origin.ts'
import type { OriginForesight } from '../origin/origin.ts'
import {
  Bandwidth,
  CachedOrigin,
  compileSite,
  ObjectIntake,
  shareListing,
  WrittenFields,
} from '../proxy/proxy.ts'
import type { Route, RouteRules, Snapshot, Website } from '../proxy/proxy.ts'
import { RouteTable } from '../routing/routing.ts'
import type { LiveLimits } from './limits.ts'
import type { Shared } from './shared.ts'
import { identityOf } from './store.ts'
import type { LiveStore } from './store.ts'
import { taggerFor } from './tags.ts'

export interface Compiled {
  readonly snapshot: Snapshot
  readonly origins: ReadonlyMap<string, Origin>
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
  /** What counts in all threads. */
  readonly shared: Shared
  /** Where what outlives a configuration is found again. */
  readonly store: LiveStore
  /** Of this one. */
  readonly holdings: Holdings
}

export function compile(options: CompileOptions): Compiled {
  const { config, cache, limits: rates, shared } = options
  const { limits, securityHeaders, trustedProxies } = config.server
  const common = commonHeaders(securityHeaders)
  const origins = new Map<string, Origin>()
  const routes = config.buckets.map((bucket) => {
    const origin = originOf(bucket, options)
    origins.set(bucket.name, origin)
    const askFor = askerFor(origin, bucket.hideForbidden)
    const foreseeOrigin = (): OriginForesight => origin.foresee()
    const policy = policyFor(bucket, options)
    const cached = cache && cachedOrigin(bucket, cache, askFor, options)
    return {
      prefix: bucket.pathPrefix,
      hosts: bucket.hosts,
      value: {
        ...rulesFor(bucket, common),
        access: new Access({
          ipFilter: bucket.ipFilter,
          signedUrls: bucket.signedUrls,
          ...tokensFor(bucket, config.jwt, (jwt) => authenticatorFor(jwt, options)),
          limits: rates?.of(bucket),
          policy,
        }),
        slots: slotsOf(bucket, options),
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
    slots: entranceOf(options),
    limits: { maxHeaderBytes: limits.maxHeaderBytes, maxUriLength: limits.maxUriLength },
    strayLimits: rates?.ofStrays(),
    trustedProxies: trustedProxies.length === 0 ? undefined : new AddressSet(trustedProxies),
    serverTiming: config.server.serverTiming,
    commonHeaders: common,
  }
  return { snapshot, origins }
}

function originOf(bucket: BucketConfig, options: CompileOptions): Origin {
  const { random, emit, shared, store, holdings } = options
  const { name, s3 } = bucket
  const tally = store.tallyOf(name)
  const { replicas } = store
  // The places outlive their limits, and a bucket that was away for a while.
  const places = shared.originSlotsOf(bucket)
  const room = roomOf(bucket, options)
  const common = { random, emit, tally, places, store: replicas, room }
  const key = originKey(bucket, options)
  const open = (): Origin => new Origin({ bucket: name, config: s3, ...common })
  return holdings.take(store.origins, key, open)
}

function originKey(bucket: BucketConfig, options: CompileOptions): string {
  const { shared, store } = options
  const lent = [shared.originSlotsOf(bucket), roomOf(bucket, options)]
  const numbers = lent.map((thing) => store.numberOf(thing))
  return fingerprint([bucket.name, bucket.s3, numbers, shared.replicaIdsOf(bucket)])
}

/** For bodies whose length is still to be found out. */
function roomOf({ cache }: BucketConfig, options: CompileOptions): FillMemory {
  const { fillMemory } = (cache.enabled ? options.cache : undefined) ?? {}
  return fillMemory ?? options.store.uncachedRoom
}

function policyFor(
  { name, authorization: config }: BucketConfig,
  { store, holdings, emit }: CompileOptions,
): Policy | undefined {
  const { policies, policyTally: tally } = store
  if (config === undefined) return undefined
  return holdings.take(
    policies,
    fingerprint([name, config]),
    () => new Policy({ bucket: name, config, tally, emit }),
  )
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
  { emit, store, holdings }: CompileOptions,
): Authenticator {
  return holdings.take(store.authenticators, identityOf(jwt), () => {
    const { refreshed, keySets } = store
    const authenticator = new Authenticator({ jwt, emit, refreshed, keySets })
    authenticator.start()
    return authenticator
  })
}

/** Where every request comes in. */
function entranceOf({ config, shared, store: { guard } }: CompileOptions): RequestSlots {
  const { maxConcurrentRequests: limit } = config.server
  return new RequestSlots({ count: shared.requests, limit, guard })
}

function slotsOf(
  { name: bucket, maxConcurrentRequests: limit }: BucketConfig,
  { shared, store: { guard } }: CompileOptions,
): Route['slots'] {
  if (limit === undefined) return undefined
  return new RequestSlots({ count: shared.requestsOf(bucket), limit, bucket, guard })
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
  options: CompileOptions,
): CachedOrigin | undefined {
  if (!bucket.cache.enabled) return undefined
  const { config, random, store, holdings } = options
  const { name, hideForbidden, cache: own } = bucket
  const { sliceBytes, fetchSpanBytes } = config.cache
  const checksTokens = bucket.auth.enabled || bucket.signedUrls.enabled
  const origin = originKey(bucket, options)
  const what = [origin, hideForbidden, own, checksTokens, sliceBytes, fetchSpanBytes]
  // With what is under way in it: nobody asks twice because of a change that is none here.
  return holdings.take(store.cached, fingerprint(what), () => {
    const policy: CachePolicy = { ...own, honourRequestDirectives: true }
    const identity = { bucket: name, origin: originIdentity(bucket) }
    const route = cache.forRoute(identity, config.cache)
    const tagsOf = taggerFor(own.tags)
    const intake = new ObjectIntake({ cache: route, policy, checksTokens, tagsOf, random, askFor })
    return new CachedOrigin({ cache: route, policy, intake, askFor, createTrail })
  })
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
    written: new WrittenFields(),
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
