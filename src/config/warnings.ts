// What is legal and yet probably not what was meant.

import type { BucketConfig } from './buckets.ts'
import type { CacheConfig } from './cache.ts'
import type { JwtConfig } from './jwt.ts'
import type { Problem } from './problem.ts'
import type { S3Config } from './s3.ts'

const ownPaths: readonly string[] = ['/health', '/ready']

interface Concerned {
  readonly buckets: readonly BucketConfig[]
  readonly cache: CacheConfig
  readonly jwt: JwtConfig | undefined
}

export function warningsOf({ buckets, cache, jwt }: Concerned): Problem[] {
  return [
    ...unusedJwt(buckets, jwt),
    ...buckets.flatMap((bucket, index) => bucketWarnings(bucket, `buckets[${index}]`)),
    ...cacheWarnings(cache),
    ...buckets.flatMap((bucket, index) => shareWarnings(bucket, cache, `buckets[${index}]`)),
  ]
}

function unusedJwt(buckets: readonly BucketConfig[], jwt: JwtConfig | undefined): Problem[] {
  const isUsed = buckets.some(({ auth }) => auth.enabled && auth.jwt === undefined)
  if (jwt?.enabled !== true || isUsed) return []
  const message = 'protects nothing: no bucket has auth.enabled without a jwt of its own'
  return [{ path: 'jwt', message, hint: 'add auth: { enabled: true } to the buckets it is for' }]
}

function cacheWarnings({ enabled, layers, redis, memory, sliceBytes }: CacheConfig): Problem[] {
  const warnings: Problem[] = []
  if (enabled && redis !== undefined && !layers.includes('redis')) {
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

function bucketWarnings({ pathPrefix, s3, authorization }: BucketConfig, path: string): Problem[] {
  const warnings: Problem[] = []
  if (ownPaths.includes(pathPrefix)) {
    const message = `${pathPrefix} itself is answered by Sluice, only what is below it by the bucket`
    warnings.push({ path: `${path}.path_prefix`, message })
  }
  if (authorization?.failMode === 'open') {
    const message = 'open lets in whoever would be denied, while OPA does not answer'
    warnings.push({ path: `${path}.authorization.fail_mode`, message })
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
