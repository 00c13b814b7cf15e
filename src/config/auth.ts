// Who gets in: whether a bucket asks for a token, and by which rules. A bucket that asks has rules, its
// own or the global ones, or the program does not start; and their keys are looked at then.

import { flag } from './fields.ts'
import { jwtSchema, printJwt, toJwt } from './jwt.ts'
import type { JwtConfig } from './jwt.ts'
import { pinnedAlgorithms, readPublicKey, readSecretKey, isSymmetric } from './jwt-keys.ts'
import { childPath, joinPath } from './problem.ts'
import type { PathSegment, Problem } from './problem.ts'
import { sameAs, section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { isMapping, nodeAt } from './tree.ts'
import type { Mapping } from './tree.ts'
import type { z } from './zod.ts'

export interface AuthConfig {
  readonly enabled: boolean
  /** Undefined: the global one. */
  readonly jwt: JwtConfig | undefined
}

export const authSchema = section(
  { enabled: flag(), jwt: sameAs(jwtSchema.optional(), 'jwt') },
  ownIsInUse,
  ownMakesNoOperators,
)

function ownIsInUse({ enabled, jwt }: Loose): RuleProblem[] {
  if (enabled !== true || !isMapping(jwt) || jwt['enabled'] !== false) return []
  const message = 'is off while auth.enabled is true; nobody could say who gets in'
  return [{ path: ['jwt', 'enabled'], message }]
}

/** Operators are those of the whole Sluice. */
function ownMakesNoOperators({ jwt }: Loose): RuleProblem[] {
  if (!isMapping(jwt) || jwt['admin_claims'] === undefined) return []
  const message = 'means nothing in a bucket: operators are those of the jwt section at the top'
  return [{ path: ['jwt', 'admin_claims'], message }]
}

/** Between buckets and the global section; the paths begin at the root. */
export function everyAuthHasKeys({ buckets, jwt }: Loose): RuleProblem[] {
  const list: readonly unknown[] = Array.isArray(buckets) ? buckets : []
  const isGlobal = isMapping(jwt) && jwt['enabled'] !== false
  return list.flatMap((bucket, index) => {
    const auth = isMapping(bucket) ? bucket['auth'] : undefined
    if (!isMapping(auth) || auth['enabled'] !== true) return []
    if (isGlobal || auth['jwt'] !== undefined) return []
    const message = 'asks for tokens, and there is no jwt section to verify them by'
    const hint = 'add jwt, to the bucket’s auth or at the top'
    return [{ path: ['buckets', index, 'auth', 'enabled'], message, hint }]
  })
}

export function toAuth(
  settings: z.output<typeof authSchema> | undefined,
  folder: string,
): AuthConfig {
  const { enabled = false, jwt } = settings ?? {}
  return { enabled, jwt: jwt && toJwt(jwt, folder) }
}

export function printAuth({ enabled, jwt }: AuthConfig): object {
  return { enabled, ...(jwt === undefined ? {} : { jwt: printJwt(jwt) }) }
}

/** What is wrong with the files themselves, of every section that names some. */
export function keyFileProblems(tree: Mapping, folder: string): Problem[] {
  const buckets = nodeAt(tree, ['buckets'])
  const count = Array.isArray(buckets) ? buckets.length : 0
  const own = Array.from({ length: count }, (_, index) => ['buckets', index, 'auth', 'jwt'])
  return [['jwt'], ...own].flatMap((place) => problemsAt(tree, place, folder))
}

function problemsAt(tree: Mapping, place: readonly PathSegment[], folder: string): Problem[] {
  const settings = jwtSchema.safeParse(nodeAt(tree, place))
  if (!settings.success || !settings.data.enabled) return []
  const at = joinPath(place)
  const jwt = toJwt(settings.data, folder)
  return [
    ...jwt.publicKeys.flatMap(({ setting, path }) => {
      const message = faultOfPublicKey(jwt, setting, path)
      return message === undefined ? [] : [{ path: childPath(at, setting), message }]
    }),
    ...jwt.keys.flatMap(({ path, algorithm }, index) => {
      const message = path === undefined ? undefined : faultOfNamedKey(path, algorithm)
      return message === undefined ? [] : [{ path: `${at}.keys[${index}].path`, message }]
    }),
  ]
}

function faultOfPublicKey(
  { algorithms }: JwtConfig,
  setting: string,
  path: string,
): string | undefined {
  const key = readPublicKey(path)
  if (typeof key === 'string') return key
  const kind = setting.startsWith('rsa') ? 'rsa' : setting.startsWith('ecdsa') ? 'ec' : undefined
  if (kind !== undefined && key.asymmetricKeyType !== kind) {
    return `${path} is a key of another kind (${key.asymmetricKeyType})`
  }
  if (pinnedAlgorithms(key, algorithms).length > 0) return undefined
  return `${path} is of no use with ${algorithms?.join(', ')}`
}

function faultOfNamedKey(
  path: string,
  algorithm: JwtConfig['keys'][number]['algorithm'],
): string | undefined {
  const key = isSymmetric(algorithm) ? readSecretKey(path, algorithm) : readPublicKey(path)
  if (typeof key === 'string') return key
  if (pinnedAlgorithms(key, [algorithm]).length > 0) return undefined
  return `${path} is of no use with ${algorithm}`
}
