// Whether a request may have what it asks for: decided after its route is known and before anything
// else of it, so that what lies in the cache is no easier to reach than what does not. The checks are
// a straight line, each of which throws its refusal. It fails closed: what cannot be known is a no.
// How a request is understood and what is done with it are not known here.

import type { PolicyFact } from '../exchange/policy-fact.ts'
import type { Request } from '../exchange/request.ts'
import type { CancelSignal } from '../primitives/cancel.ts'
import type { IpFilterConfig } from '../config/ip-filter.ts'
import type { Authenticator } from './authenticator.ts'
import type { Claims } from './claims.ts'
import { IpFilter } from './ip-filter.ts'
import type { Listing } from './ip-filter.ts'
import type { Policy } from './policy.ts'

export { Authenticator } from './authenticator.ts'
export type { Claims } from './claims.ts'
export type { Listing } from './ip-filter.ts'
export { Policy } from './policy.ts'
export { PolicyTally } from './policy-tally.ts'
export { mintToken } from './signature.ts'

export interface AccessQuestion {
  readonly request: Request
  /** Of the client, through trusted hops. */
  readonly address: string
  readonly bucket: string
  /** The rest of the path. */
  readonly key: string
  /** Cancelled when the client leaves; undefined: it is not known to. */
  readonly leaving?: CancelSignal | undefined
}

export interface Identity {
  readonly subject: string | undefined
  readonly claims: Claims
}

export interface Admitted {
  /** Undefined where nobody has to say who they are. */
  readonly identity: Identity | undefined
  /** Undefined where no policy is asked. */
  readonly policy?: PolicyFact | undefined
}

export interface AccessRules {
  readonly ipFilter: IpFilterConfig
  /** Undefined: no token is asked for. */
  readonly authenticator: Authenticator | undefined
  /** Undefined: no policy is asked. */
  readonly policy?: Policy | undefined
}

const ANYBODY: Admitted = { identity: undefined }

export class Access {
  readonly #ipFilter: IpFilter | undefined
  readonly #authenticator: Authenticator | undefined
  readonly #policy: Policy | undefined

  constructor({ ipFilter, authenticator, policy }: AccessRules) {
    const isEmpty = ipFilter.allowlist.length === 0 && ipFilter.blocklist.length === 0
    this.#ipFilter = isEmpty ? undefined : new IpFilter(ipFilter)
    this.#authenticator = authenticator
    this.#policy = policy
  }

  /** A token is asked of whoever comes. */
  get isGuarded(): boolean {
    return this.#authenticator !== undefined
  }

  /** Throws or rejects with the refusal; at once, where nothing has to be waited for. */
  authorize(question: AccessQuestion): Admitted | Promise<Admitted> {
    this.filterAddress(question.address)
    const admitted = this.authenticate(question.request)
    const policy = this.#policy
    if (policy === undefined) return admitted
    if (!(admitted instanceof Promise)) return policy.admit(question, admitted)
    return admitted.then((visitor) => policy.admit(question, visitor))
  }

  /** Undefined where there is no filter. */
  filterAddress(address: string): Listing | undefined {
    return this.#ipFilter?.admit(address)
  }

  authenticate(request: Request): Admitted | Promise<Admitted> {
    return this.#authenticator?.authenticate(request) ?? ANYBODY
  }

  /** A policy is asked of what whoever comes may have. */
  get hasPolicy(): boolean {
    return this.#policy !== undefined
  }

  /** As the policy would decide, without a trace. */
  async foreseePolicy(question: AccessQuestion, visitor = ANYBODY): Promise<Admitted> {
    return this.#policy?.foresee(question, visitor) ?? visitor
  }
}
