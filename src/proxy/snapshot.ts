// The compiled configuration one exchange is served under. It never changes; a new configuration
// is a new snapshot.

import type { CancelSignal } from '../primitives/cancel.ts'
import type { AddressSet } from '../primitives/cidr.ts'
import type { RequestSlots } from '../exchange/slots.ts'
import type { CorsPolicy } from '../http/cors.ts'
import type { Access, RateLimits } from '../access/access.ts'
import type { ListAnswer, ListQuestion, OriginForesight, Trail } from '../origin/origin.ts'
import type { RouteTable } from '../routing/routing.ts'
import type { CachedOrigin } from './cached-origin.ts'
import type { Ask } from './obtain.ts'
import type { Bandwidth } from './paced-body.ts'
import type { SiteOf } from './site.ts'
import type { WrittenFields } from './written-fields.ts'

/** What is decided of a bucket's answers, whoever gives them. */
export interface RouteRules {
  readonly bucket: string
  /** Where the bucket hangs: '/', '/a/b' or '/a/{name}'. */
  readonly pathPrefix: string
  /** Undefined where no segment of it is a name. */
  readonly siteOf: SiteOf | undefined
  /** The query may hold a signature, which is for this path alone. */
  readonly takesSignatures: boolean
  readonly allowVersions: boolean
  readonly hideForbidden: boolean
  readonly metadataHeaders: boolean
  /** Flat name, value… that replace what the object says. */
  readonly setHeaders: readonly string[]
  /** Lower-case names an answer must not carry: those removed and those set. */
  readonly ownedHeaders: ReadonlySet<string>
  /** The snapshot's, without the owned ones. */
  readonly commonHeaders: readonly string[]
  /** What was written of objects that were served lately. */
  readonly written: WrittenFields
  /** What the bucket's cache goes by beside what the origin says; undefined: nothing. */
  readonly varyBy: string | undefined
  readonly website: Website
  readonly listing: 'off' | 'html' | 'json' | 's3'
}

export interface Route extends RouteRules {
  /** Asked before anything else of the route. */
  readonly access: Access
  /** Taken once access is granted; undefined where the server's own are the only bound. */
  readonly slots: RequestSlots | undefined
  /** Asks the bucket's origin, for as long as the signal is not cancelled. */
  readonly askFor: (signal: CancelSignal | undefined, trail: Trail) => Ask
  /** What would become of a question to it now; asks nobody. */
  readonly foreseeOrigin: () => OriginForesight
  /** One page of what the bucket holds. */
  readonly list: (
    question: ListQuestion,
    context: { signal: CancelSignal | undefined; trail: Trail },
  ) => Promise<ListAnswer>
  /** Undefined where the bucket is not cached. */
  readonly cached: CachedOrigin | undefined
}

export interface Website {
  /** Nothing below is set: a path is a key, and what is missing is missing. */
  readonly isPlain: boolean
  readonly indexDocument: string | undefined
  readonly redirectSlash: boolean
  /** Keys by status. */
  readonly errorDocuments: ReadonlyMap<number, string>
  readonly spa: boolean
}

export interface RequestLimits {
  readonly maxHeaderBytes: number
  readonly maxUriLength: number
}

export interface Snapshot {
  readonly routes: RouteTable<Route>
  /** The same, by the name of the bucket. */
  readonly byBucket: ReadonlyMap<string, Route>
  /** By bucket: who else's pages may read its answers. */
  readonly cors: ReadonlyMap<string, CorsPolicy>
  /** By bucket: how fast its answers may leave. */
  readonly bandwidth: ReadonlyMap<string, Bandwidth>
  readonly limits: RequestLimits
  /** Asked of what leads to no bucket. */
  readonly strayLimits: RateLimits | undefined
  /** Of all requests but those that Sluice answers by itself. */
  readonly slots: RequestSlots
  /** Whose word on where a request came from is taken; undefined for nobody's. */
  readonly trustedProxies: AddressSet | undefined
  /** Answers say what took how long. */
  readonly serverTiming: boolean
  /** Flat; on every answer. */
  readonly commonHeaders: readonly string[]
}
