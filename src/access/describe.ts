// What can be told of who is let in where: rules, keys by their names, and how fresh they are. Neither a
// key nor a token is among it.

import type { SignedUrlsConfig } from '../config/signed-urls.ts'
import type { Refreshed } from './key-set.ts'
import type { VerificationKey } from './signature.ts'

export interface AccessDescription {
  readonly ipFilter: { readonly allowed: number; readonly blocked: number }
  /** Undefined: no token is asked for. */
  readonly tokens: AuthenticatorDescription | undefined
  /** Undefined: signatures are of no account. */
  readonly signatures: SignatureDescription | undefined
  /** Undefined: no policy is asked. */
  readonly policy: PolicyDescription | undefined
}

export interface SignatureDescription {
  readonly keyIds: readonly string[]
  /** How many ids are good no longer. */
  readonly revoked: number
}

export interface PolicyDescription {
  readonly url: string
  readonly path: string
  readonly failMode: 'closed' | 'open'
  /** Decisions that need not be asked for again. */
  readonly remembered: number
}

export interface AuthenticatorDescription {
  readonly algorithms: readonly string[]
  readonly issuers: readonly string[]
  readonly audiences: readonly string[]
  readonly sources: readonly string[]
  readonly claimRules: number
  /** Of the configuration. */
  readonly keys: readonly KeyDescription[]
  /** Undefined: there are no others. */
  readonly keySet: KeySetDescription | undefined
  /** Tokens that need not be verified again. */
  readonly remembered: number
}

export interface KeyDescription {
  /** Undefined: it serves tokens of any `kid`. */
  readonly id: string | undefined
  readonly algorithms: readonly string[]
}

export interface KeySetDescription {
  readonly url: string
  /** Undefined: there never were any. */
  readonly keys: readonly KeyDescription[] | undefined
  readonly lastRefresh:
    | { readonly outcome: Refreshed; readonly at: number; readonly reason: string | undefined }
    | undefined
  /** Epoch ms, as the next two: by the clock, and for a token whose key is not known. */
  readonly nextRefreshAt: number
  readonly unknownKeyRefreshAt: number
}

export function describeKey({ id, algorithms }: VerificationKey): KeyDescription {
  return { id, algorithms }
}

export function describeSignatures(
  config: SignedUrlsConfig | undefined,
): SignatureDescription | undefined {
  return config && { keyIds: config.keys.map(({ id }) => id), revoked: config.revoked.length }
}
