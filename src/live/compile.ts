// Config → Snapshot: everything that can be worked out before a request arrives is worked out
// here.

import type { BucketConfig } from '../config/buckets.ts'
import type { Config } from '../config/config.ts'
import type { Emit } from '../exchange/event.ts'
import { Origin } from '../origin/origin.ts'
import type { Route, Snapshot, Website } from '../proxy/proxy.ts'
import { RouteTable } from '../routing/routing.ts'

export interface Compiled {
  readonly snapshot: Snapshot
  readonly origins: ReadonlyMap<string, Origin>
}

/** `random` gives a number in [0, 1). */
export function compile(config: Config, random: () => number, emit: Emit): Compiled {
  const { limits, securityHeaders } = config.server
  const common = commonHeaders(securityHeaders)
  const origins = new Map<string, Origin>()
  const routes = config.buckets.map((bucket) => {
    const origin = new Origin({ bucket: bucket.name, config: bucket.s3, random, emit })
    origins.set(bucket.name, origin)
    return {
      prefix: bucket.pathPrefix,
      hosts: bucket.hosts,
      value: routeFor(bucket, origin, common),
    }
  })
  const snapshot: Snapshot = {
    routes: new RouteTable(routes),
    limits: { maxHeaderBytes: limits.maxHeaderBytes, maxUriLength: limits.maxUriLength },
    commonHeaders: common,
  }
  return { snapshot, origins }
}

function routeFor(bucket: BucketConfig, origin: Origin, common: readonly string[]): Route {
  const { set, remove } = bucket.responseHeaders
  const owned = new Set([...Object.keys(set), ...remove].map((name) => name.toLowerCase()))
  return {
    bucket: bucket.name,
    pathPrefix: bucket.pathPrefix,
    origin,
    allowVersions: bucket.allowVersions,
    hideForbidden: bucket.hideForbidden,
    metadataHeaders: bucket.metadataHeaders,
    setHeaders: Object.entries(set).flat(),
    ownedHeaders: owned,
    commonHeaders: without(common, owned),
    website: websiteFor(bucket),
  }
}

function websiteFor({ indexDocument, redirectSlash, errorDocument, spa }: BucketConfig): Website {
  const isPlain = indexDocument === undefined && errorDocument.size === 0
  return { isPlain, indexDocument, redirectSlash, errorDocuments: errorDocument, spa }
}

function commonHeaders(securityHeaders: boolean): readonly string[] {
  const headers = [
    'Accept-Ranges',
    'bytes',
    'Cache-Status',
    'sluice; fwd=bypass',
    'X-Cache',
    'BYPASS',
  ]
  return securityHeaders ? [...headers, 'X-Content-Type-Options', 'nosniff'] : headers
}

function without(headers: readonly string[], lowerNames: ReadonlySet<string>): readonly string[] {
  return headers.filter((_, index) => !lowerNames.has(headers[index & ~1]?.toLowerCase() ?? ''))
}
