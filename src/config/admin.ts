// The operations listener: health, readiness, and what operators may ask of it, each by the role that
// a token gives.

import { Secret } from '../primitives/secret.ts'
import { address, formatAddress } from './address.ts'
import type { Address, WrittenAddress } from './address.ts'
import { conditionSchema, printCondition, toCondition } from './claim-rules.ts'
import type { ClaimCondition } from './claim-rules.ts'
import { field, textOf } from './fields.ts'
import { isPlaceholder } from './placeholder.ts'
import { documentedDefault, sameAs, section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { isMapping } from './tree.ts'
import { z } from './zod.ts'

/** From the least to the most; each may do what those before it may. */
export const ROLES = ['viewer', 'purger', 'operator'] as const
export type Role = (typeof ROLES)[number]

export interface AdminConfig {
  readonly address: Address
  /** Nobody chose the address: a taken port is then a warning, not a refusal to start. */
  readonly isDefaultAddress: boolean
  /** An operator's. */
  readonly token: Secret | undefined
  readonly roles: Readonly<Partial<Record<Role, RoleConfig>>>
}

/** By either of the two. */
export interface RoleConfig {
  readonly token: Secret | undefined
  /** Of a token that the global `jwt` verifies. Empty: no such token gives the role. */
  readonly claims: readonly ClaimCondition[]
}

const standard: Address = { host: '127.0.0.1', port: 9090 }
/** What can stand in an Authorization header, as one word. */
const TOKEN = /^[!-~]{16,512}$/

const token = field({
  wanted: 'a token of 16 to 512 visible ASCII characters that is no placeholder',
  json: { type: 'string' },
  isSecret: true,
  read: (input) => {
    const text = textOf(input)
    return text !== undefined && TOKEN.test(text) && !isPlaceholder(text)
      ? new Secret(text)
      : undefined
  },
  hintFor: () => 'openssl rand -hex 24 makes one',
})

const role = section(
  {
    token: token.optional(),
    // No rules at all would hold for every token there is.
    claims: sameAs(z.array(conditionSchema).min(1).optional(), 'jwt.claims'),
  },
  isHadBySomebody,
)

const roles = section({
  viewer: role.optional(),
  purger: sameAs(role.optional(), 'admin.roles.viewer'),
  operator: sameAs(role.optional(), 'admin.roles.viewer'),
})

export const adminSchema = section(
  {
    address: documentedDefault(address(), formatAddress(standard)),
    token: token.optional(),
    roles: roles.optional(),
  },
  tokensDiffer,
)

function isHadBySomebody({ token: given, claims }: Loose): RuleProblem[] {
  if (given !== undefined || claims !== undefined) return []
  return [{ path: [], message: 'is a role that nobody can have', hint: 'give token or claims' }]
}

function tokensDiffer({ token: operators, roles: given }: Loose): RuleProblem[] {
  const own = ROLES.map((name) => ['roles', name, 'token'] as const)
  const places = [['token'] as const, ...own]
  const first = new Map<string, string>()
  return places.flatMap((place) => {
    const [, name = ''] = place
    const found = name === '' ? operators : memberOf(memberOf(given, name), 'token')
    if (!(found instanceof Secret)) return []
    const earlier = first.get(found.reveal())
    if (earlier === undefined) first.set(found.reveal(), `admin.${place.join('.')}`)
    const message = `is the same as ${earlier}; a token stands for one role`
    return earlier === undefined ? [] : [{ path: place, message }]
  })
}

/** Claims are those of a token that is verified; the paths begin at the root. */
export function adminClaimsAreVerified({ admin, jwt }: Loose): RuleProblem[] {
  const isGlobal = isMapping(jwt) && jwt['enabled'] !== false
  if (isGlobal) return []
  const given = memberOf(admin, 'roles')
  const hint = 'add a jwt section at the top'
  const problems: RuleProblem[] = ROLES.filter(
    (name) => memberOf(memberOf(given, name), 'claims') !== undefined,
  ).map((name) => ({
    path: ['admin', 'roles', name, 'claims'],
    message: 'are those of a token, and there is no jwt section to verify it by',
    hint,
  }))
  if (memberOf(jwt, 'admin_claims') === undefined) return problems
  const message = 'make nobody an operator while jwt.enabled is false'
  return [...problems, { path: ['jwt', 'admin_claims'], message }]
}

function memberOf(of: unknown, name: string): unknown {
  return isMapping(of) ? of[name] : undefined
}

/** `port` is what `metrics.port` says of the same listener. */
export function toAdmin(
  { address, token, roles: given = {} }: z.output<typeof adminSchema>,
  port: number | undefined,
): AdminConfig {
  const isDefaultAddress = address === undefined && port === undefined
  const own = ROLES.flatMap((name) => {
    const settings = given[name]
    return settings === undefined ? [] : [[name, toRole(settings)] as const]
  })
  const config = { address: adminAddress(address, port), isDefaultAddress, token }
  return { ...config, roles: Object.fromEntries(own) }
}

function toRole({ token, claims = [] }: z.output<typeof role>): RoleConfig {
  return { token, claims: claims.map(toCondition) }
}

export function adminAddress(written: WrittenAddress | undefined, port?: number): Address {
  return { host: written?.host ?? standard.host, port: written?.port ?? port ?? standard.port }
}

export function printAdmin({ address, token, roles: given }: AdminConfig): object {
  const own = Object.entries(given).map(([name, one]) => [name, printRole(one)])
  return {
    address: formatAddress(address),
    ...(token === undefined ? {} : { token: '***' }),
    ...(own.length === 0 ? {} : { roles: Object.fromEntries(own) }),
  }
}

function printRole({ token, claims }: RoleConfig): object {
  return {
    ...(token === undefined ? {} : { token: '***' }),
    ...(claims.length === 0 ? {} : { claims: claims.map(printCondition) }),
  }
}
