// Who a request is from, by its token. What was verified is remembered, so that a token is verified once
// and then only held against the clock, without a turn of the event loop.

import type { JwtConfig } from '../config/jwt.ts'
import { isSymmetric } from '../config/jwt-keys.ts'
import type { Emit } from '../exchange/event.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { RefusalCode } from '../exchange/refusal.ts'
import type { Request } from '../exchange/request.ts'
import { now } from '../primitives/clock.ts'
import { Commons } from '../primitives/commons.ts'
import { Recent } from '../primitives/recent.ts'
import type { Admitted, Identity } from './access.ts'
import { compileClaims, faultOfParties, isTied, own, validityOf } from './claims.ts'
import type { Claims, Grant, Validity } from './claims.ts'
import type { AuthenticatorDescription } from './describe.ts'
import { describeKey } from './describe.ts'
import { KeySet, keySetName } from './key-set.ts'
import type { Refreshed } from './key-set.ts'
import { parseHead, verify } from './signature.ts'
import type { VerificationKey } from './signature.ts'
import { keysFor, openStaticKeys } from './static-keys.ts'
import { compileSources } from './token-source.ts'
import type { FindToken } from './token-source.ts'

export interface AuthenticatorOptions {
  readonly jwt: JwtConfig
  readonly emit: Emit
  /** Told what came of each time the issuer was asked for its keys. */
  readonly refreshed?: ((outcome: Refreshed) => void) | undefined
  /** Where the keys of an issuer are found again that others have had. */
  readonly keySets?: Commons<KeySet>
}

export function createKeySets(): Commons<KeySet> {
  return new Commons((keySet) => keySet.close())
}

/** Of a token whose signature and parties are right. */
interface Verified extends Validity {
  readonly identity: Identity
  readonly admitted: Admitted
  readonly subject: string | undefined
  readonly isGranted: boolean
}

/** Bytes of tokens, and of what they say, that are remembered. */
const ROOM = 16 * 1024 * 1024
/** Characters of a token are bytes; its claims take about three times as much. */
const WEIGHT_FACTOR = 4
const OVERHEAD = 256

export class Authenticator {
  readonly #jwt: JwtConfig
  readonly #find: FindToken
  /** Of the token alone: what ties it to a path is held against each request, by `Access`. */
  readonly #grants: Grant
  readonly #keys: readonly VerificationKey[]
  /** Undefined: the configuration has all keys there are. */
  readonly #keySet: KeySet | undefined
  readonly #letGo: () => void = () => undefined
  readonly #remembered = new Recent<Verified>(ROOM)
  /** Grows when keys change. */
  #epoch = 0

  constructor({ jwt, emit, refreshed, keySets = createKeySets() }: AuthenticatorOptions) {
    this.#jwt = jwt
    this.#find = compileSources(jwt.sources)
    this.#grants = compileClaims(jwt.claims.filter((condition) => !isTied(condition)))
    this.#keys = openStaticKeys(jwt)
    const isRemote = jwt.jwksUrl !== undefined || jwt.issuerDiscovery
    if (!isRemote) return
    const name = keySetName(jwt)
    const keySet = keySets.take(name, () => new KeySet({ jwt, emit, refreshed }))
    // What a key has verified that is none any more has to be verified again.
    const stopListening = keySet.onChange(() => this.#forget())
    this.#keySet = keySet
    this.#letGo = () => {
      stopListening()
      keySets.release(name)
    }
  }

  /** Has the keys of the issuer, without waiting for them. */
  start(): void {
    this.#keySet?.start()
  }

  close(): void {
    this.#letGo()
  }

  authenticate(request: Request): Admitted | Promise<Admitted> {
    const token = this.#find(request)
    if (token === undefined) throw no('token_missing')
    const known = this.#remembered.get(token)
    return known === undefined ? this.#verifyAndAdmit(token) : admit(known, now())
  }

  /** Who has the token, for one who has claim rules of another kind: those of `jwt` are not asked. */
  async identify(token: string): Promise<Identity> {
    const verified = this.#remembered.get(token) ?? (await this.#remember(token))
    requireInTime(verified, now())
    return verified.identity
  }

  describe(): AuthenticatorDescription {
    const { algorithms, issuers, audiences, sources, claims } = this.#jwt
    return {
      algorithms: algorithms ?? [...new Set(this.#keys.flatMap((key) => key.algorithms))],
      issuers,
      audiences,
      sources: sources.map(({ type, name }) => (name === '' ? type : `${type} ${name}`)),
      claimRules: claims.length,
      keys: this.#keys.map(describeKey),
      keySet: this.#keySet?.describe(),
      remembered: this.#remembered.size,
    }
  }

  async #verifyAndAdmit(token: string): Promise<Admitted> {
    return admit(await this.#remember(token), now())
  }

  async #remember(token: string): Promise<Verified> {
    const epoch = this.#epoch
    const verified = this.#judge(await this.#verify(token))
    // Not by keys that have changed meanwhile.
    if (epoch === this.#epoch) {
      this.#remembered.set(token, verified, token.length * WEIGHT_FACTOR + OVERHEAD)
    }
    return verified
  }

  async #verify(token: string): Promise<Claims> {
    const head = parseHead(token)
    if (head === undefined) throw no('token_invalid', 'no token that is understood here')
    const own = await verifyByAny(token, keysFor(head, this.#keys))
    if (own !== undefined) return own
    const remote =
      this.#keySet === undefined || isSymmetric(head.algorithm) ? undefined : this.#keySet
    const claims = remote && (await verifyByAny(token, await remote.keysFor(head)))
    if (claims === undefined) throw no('token_invalid', 'not signed by a key that is known')
    return claims
  }

  #forget(): void {
    this.#epoch += 1
    this.#remembered.clear()
  }

  #judge(claims: Claims): Verified {
    const subject = own(claims, 'sub')
    const user = typeof subject === 'string' ? subject : undefined
    const validity = validityOf(claims, this.#jwt.leewayMs)
    if (validity === undefined) throw no('token_invalid', 'exp, nbf or iat is no time', user)
    const fault = faultOfParties(claims, this.#jwt)
    if (fault !== undefined) throw no('token_invalid', fault, user)
    const identity = { subject: user, claims }
    const admitted = { identity }
    return { ...validity, identity, admitted, subject: user, isGranted: this.#grants(claims) }
  }
}

async function verifyByAny(
  token: string,
  keys: readonly VerificationKey[],
): Promise<Claims | undefined> {
  for (const key of keys) {
    const claims = await verify(token, key)
    if (claims !== undefined) return claims
  }
  return undefined
}

function admit(verified: Verified, at: number): Admitted {
  requireInTime(verified, at)
  if (!verified.isGranted) throw no('claims_denied', 'a claim', verified.subject)
  return verified.admitted
}

function requireInTime({ until, from, subject }: Verified, at: number): void {
  if (at >= until) throw no('token_expired', 'exp', subject)
  if (at < from) throw no('token_invalid', 'not valid yet', subject)
}

export function claimsDenied(cause: string, user: string | undefined): Refusal {
  return no('claims_denied', cause, user)
}

/** RFC 6750 §3.1: no error is named to whoever brought no token. */
const CHALLENGES: Readonly<Partial<Record<RefusalCode, string>>> = {
  token_missing: 'Bearer realm="sluice"',
  token_invalid:
    'Bearer realm="sluice", error="invalid_token", error_description="The token is not valid"',
  token_expired:
    'Bearer realm="sluice", error="invalid_token", error_description="The token has expired"',
  claims_denied: 'Bearer realm="sluice", error="insufficient_scope"',
}

function no(code: RefusalCode, cause?: string, user?: string): Refusal {
  const challenge = CHALLENGES[code]
  const headers = challenge === undefined ? [] : ['WWW-Authenticate', challenge]
  return new Refusal(code, { headers, cause, user })
}
