// Tokens: the keys that verify them, what they must say, and where in a request they stand.

import { resolve } from 'node:path'

import { Secret, withoutQueryValues } from '../primitives/secret.ts'
import { formatDuration } from '../primitives/units.ts'
import { conditionSchema, printCondition, toCondition } from './claim-rules.ts'
import type { ClaimCondition } from './claim-rules.ts'
import { choice, duration, field, flag, integer, secret, text, textOf } from './fields.ts'
import { ALGORITHMS, faultOfSecret, isSymmetric, parseAlgorithm } from './jwt-keys.ts'
import type { Algorithm } from './jwt-keys.ts'
import { documentedDefault, sameAs, section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { BEARER, printTokenSource, tokenSourceSchema, toTokenSource } from './token-sources.ts'
import type { TokenSource } from './token-sources.ts'
import { isMapping } from './tree.ts'
import { z } from './zod.ts'

export interface JwtConfig {
  readonly enabled: boolean
  /** Undefined: each key's usual one. */
  readonly algorithms: readonly Algorithm[] | undefined
  readonly secret: Secret | undefined
  /** Absolute, as those of the keys are. */
  readonly publicKeys: readonly PublicKeyFile[]
  readonly keys: readonly NamedKey[]
  readonly jwksUrl: string | undefined
  readonly issuerDiscovery: boolean
  readonly jwksRefreshMs: number
  /** Empty: any, or none. */
  readonly issuers: readonly string[]
  readonly audiences: readonly string[]
  readonly leewayMs: number
  readonly sources: readonly TokenSource[]
  readonly claims: readonly ClaimCondition[]
  /** What makes an operator of whoever brings the token. Empty: none does. */
  readonly adminClaims: readonly ClaimCondition[]
}

export interface PublicKeyFile {
  readonly setting: (typeof PATHS)[number]
  readonly path: string
}

/** Of a file, or a secret that stands here. */
export interface NamedKey {
  readonly id: string
  readonly algorithm: Algorithm
  readonly path: string | undefined
  readonly secret: Secret | undefined
}

const PATHS = ['public_key_path', 'rsa_public_key_path', 'ecdsa_public_key_path'] as const
const algorithm = choice(ALGORITHMS)
const PATH_WANTED = 'the path of a public key, in PEM or as a JWK'
const path = text({ wanted: PATH_WANTED })

const url = field({
  wanted: 'a URL such as https://issuer.example.com/jwks, without a user and password',
  json: { type: 'string' },
  read: (input) => {
    const written = textOf(input)
    return written !== undefined && isWebUrl(written) ? written : undefined
  },
})

function isWebUrl(written: string): boolean {
  const parsed = URL.parse(written)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return false
  return parsed.username === '' && parsed.password === '' && parsed.hash === ''
}

const oneOrMore = field<readonly string[]>({
  wanted: 'a text or a list of texts',
  json: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
  read: (input) => {
    const list: readonly unknown[] = Array.isArray(input) ? input : [input]
    const texts = list.map(textOf).filter((item) => item !== undefined && item !== '')
    return texts.length === list.length && texts.length > 0 ? texts.map(String) : undefined
  },
})

export const jwtSchema = section(
  {
    enabled: flag().prefault(true),
    algorithm: algorithm.optional(),
    algorithms: z.array(algorithm).min(1).optional(),
    secret: secret('a secret of at least 32 bytes').optional(),
    public_key_path: path.optional(),
    rsa_public_key_path: path.optional(),
    ecdsa_public_key_path: path.optional(),
    keys: z
      .array(
        section(
          {
            id: text({ wanted: 'the kid of the key' }),
            algorithm,
            path: path.optional(),
            secret: secret('a secret of at least 32 bytes').optional(),
          },
          isOneKey,
        ),
      )
      .prefault([]),
    jwks_url: url.optional(),
    issuer_discovery: flag().prefault(false),
    jwks_refresh_interval_secs: integer(1, 86_400).prefault(3600),
    issuer: oneOrMore.optional(),
    audience: oneOrMore.optional(),
    leeway: duration({ min: 0, max: 3_600_000 }).prefault('60s'),
    token_sources: documentedDefault(z.array(tokenSourceSchema).min(1), 'bearer'),
    claims: z.array(conditionSchema).optional(),
    claims_verification: sameAs(z.array(conditionSchema).optional(), 'jwt.claims'),
    // No rules at all would hold for every token there is.
    admin_claims: sameAs(z.array(conditionSchema).min(1).optional(), 'jwt.claims'),
  },
  oneSpelling,
  hasKeys,
  algorithmsHaveKeys,
  secretIsOne,
  keyIdsDiffer,
  discoveryHasAnIssuer,
)

export type JwtSettings = z.output<typeof jwtSchema>

function isOneKey({ algorithm: name, path: file, secret: own }: Loose): RuleProblem[] {
  if (own === undefined) {
    const wanted = isHmac(name) ? 'that of a file with the secret, or a secret' : PATH_WANTED
    return file === undefined ? [{ path: ['path'], message: `is missing; wanted ${wanted}` }] : []
  }
  if (file !== undefined) return [{ path: ['secret'], message: 'contradicts path; give one' }]
  const algorithmOfIt = parseAlgorithm(name)
  if (algorithmOfIt === undefined || !(own instanceof Secret)) return []
  if (!isSymmetric(algorithmOfIt)) {
    return [{ path: ['secret'], message: `is of no use with ${algorithmOfIt}; that needs path` }]
  }
  return faultsOf(own, [algorithmOfIt])
}

function faultsOf(own: Secret, algorithms: readonly Algorithm[]): RuleProblem[] {
  const message = faultOfSecret(own.reveal(), algorithms)
  if (message === undefined) return []
  return [{ path: ['secret'], message, hint: 'openssl rand -base64 48 makes one' }]
}

function oneSpelling(settings: Loose): RuleProblem[] {
  const spellings = { algorithms: 'algorithm', claims_verification: 'claims' }
  return Object.entries(spellings)
    .filter(([alias, name]) => settings[alias] !== undefined && settings[name] !== undefined)
    .map(([alias, name]) => ({
      path: [alias],
      message: `is given twice: ${name} is the same setting`,
    }))
}

function hasPublicKeys(settings: Loose): boolean {
  const { jwks_url: jwks, issuer_discovery: discovery } = settings
  const isRemote = jwks !== undefined || discovery === true
  const isNamed = namedKeys(settings).some(({ algorithm: name }) => !isHmac(name))
  return isRemote || isNamed || PATHS.some((name) => settings[name] !== undefined)
}

function hasSecret(settings: Loose): boolean {
  const isNamed = namedKeys(settings).some(({ algorithm: name }) => isHmac(name))
  return settings['secret'] !== undefined || isNamed
}

function isHmac(name: unknown): boolean {
  return typeof name === 'string' && name.startsWith('HS')
}

function namedKeys({ keys }: Loose): Loose[] {
  const list: readonly unknown[] = Array.isArray(keys) ? keys : []
  return list.filter((key) => isMapping(key))
}

function hasKeys(settings: Loose): RuleProblem[] {
  if (settings['enabled'] === false || hasSecret(settings) || hasPublicKeys(settings)) return []
  const message = 'has nothing to verify a token with'
  const hint = 'give secret, public_key_path, keys, jwks_url or issuer_discovery'
  return [{ path: [], message, hint }]
}

function wantedAlgorithms({ algorithm: one, algorithms: several }: Loose): readonly string[] {
  const wanted: readonly unknown[] = Array.isArray(several) ? several : [one]
  return wanted.filter((name) => typeof name === 'string')
}

/** An algorithm that nothing can verify is a mistake; a key that nothing uses is one too. */
function algorithmsHaveKeys(settings: Loose): RuleProblem[] {
  const wanted = wantedAlgorithms(settings)
  const at = settings['algorithms'] === undefined ? 'algorithm' : 'algorithms'
  if (wanted.length === 0 || !(hasSecret(settings) || hasPublicKeys(settings))) return []
  const problems: RuleProblem[] = []
  const keyless = wanted.find((name) =>
    isHmac(name) ? !hasSecret(settings) : !hasPublicKeys(settings),
  )
  if (keyless !== undefined) {
    const need = isHmac(keyless) ? 'secret' : 'a public key'
    problems.push({ path: [at], message: `${keyless} needs ${need}, and there is none` })
  }
  if (settings['secret'] !== undefined && !wanted.some(isHmac)) {
    const message = `is of no use with ${wanted.join(', ')}: it is for HS256, HS384 and HS512`
    problems.push({ path: ['secret'], message })
  }
  return problems
}

function secretIsOne(settings: Loose): RuleProblem[] {
  const { secret: given } = settings
  if (!(given instanceof Secret)) return []
  const wanted = wantedAlgorithms(settings)
  const own = ALGORITHMS.filter((name) => isSymmetric(name) && wanted.includes(name))
  return faultsOf(given, own.length === 0 ? ['HS256'] : own)
}

function keyIdsDiffer(settings: Loose): RuleProblem[] {
  const ids = namedKeys(settings).map(({ id }) => id)
  return ids.flatMap((id, index) => {
    const first = ids.indexOf(id)
    if (id === undefined || first === index) return []
    return [{ path: ['keys', index, 'id'], message: `is the id of keys[${first}] too` }]
  })
}

function discoveryHasAnIssuer({
  issuer_discovery: isOn,
  issuer,
  jwks_url: jwks,
}: Loose): RuleProblem[] {
  if (isOn !== true) return []
  const problems: RuleProblem[] = []
  if (jwks !== undefined) {
    const message = 'contradicts jwks_url; give one or the other'
    problems.push({ path: ['issuer_discovery'], message })
  }
  const list: readonly unknown[] = Array.isArray(issuer) ? issuer : []
  const [only, ...others] = list
  if (typeof only !== 'string' || others.length > 0 || !isWebUrl(only)) {
    const message = 'needs issuer to be one URL, whose document is read'
    problems.push({ path: ['issuer_discovery'], message })
  }
  return problems
}

/** `folder` is the configuration file's: relative paths start there. */
export function toJwt(settings: JwtSettings, folder: string): JwtConfig {
  const { algorithm: one, token_sources: sources } = settings
  return {
    enabled: settings.enabled,
    algorithms: settings.algorithms ?? (one === undefined ? undefined : [one]),
    secret: settings.secret,
    publicKeys: PATHS.flatMap((setting) => {
      const written = settings[setting]
      return written === undefined ? [] : [{ setting, path: resolve(folder, written) }]
    }),
    keys: settings.keys.map(({ id, algorithm: name, path: file, secret: own }) => {
      return { id, algorithm: name, path: file && resolve(folder, file), secret: own }
    }),
    jwksUrl: settings.jwks_url,
    issuerDiscovery: settings.issuer_discovery,
    jwksRefreshMs: settings.jwks_refresh_interval_secs * 1000,
    issuers: settings.issuer ?? [],
    audiences: settings.audience ?? [],
    leewayMs: settings.leeway,
    sources: sources?.map(toTokenSource) ?? [BEARER],
    claims: (settings.claims ?? settings.claims_verification ?? []).map(toCondition),
    adminClaims: (settings.admin_claims ?? []).map(toCondition),
  }
}

export function printJwt(jwt: JwtConfig): object {
  const { algorithms, jwksUrl, issuers, audiences } = jwt
  return {
    enabled: jwt.enabled,
    ...(algorithms === undefined ? {} : { algorithms }),
    ...(jwt.secret === undefined ? {} : { secret: '***' }),
    ...Object.fromEntries(jwt.publicKeys.map((key) => [key.setting, key.path])),
    keys: jwt.keys.map(({ id, algorithm: name, path: file }) => {
      return { id, algorithm: name, ...(file === undefined ? { secret: '***' } : { path: file }) }
    }),
    ...(jwksUrl === undefined ? {} : { jwks_url: withoutQueryValues(jwksUrl) }),
    issuer_discovery: jwt.issuerDiscovery,
    jwks_refresh_interval_secs: jwt.jwksRefreshMs / 1000,
    ...(issuers.length === 0 ? {} : { issuer: issuers }),
    ...(audiences.length === 0 ? {} : { audience: audiences }),
    leeway: formatDuration(jwt.leewayMs),
    token_sources: jwt.sources.map(printTokenSource),
    claims: jwt.claims.map(printCondition),
    ...(jwt.adminClaims.length === 0 ? {} : { admin_claims: jwt.adminClaims.map(printCondition) }),
  }
}
