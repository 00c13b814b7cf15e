// What is legal and yet probably not what was meant.

import type { AdminConfig } from './admin.ts'
import { auditWarnings } from './audit-log.ts'
import type { AuditLogConfig } from './audit-log.ts'
import type { BucketConfig } from './buckets.ts'
import type { CacheConfig } from './cache.ts'
import type { JwtConfig } from './jwt.ts'
import type { Problem } from './problem.ts'
import type { RateLimitConfig } from './rate-limit.ts'
import type { RateLimitingConfig } from './rate-limiting.ts'
import type { S3Config } from './s3.ts'
import { secretWarnings } from './secret-warnings.ts'
import { templateWarnings } from './templates.ts'

const ownPaths: readonly string[] = ['/health', '/ready']
/** What is said before anybody looks for the object. */
const unaskedFor: ReadonlySet<number> = new Set([401, 405, 414, 429, 431])

interface Concerned {
  readonly admin: AdminConfig
  readonly buckets: readonly BucketConfig[]
  readonly cache: CacheConfig
  readonly rateLimiting: RateLimitingConfig
  readonly jwt: JwtConfig | undefined
  readonly auditLog: AuditLogConfig | undefined
}

export function warningsOf(config: Concerned): Problem[] {
  const { admin, auditLog, buckets, cache, jwt, rateLimiting } = config
  return [
    ...auditWarnings(auditLog),
    ...secretWarnings(config),
    ...unusedJwt(buckets, jwt, admin),
    ...buckets.flatMap((bucket, index) => bucketWarnings(bucket, `buckets[${index}]`)),
    ...cacheWarnings(cache, rateLimiting),
    ...limitWarnings(buckets, rateLimiting),
    ...buckets.flatMap((bucket, index) => templateWarnings(bucket, jwt, `buckets[${index}]`)),
    ...buckets.flatMap((bucket, index) => shareWarnings(bucket, cache, `buckets[${index}]`)),
  ]
}

function unusedJwt(
  buckets: readonly BucketConfig[],
  jwt: JwtConfig | undefined,
  { roles }: AdminConfig,
): Problem[] {
  const isOperators = Object.values(roles).some(({ claims }) => claims.length > 0)
  if (isOperators || (jwt?.adminClaims.length ?? 0) > 0) return []
  const isUsed = buckets.some(({ auth }) => auth.enabled && auth.jwt === undefined)
  if (jwt?.enabled !== true || isUsed) return []
  const message = 'protects nothing: no bucket has auth.enabled without a jwt of its own'
  return [{ path: 'jwt', message, hint: 'add auth: { enabled: true } to the buckets it is for' }]
}

function limitWarnings(
  buckets: readonly BucketConfig[],
  { enabled, limits }: RateLimitingConfig,
): Problem[] {
  if (enabled) return namelessWarnings(buckets, limits)
  const places = buckets.flatMap(({ rateLimit }, index) =>
    rateLimit.length === 0 ? [] : [`buckets[${index}].rate_limit`],
  )
  if (limits.length > 0) places.unshift('rate_limiting.limits')
  const message = 'limits nothing: rate_limiting.enabled is false'
  return places.map((path) => ({ path, message }))
}

/** Nobody says who they are: all are counted as one. */
function namelessWarnings(
  buckets: readonly BucketConfig[],
  limits: readonly RateLimitConfig[],
): Problem[] {
  const isGuarded = ({ auth }: BucketConfig): boolean => auth.enabled
  const problemsOf = (list: readonly RateLimitConfig[], path: string): Problem[] =>
    list.flatMap(({ key, parts }, index) => {
      if (!parts.some(({ kind }) => kind === 'user' || kind === 'claim')) return []
      const message = `${key} tells nobody apart by name: no token is asked for`
      return [{ path: `${path}[${index}].key`, message, hint: 'add auth: { enabled: true }' }]
    })
  return [
    ...(buckets.some(isGuarded) ? [] : problemsOf(limits, 'rate_limiting.limits')),
    ...buckets.flatMap((bucket, index) =>
      isGuarded(bucket) ? [] : problemsOf(bucket.rateLimit, `buckets[${index}].rate_limit`),
    ),
  ]
}

function cacheWarnings(
  { enabled, layers, redis, memory, sliceBytes }: CacheConfig,
  { store }: RateLimitingConfig,
): Problem[] {
  const warnings: Problem[] = []
  const isUsed = layers.includes('redis') || store === 'redis'
  if (enabled && redis !== undefined && !isUsed) {
    const message = 'keeps no objects there: cache_layers does not name redis'
    warnings.push({ path: 'cache.redis.enabled', message })
  }
  if (enabled && layers.includes('memory') && memory.maxBytes < 4 * sliceBytes) {
    const message = 'holds hardly a slice; wanted room for four of slice_size'
    warnings.push({ path: 'cache.memory', message })
  }
  return warnings
}

function shareWarnings(bucket: BucketConfig, cache: CacheConfig, path: string): Problem[] {
  const { enabled, maxBytes } = bucket.cache
  if (!cache.enabled || !enabled || maxBytes === undefined) return []
  if (maxBytes >= 4 * cache.sliceBytes) return []
  const message = 'holds hardly a slice; wanted room for four of cache.slice_size'
  return [{ path: `${path}.cache.max_size`, message }]
}

function bucketWarnings(
  { pathPrefix, s3, authorization, listing, errorDocument }: BucketConfig,
  path: string,
): Problem[] {
  const warnings: Problem[] = []
  if (ownPaths.includes(pathPrefix)) {
    const message = `${pathPrefix} itself is answered by Sluice, only what is below it by the bucket`
    warnings.push({ path: `${path}.path_prefix`, message })
  }
  for (const status of errorDocument.keys()) {
    if (!unaskedFor.has(status)) continue
    const message = `is never served: S3 is not asked where the answer is ${status}`
    warnings.push({ path: `${path}.error_document.${status}`, message })
  }
  if (authorization?.failMode === 'open') {
    const message = 'open lets in whoever would be denied, while OPA does not answer'
    warnings.push({ path: `${path}.authorization.fail_mode`, message })
  }
  if (listing === 's3' && authorization?.input.includes('listing') === false) {
    const message =
      's3: whoever lists without the delimiter "/" is refused, as the policy is not told'
    const hint = 'add listing to authorization.input, and have the policy decide on it'
    warnings.push({ path: `${path}.listing`, message, hint })
  }
  if (s3.hedge !== undefined && s3.replicas.length === 1) {
    const message = 'does nothing with one replica: a hedge asks another'
    warnings.push({ path: `${path}.s3.hedge`, message })
  }
  if (s3.replicas.some(({ keyPrefix }) => keyPrefix.startsWith('/'))) {
    const message = 'begins with "/", so every key asked for does too'
    warnings.push({ path: `${path}.s3.key_prefix`, message })
  }
  if (s3.balance !== 'priority' && !sharesPriority(s3)) {
    const message = `${s3.balance} does nothing: it chooses among replicas of equal priority`
    const hint = 'give several replicas the same priority'
    warnings.push({ path: `${path}.s3.balance`, message, hint })
  }
  return warnings
}

function sharesPriority({ replicas }: S3Config): boolean {
  return new Set(replicas.map(({ priority }) => priority)).size < replicas.length
}
