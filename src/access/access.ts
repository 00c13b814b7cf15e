// Whether a request may have what it asks for: decided after its route is known and before anything
// else of it, so that what lies in the cache is no easier to reach than what does not. The checks are
// a straight line, each of which throws its refusal. It fails closed: what cannot be known is a no.
// How a request is understood and what is done with it are not known here.

import type { PolicyFact } from '../exchange/policy-fact.ts'
import type { Request } from '../exchange/request.ts'
import type { Trace } from '../exchange/trace.ts'
import type { CancelSignal } from '../primitives/cancel.ts'
import type { IpFilterConfig } from '../config/ip-filter.ts'
import type { SignedUrlsConfig } from '../config/signed-urls.ts'
import { Refusal } from '../exchange/refusal.ts'
import { claimsDenied } from './authenticator.ts'
import type { Authenticator } from './authenticator.ts'
import type { Claims, Tie } from './claims.ts'
import type { AccessDescription } from './describe.ts'
import { describeSignatures } from './describe.ts'
import { IpFilter } from './ip-filter.ts'
import type { Listing } from './ip-filter.ts'
import type { Policy } from './policy.ts'
import type { LimitFields, LimitStanding, RateLimits } from './rate-limits.ts'
import { SignedUrls } from './signed-urls.ts'
import type { SignedRequest } from './signed-urls.ts'

export { Authenticator, createKeySets } from './authenticator.ts'
export { withoutSignature } from './carried-signature.ts'
export { compileClaims, compileTies } from './claims.ts'
export type { Claims, Grant, Tie } from './claims.ts'
export type {
  AccessDescription,
  AuthenticatorDescription,
  KeyDescription,
  KeySetDescription,
  PolicyDescription,
  SignatureDescription,
} from './describe.ts'
export { FleetCounts } from './fleet-counts.ts'
export type { FleetLink, FleetOptions } from './fleet-counts.ts'
export type { Listing } from './ip-filter.ts'
export type { Refreshed } from './key-set.ts'
export { Policy } from './policy.ts'
export { PolicyTally } from './policy-tally.ts'
export { needsIdentity, Networks, placeLimit } from './limit-key.ts'
export { LimitTally } from './limit-tally.ts'
export { LocalCounts } from './local-counts.ts'
export { RateLimits } from './rate-limits.ts'
export type { LimitFields, LimitStanding, LimitWorld } from './rate-limits.ts'
export { mintToken } from './signature.ts'
export { COOKIE, covers, isScope, PARAMETERS, signatureOf, signingKey } from './url-signature.ts'
export type { Permission } from './url-signature.ts'

export interface AccessQuestion {
  readonly request: Request
  /** Of the client, through trusted hops. */
  readonly address: string
  readonly bucket: string
  /** The rest of the path. */
  readonly key: string
  /** What the template of the bucket's prefix has caught of the path. */
  readonly captured: readonly string[]
  /** Cancelled when the client leaves; undefined: it is not known to. */
  readonly leaving?: CancelSignal | undefined
  /** It is looked at once more: no limit counts it again. */
  readonly isCounted: boolean
  /** Names are asked for, of what lies below the path. */
  readonly listing?: ListingScope | undefined
  /** That the question belongs to, for whoever is asked in its turn. */
  readonly trace?: Trace | undefined
}

export interface ListingScope {
  /** What the names begin with, below the bucket's root. */
  readonly prefix: string
  /** Those of all directories below are asked for too, and not of one alone. */
  readonly isDeep: boolean
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
  /** For the answer. */
  readonly limitFields?: LimitFields
}

export interface AccessRules {
  readonly ipFilter: IpFilterConfig
  /** Undefined: no token is asked for. */
  readonly authenticator: Authenticator | undefined
  /** What a token must say of the path; only with an authenticator. */
  readonly tie: Tie | undefined
  /** Undefined or off: a signature is of no account. */
  readonly signedUrls: SignedUrlsConfig | undefined
  /** Undefined: no policy is asked. */
  readonly policy?: Policy | undefined
  readonly limits?: AccessLimits | undefined
}

export interface AccessLimits {
  /** Those that need not know who comes. */
  readonly byAddress: RateLimits | undefined
  readonly byIdentity: RateLimits | undefined
}

type Visitor = Pick<AccessQuestion, 'request' | 'captured'>

const ANYBODY: Admitted = { identity: undefined }
const NO_LIMITS: AccessLimits = { byAddress: undefined, byIdentity: undefined }

export class Access {
  readonly #ipFilter: IpFilter | undefined
  readonly #authenticator: Authenticator | undefined
  readonly #tie: Tie | undefined
  readonly #signedUrls: SignedUrls | undefined
  readonly #limits: AccessLimits
  readonly #policy: Policy | undefined
  readonly #rules: AccessRules
  /** Whoever comes is let in, as long as no limit is reached. */
  readonly isOpen: boolean

  constructor(rules: AccessRules) {
    const { ipFilter, authenticator, tie, signedUrls, limits, policy } = rules
    this.#rules = rules
    const isEmpty = ipFilter.allowlist.length === 0 && ipFilter.blocklist.length === 0
    this.#ipFilter = isEmpty ? undefined : new IpFilter(ipFilter)
    this.#authenticator = authenticator
    this.#tie = tie
    this.#signedUrls = signedUrls?.enabled === true ? new SignedUrls(signedUrls) : undefined
    this.#limits = limits ?? NO_LIMITS
    this.#policy = policy
    this.isOpen = [this.#ipFilter, authenticator, this.#signedUrls, policy].every(isAbsent)
  }

  /** A token is asked of whoever comes. */
  get isGuarded(): boolean {
    return this.#authenticator !== undefined
  }

  /** A signature is looked for. */
  get takesSignatures(): boolean {
    return this.#signedUrls !== undefined
  }

  describe(): AccessDescription {
    const { ipFilter, authenticator, signedUrls, policy } = this.#rules
    const { allowlist, blocklist } = ipFilter
    return {
      ipFilter: { allowed: allowlist.length, blocked: blocklist.length },
      tokens: authenticator?.describe(),
      signatures: this.takesSignatures ? describeSignatures(signedUrls) : undefined,
      policy: policy?.describe(),
    }
  }

  /** Throws or rejects with the refusal; at once, where nothing has to be waited for. */
  authorize(question: AccessQuestion): Admitted | Promise<Admitted> {
    const { address, isCounted } = question
    this.filterAddress(address)
    const fields = isCounted ? undefined : this.#limits.byAddress?.take(address, undefined)
    if (!(fields instanceof Promise)) return this.#identify(question, fields)
    return fields.then((told) => this.#identify(question, told))
  }

  #identify(question: AccessQuestion, fields: LimitFields): Admitted | Promise<Admitted> {
    const admitted = this.isSigned(question) ? ANYBODY : this.authenticate(question)
    if (!(admitted instanceof Promise)) return this.#limitIdentity(question, admitted, fields)
    return admitted.then((visitor) => this.#limitIdentity(question, visitor, fields))
  }

  #limitIdentity(
    question: AccessQuestion,
    visitor: Admitted,
    fields: LimitFields,
  ): Admitted | Promise<Admitted> {
    const { address, isCounted } = question
    const own = isCounted ? undefined : this.#limits.byIdentity?.take(address, visitor.identity)
    if (!(own instanceof Promise))
      return this.#askPolicy(question, withFields(visitor, fields, own))
    return own.then((told) => this.#askPolicy(question, withFields(visitor, fields, told)))
  }

  #askPolicy(question: AccessQuestion, visitor: Admitted): Admitted | Promise<Admitted> {
    return this.#policy?.admit(question, visitor) ?? visitor
  }

  /** What the limits before authentication would say; nothing is spent. */
  foreseeAddressLimits(address: string): Promise<readonly LimitStanding[]> | undefined {
    return this.#limits.byAddress?.foresee(address, undefined)
  }

  /** What those after it would say. */
  foreseeIdentityLimits(
    address: string,
    { identity }: Admitted,
  ): Promise<readonly LimitStanding[]> | undefined {
    return this.#limits.byIdentity?.foresee(address, identity)
  }

  /** Undefined where there is no filter. */
  filterAddress(address: string): Listing | undefined {
    return this.#ipFilter?.admit(address)
  }

  /** A good signature stands in for a token. Where no token would be asked for, there must be one. */
  isSigned(signed: SignedRequest): boolean {
    if (this.#signedUrls === undefined) return false
    const isSigned = this.#signedUrls.admit(signed)
    if (!isSigned && this.#authenticator === undefined) {
      throw new Refusal('signature_invalid', { cause: 'there is no signature' })
    }
    return isSigned
  }

  authenticate({ request, captured }: Visitor): Admitted | Promise<Admitted> {
    const admitted = this.#authenticator?.authenticate(request) ?? ANYBODY
    if (this.#tie === undefined) return admitted
    if (!(admitted instanceof Promise)) return this.#requireTie(admitted, captured)
    return admitted.then((late) => this.#requireTie(late, captured))
  }

  /** Whoever has no claims has none that fit the path. */
  #requireTie(admitted: Admitted, captured: readonly string[]): Admitted {
    const { identity } = admitted
    if (identity !== undefined && this.#tie?.(identity.claims, captured) === true) return admitted
    throw claimsDenied('a claim that the path is tied to', identity?.subject)
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

function isAbsent(check: object | undefined): boolean {
  return check === undefined
}

function withFields(admitted: Admitted, first: LimitFields, second: LimitFields): Admitted {
  if (first === undefined && second === undefined) return admitted
  return { ...admitted, limitFields: [...(first ?? []), ...(second ?? [])] }
}
