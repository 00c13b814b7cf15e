// Whether a request may have what it asks for: decided after its route is known and before anything
// else of it, so that what lies in the cache is no easier to reach than what does not. The checks are
// a straight line, each of which throws its refusal. It fails closed: what cannot be known is a no.
// How a request is understood and what is done with it are not known here.

import type { Request } from '../exchange/request.ts'
import type { IpFilterConfig } from '../config/ip-filter.ts'
import type { Authenticator } from './authenticator.ts'
import type { Claims } from './claims.ts'
import { IpFilter } from './ip-filter.ts'
import type { Listing } from './ip-filter.ts'

export { Authenticator } from './authenticator.ts'
export type { Claims } from './claims.ts'
export type { Listing } from './ip-filter.ts'
export { mintToken } from './signature.ts'

export interface AccessQuestion {
  readonly request: Request
  /** Of the client, through trusted hops. */
  readonly address: string
  readonly bucket: string
  /** The rest of the path. */
  readonly key: string
}

export interface Identity {
  readonly subject: string | undefined
  readonly claims: Claims
}

export interface Admitted {
  /** Undefined where nobody has to say who they are. */
  readonly identity: Identity | undefined
}

export interface AccessRules {
  readonly ipFilter: IpFilterConfig
  /** Undefined: no token is asked for. */
  readonly authenticator: Authenticator | undefined
}

const ANYBODY: Admitted = { identity: undefined }

export class Access {
  readonly #ipFilter: IpFilter | undefined
  readonly #authenticator: Authenticator | undefined

  constructor({ ipFilter, authenticator }: AccessRules) {
    const isEmpty = ipFilter.allowlist.length === 0 && ipFilter.blocklist.length === 0
    this.#ipFilter = isEmpty ? undefined : new IpFilter(ipFilter)
    this.#authenticator = authenticator
  }

  /** A token is asked of whoever comes. */
  get isGuarded(): boolean {
    return this.#authenticator !== undefined
  }

  /** Throws or rejects with the refusal; at once, where nothing has to be waited for. */
  authorize({ request, address }: AccessQuestion): Admitted | Promise<Admitted> {
    this.filterAddress(address)
    return this.authenticate(request)
  }

  /** Undefined where there is no filter. */
  filterAddress(address: string): Listing | undefined {
    return this.#ipFilter?.admit(address)
  }

  authenticate(request: Request): Admitted | Promise<Admitted> {
    return this.#authenticator?.authenticate(request) ?? ANYBODY
  }
}
