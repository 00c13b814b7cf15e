// What a soak drives: two replicas, Redis, a policy server and a Sluice of two threads before them,
// with every tier and every check in use.

import { openS3Server } from '../../dev/s3-server.ts'
import type { S3Server } from '../../dev/s3-server.ts'
import { bucketAt, KEYS, ORIGIN_BUCKET } from '../../test/support/front.ts'
import { openOpa } from '../../test/support/opa.ts'
import type { OpaServer } from '../../test/support/opa.ts'
import { openRedis } from '../../test/support/redis.ts'
import type { RedisServer } from '../../test/support/redis.ts'
import { openSluice } from '../../test/support/sluice.ts'
import type { Sluice } from '../../test/support/sluice.ts'
import { SECRET } from '../../test/support/tokens.ts'

export const ADMIN = 'soak-9qLwPz7-tYd2XcB-operator'
export const SMALL = 400
export const SMALL_BYTES = 60_000
export const BIG = 24
export const BIG_BYTES = 3_000_000

const MIB = 1024 * 1024

export interface SoakWorld extends AsyncDisposable {
  readonly sluice: Sluice
  readonly replicas: readonly [S3Server, S3Server]
  readonly redis: RedisServer
  readonly opa: OpaServer
}

export async function openWorld(): Promise<SoakWorld> {
  const stack = new AsyncDisposableStack()
  const replica = async (): Promise<S3Server> =>
    stack.adopt(await openReplica(), (s3) => s3.close())
  const replicas = [await replica(), await replica()] as const
  const redis = stack.use(await openRedis())
  const opa = stack.use(await openOpa())
  const sluice = stack.use(await openSluice(configuration(replicas, redis.url, opa.url)))
  return { sluice, replicas, redis, opa, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

async function openReplica(): Promise<S3Server> {
  const s3 = await openS3Server({ credentials: [KEYS] })
  s3.createBucket(ORIGIN_BUCKET)
  for (let index = 0; index < SMALL; index += 1) {
    const key = `small/${index}`
    s3.putObject(ORIGIN_BUCKET, key, { seed: key, size: smallBytes(index) })
    s3.putObject(ORIGIN_BUCKET, `private/${index}`, { seed: key, size: smallBytes(index) })
  }
  for (let index = 0; index < BIG; index += 1) {
    s3.putObject(ORIGIN_BUCKET, `big/${index}`, { seed: `big/${index}`, size: BIG_BYTES })
  }
  return s3
}

/** From a few hundred bytes on, as assets are. */
export function smallBytes(index: number): number {
  return 300 + ((index * 7919) % SMALL_BYTES)
}

function configuration(
  [first, second]: readonly [S3Server, S3Server],
  redisUrl: string,
  opaUrl: string,
): object & Record<string, unknown> {
  const replica = (name: string, { endpoint }: S3Server, priority: number): object => {
    return { name, bucket: ORIGIN_BUCKET, endpoint, priority, timeout: 2 }
  }
  const s3 = {
    bucket: undefined,
    endpoint: undefined,
    replicas: [replica('first', first, 1), replica('second', second, 2)],
    circuit_breaker: { failure_threshold: 5, timeout_seconds: 2 },
    health_check: { interval: '2s', timeout: '1s' },
    stall_timeout: '2s',
  }
  const cache = { ttl: 20, stale_while_revalidate: '5s', stale_if_error: '30s' }
  return {
    server: { threads: 2, shutdown: { drain: '5s' } },
    admin: { token: ADMIN },
    logging: { access_log: false },
    jwt: { secret: SECRET },
    cache: {
      cache_layers: ['memory', 'disk', 'redis'],
      memory: { max_cache_size_mb: 16 },
      disk: { enabled: true, cache_dir: 'cache', max_disk_cache_size_mb: 64 },
      redis: { enabled: true, redis_url: redisUrl },
      fill_memory: String(64 * MIB),
    },
    rate_limiting: {
      store: 'redis',
      limits: [],
    },
    buckets: [
      bucketAt(first.endpoint, { name: 'assets', s3, cache }),
      bucketAt(first.endpoint, {
        name: 'limited',
        s3,
        cache,
        rate_limit: [{ name: 'few', key: 'ip', requests_per_second: 20, burst: 20 }],
      }),
      bucketAt(first.endpoint, {
        name: 'gallery',
        s3,
        cache,
        auth: { enabled: true },
        authorization: {
          type: 'opa',
          url: opaUrl,
          policy_path: 'sluice/authz/allow',
          timeout_ms: 500,
          cache_ttl_seconds: 3,
        },
      }),
    ],
  }
}
