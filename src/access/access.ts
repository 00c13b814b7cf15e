// Whether a request may have what it asks for: decided after its route is known and before anything
// else of it, so that what lies in the cache is no easier to reach than what does not. The checks are
// a straight line, each of which throws its refusal. It fails closed: what cannot be known is a no.
// How a request is understood and what is done with it are not known here.

import type { Request } from '../exchange/request.ts'
import type { IpFilterConfig } from '../config/ip-filter.ts'
import { IpFilter } from './ip-filter.ts'
import type { Listing } from './ip-filter.ts'

export type { Listing } from './ip-filter.ts'

export interface AccessQuestion {
  readonly request: Request
  /** Of the client, through trusted hops. */
  readonly address: string
  readonly bucket: string
  /** The rest of the path. */
  readonly key: string
}

export type Claims = Readonly<Record<string, unknown>>

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
}

const ANYBODY: Admitted = { identity: undefined }

export class Access {
  readonly #ipFilter: IpFilter | undefined

  constructor({ ipFilter }: AccessRules) {
    const isEmpty = ipFilter.allowlist.length === 0 && ipFilter.blocklist.length === 0
    this.#ipFilter = isEmpty ? undefined : new IpFilter(ipFilter)
  }

  /** Throws or rejects with the refusal; at once, where nothing has to be waited for. */
  authorize({ address }: AccessQuestion): Admitted | Promise<Admitted> {
    this.filterAddress(address)
    return ANYBODY
  }

  /** Undefined where there is no filter. */
  filterAddress(address: string): Listing | undefined {
    return this.#ipFilter?.admit(address)
  }
}
