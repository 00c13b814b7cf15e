// Prefixes with names in them, `/u/{tenant}`: what of the path a name stands for may be asked of the
// token's claims and stand in the object's key. The rules between the three places, which fail closed: a
// name that nothing gives, or a rule that protects nothing, is a mistake.

import { namesIn, splitAtName } from '../primitives/template.ts'
import type { BucketConfig } from './buckets.ts'
import { namesInCondition, namesInRule } from './claim-rules.ts'
import type { ClaimCondition } from './claim-rules.ts'
import type { JwtConfig } from './jwt.ts'
import { joinPath } from './problem.ts'
import type { PathSegment, Problem } from './problem.ts'
import type { Loose, RuleProblem } from './section.ts'
import { isMapping } from './tree.ts'

const NAME = /^\{[A-Za-z_]\w*\}$/

/** Of a prefix of paths: a name is a whole segment, and no other's. */
export function hasSoundNames(prefix: string): boolean {
  const named = prefix.split('/').filter((segment) => /[{}]/.test(segment))
  return named.every((segment) => NAME.test(segment)) && new Set(named).size === named.length
}

/** Rules of a bucket; the paths begin at it. */
export function keysFitTheirPrefix({ path_prefix: prefix, s3 }: Loose): RuleProblem[] {
  if (!isMapping(s3) || typeof prefix !== 'string') return []
  const places = keyPrefixesOf(s3)
  const faults = places.flatMap(({ path, written }) => {
    const message = faultOfKeyPrefix(written, prefix)
    return message === undefined ? [] : [{ path, message }]
  })
  return faults.length > 0 ? faults : keyPrefixesAgree(places)
}

interface WrittenKeyPrefix {
  readonly path: readonly PathSegment[]
  readonly written: string
}

/** Of each replica, as it is or as it is inherited. */
function keyPrefixesOf({ key_prefix: common, replicas }: Loose): WrittenKeyPrefix[] {
  const inherited = typeof common === 'string' ? common : ''
  if (!Array.isArray(replicas)) return [{ path: ['s3', 'key_prefix'], written: inherited }]
  const list: readonly unknown[] = replicas
  return list.map((replica, index) => {
    const own = isMapping(replica) ? replica['key_prefix'] : undefined
    return typeof own === 'string'
      ? { path: ['s3', 'replicas', index, 'key_prefix'], written: own }
      : { path: ['s3', 'key_prefix'], written: inherited }
  })
}

function faultOfKeyPrefix(written: string, prefix: string): string | undefined {
  const known = namesIn(prefix)
  const unknown = namesIn(written).find((name) => !known.includes(name))
  if (unknown !== undefined) return `{${unknown}} is no part of path_prefix ${prefix}`
  // Else one tenant's keys could begin as another's do.
  const isBounded = written
    .split('/')
    .every((segment, index, all) => namesIn(segment).length <= (index < all.length - 1 ? 1 : 0))
  return isBounded ? undefined : 'a name is followed by "/", and stands alone before it'
}

function keyPrefixesAgree(places: readonly WrittenKeyPrefix[]): RuleProblem[] {
  const [first, ...others] = places
  const wanted = splitAtName(first?.written ?? '').rest
  const odd = others.find(({ written }) => splitAtName(written).rest !== wanted)
  if (odd === undefined) return []
  const message = `differs from that of another replica from its first name on ("${wanted}")`
  return [{ path: odd.path, message }]
}

/** What was decoded, held together: a bucket's names, its keys, and the rules that it goes by. */
export function templateProblems(
  buckets: readonly BucketConfig[],
  jwt: JwtConfig | undefined,
): Problem[] {
  return buckets.flatMap((bucket, index) => {
    const own = bucket.auth.jwt
    const at = own === undefined ? ['jwt'] : ['buckets', index, 'auth', 'jwt']
    const section = bucket.auth.enabled ? (own ?? jwt) : own
    return (section?.claims ?? []).flatMap((condition, rule) =>
      problemsOfRule(condition, bucket, joinPath([...at, 'claims', rule])),
    )
  })
}

function problemsOfRule(condition: ClaimCondition, bucket: BucketConfig, path: string): Problem[] {
  const { name: bucketName, pathPrefix, s3 } = bucket
  const known = namesIn(pathPrefix)
  const inKey = namesIn(s3.keyTemplate)
  const names = [...new Set(namesInCondition(condition))]
  return names.flatMap((name) => {
    const what = `{${name}}`
    if (!known.includes(name)) {
      const message = `${what} is no part of path_prefix ${pathPrefix} of bucket ${bucketName}`
      const hint = 'give that bucket a jwt of its own, or the name to its path_prefix'
      return [{ path, message, hint }]
    }
    if (inKey.includes(name)) return []
    const message = `ties the token to ${what}, but all of them are shown the same objects of bucket ${bucketName}`
    return [{ path, message, hint: `add ${what}/ to its s3.key_prefix` }]
  })
}

/** Legal, and yet probably not what was meant. */
export function templateWarnings(
  { pathPrefix, s3, auth, signedUrls }: BucketConfig,
  jwt: JwtConfig | undefined,
  path: string,
): Problem[] {
  const claims = auth.enabled ? ((auth.jwt ?? jwt)?.claims ?? []) : []
  const tied = new Set(claims.flatMap(namesOfAll))
  const isSignedAlone = signedUrls.enabled && !auth.enabled
  const inKey = namesIn(s3.keyTemplate)
  return namesIn(pathPrefix).flatMap((name) => {
    const warnings: Problem[] = []
    if (!tied.has(name) && !isSignedAlone) {
      const message = `{${name}} is tied to nothing: whoever is let in may put any name there`
      const hint = `add the rule { claim: ${name}, operator: equals, value: "{${name}}" }`
      warnings.push({ path: `${path}.path_prefix`, message, hint })
    }
    if (!inKey.includes(name)) {
      const message = `{${name}} is not in s3.key_prefix: all of them are shown the same objects`
      warnings.push({ path: `${path}.path_prefix`, message })
    }
    return warnings
  })
}

function namesOfAll(condition: ClaimCondition): string[] {
  // One that may be passed over ties nothing.
  if (!('anyOf' in condition)) return namesInRule(condition)
  return condition.anyOf.every((rule) => namesInRule(rule).length > 0)
    ? condition.anyOf.flatMap(namesInRule)
    : []
}
