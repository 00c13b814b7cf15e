// Who may give orders: whoever shows, as a bearer token (RFC 6750), the token of a role, or one of an
// issuer whose claims give a role. Nothing else of a request is looked at: what stands in a query
// stands in logs.

import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

import { Authenticator, compileClaims } from '../access/access.ts'
import type { Claims, Grant, Refreshed } from '../access/access.ts'
import { ROLES } from '../config/admin.ts'
import type { AdminConfig, Role } from '../config/admin.ts'
import type { JwtConfig } from '../config/jwt.ts'
import { fingerprint } from '../config/transfer.ts'
import type { Emit } from '../exchange/event.ts'
import { Refusal } from '../exchange/refusal.ts'

/** Whoever calls, as far as it is known. */
export interface Caller {
  readonly role: Role
  /** `token:<role>`, or `jwt:<sub>`. */
  readonly subject: string
}

export interface GateOptions {
  readonly admin: AdminConfig
  /** The global one. */
  readonly jwt: JwtConfig | undefined
  readonly emit: Emit
  /** Told what came of each time an issuer was asked for keys. */
  readonly refreshed?: ((outcome: Refreshed) => void) | undefined
  /** What it verifies tokens by is used again where it is the same. It is to be closed with `leaveTo`. */
  readonly last?: Gate | undefined
}

interface Credential {
  readonly role: Role
  readonly digest: Buffer
}

interface Granted {
  readonly role: Role
  readonly holds: Grant
}

const BEARER = /^bearer +([!-~]+) *$/i

/** Undefined where nobody can have any role. */
export function openGate(options: GateOptions): Gate | undefined {
  const credentials = credentialsOf(options.admin)
  const grants = grantsOf(options)
  if (credentials.length === 0 && grants.length === 0) return undefined
  const { jwt, emit, refreshed, last } = options
  const key = jwt === undefined ? '' : fingerprint(jwt)
  // Not that of a bucket: it verifies where no bucket asks for tokens. It is not started: a thread to which
  // nobody sends a PURGE asks no issuer for keys.
  const authenticator =
    jwt === undefined || grants.length === 0
      ? undefined
      : (last?.verifierOf(key) ?? new Authenticator({ jwt, emit, refreshed }))
  return new Gate(credentials, grants, authenticator && { key, authenticator })
}

/** What tokens of an issuer are verified by, and the settings it was made of. */
interface Verifier {
  readonly key: string
  readonly authenticator: Authenticator
}

export class Gate {
  readonly #credentials: readonly Credential[]
  readonly #grants: readonly Granted[]
  readonly #verifier: Verifier | undefined

  constructor(
    credentials: readonly Credential[],
    grants: readonly Granted[],
    verifier: Verifier | undefined,
  ) {
    this.#credentials = credentials
    this.#grants = grants
    this.#verifier = verifier
  }

  close(): void {
    this.#verifier?.authenticator.close()
  }

  /** Undefined where its own was made of other settings. */
  verifierOf(key: string): Authenticator | undefined {
    return this.#verifier?.key === key ? this.#verifier.authenticator : undefined
  }

  /** Another stands in its place, or goes on standing there. */
  leaveTo(other: Gate | undefined): void {
    const own = this.#verifier
    if (own !== undefined && other?.verifierOf(own.key) !== own.authenticator) this.close()
  }

  /** Rejects with the refusal of whoever has no role. */
  async identify({ authorization }: IncomingHttpHeaders): Promise<Caller> {
    const given = BEARER.exec(authorization ?? '')?.[1]
    if (given === undefined) throw no('token_missing', 'Bearer')
    const role = this.#roleOf(given)
    if (role !== undefined) return { role, subject: `token:${role}` }
    if (this.#verifier === undefined) {
      throw no('token_invalid', 'Bearer error="invalid_token"')
    }
    const { subject, claims } = await this.#verifier.authenticator.identify(given)
    const granted = this.#grantedTo(claims)
    if (granted === undefined) throw tooLittle(subject)
    return { role: granted, subject: `jwt:${subject ?? ''}` }
  }

  #roleOf(given: string): Role | undefined {
    const shown = digest(given)
    let role: Role | undefined
    // All of them, found or not: how long it takes says nothing of which one it was. Digests are of one
    // length, and how far two of them agree says nothing of what they are of.
    for (const credential of this.#credentials) {
      if (timingSafeEqual(shown, credential.digest)) role = credential.role
    }
    return role
  }

  /** The greatest. */
  #grantedTo(claims: Claims): Role | undefined {
    return ROLES.findLast((role) =>
      this.#grants.some((grant) => grant.role === role && grant.holds(claims)),
    )
  }
}

/** Throws unless the caller's role is this one or includes it. */
export function requireRole({ role }: Caller, wanted: Role): void {
  if (ROLES.indexOf(role) < ROLES.indexOf(wanted)) throw tooLittle(undefined)
}

function credentialsOf({ token, roles }: AdminConfig): Credential[] {
  const own = ROLES.map((role) => ({ role, token: roles[role]?.token }))
  return [...own, { role: 'operator' as const, token }].flatMap(({ role, token: secret }) =>
    secret === undefined ? [] : [{ role, digest: digest(secret.reveal()) }],
  )
}

function grantsOf({ admin: { roles }, jwt }: GateOptions): Granted[] {
  const own = ROLES.map((role) => ({ role, claims: roles[role]?.claims ?? [] }))
  const all = [...own, { role: 'operator' as const, claims: jwt?.adminClaims ?? [] }]
  // No rules would hold for everybody.
  return all.flatMap(({ role, claims }) =>
    claims.length === 0 ? [] : [{ role, holds: compileClaims(claims) }],
  )
}

function tooLittle(user: string | undefined): Refusal {
  return no('claims_denied', 'Bearer error="insufficient_scope"', user)
}

function no(
  code: 'token_missing' | 'token_invalid' | 'claims_denied',
  challenge: string,
  user?: string,
): Refusal {
  return new Refusal(code, { headers: ['WWW-Authenticate', challenge], user })
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
