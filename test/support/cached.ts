// An embedded S3 and a caching Sluice in front of it: what the tests of the cache begin with. Bucket
// `b` is served at `/b`, under the cache settings that it is given.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openS3Server } from '../../dev/s3-server.ts'
import type { LoggedRequest, PutBody, PutOptions, S3Server } from '../../dev/s3-server.ts'
import { request } from './http.ts'
import type { Answer, RequestOptions } from './http.ts'
import { openSluice } from './sluice.ts'
import type { ConfigObject, Sluice } from './sluice.ts'

export interface CachedOptions {
  /** The `cache` section. */
  readonly cache?: ConfigObject
  /** Of each bucket its own `cache` section, and what else it is given. */
  readonly buckets?: Readonly<Record<string, CachedBucket>>
  /** Its folders are buckets, for objects that are files. */
  readonly root?: string
  /** The other sections. */
  readonly settings?: ConfigObject
  readonly env?: Readonly<Record<string, string>>
}

export interface CachedBucket {
  readonly cache?: ConfigObject
  readonly settings?: ConfigObject
  readonly s3?: ConfigObject
}

export interface Cached extends AsyncDisposable {
  readonly s3: S3Server
  readonly sluice: () => Sluice
  /** Gives the ETag. */
  put(bucket: string, key: string, body: PutBody | string, options?: PutOptions): string
  ask(path: string, options?: RequestOptions): Promise<Answer>
  /** What S3 was asked for this key since the log was last cleared. */
  asked(key: string): readonly LoggedRequest[]
  /** Stops the program, as it stops for good, and starts it on the same folder. */
  restart(): Promise<void>
}

const KEYS = { accessKeyId: 'AKIDCACHED', secretAccessKey: 'a secret of the tests' }

export async function openCached(options: CachedOptions = {}): Promise<Cached> {
  const { cache = {}, buckets = { b: {} }, settings = {}, env = {}, root } = options
  const s3 = await openS3Server({ credentials: [KEYS], ...(root === undefined ? {} : { root }) })
  const folder = mkdtempSync(join(tmpdir(), 'sluice-cache-'))
  for (const name of Object.keys(buckets)) s3.createBucket(name)
  const config = {
    ...settings,
    cache: { ...cache, disk: { cache_dir: folder, ...sectionOf(cache['disk']) } },
    buckets: Object.entries(buckets).map(([name, bucket]) => bucketOf(name, bucket, s3.endpoint)),
  }
  let sluice = await openSluice(config, { env })
  return {
    s3,
    sluice: () => sluice,
    put: (bucket, key, body, put) => s3.putObject(bucket, key, body, put).etag,
    ask: (path, asking) => request(sluice.url + path, asking),
    asked: (key) => s3.requests.filter((logged) => logged.key === key),
    restart: async () => {
      sluice.kill('SIGTERM')
      await sluice.exited
      await sluice.close()
      sluice = await openSluice(config, { env })
    },
    [Symbol.asyncDispose]: async () => {
      await sluice.close()
      await s3.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function sectionOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}

function bucketOf(name: string, bucket: CachedBucket, endpoint: string): object {
  return {
    name,
    path_prefix: `/${name}`,
    ...(bucket.cache === undefined ? {} : { cache: bucket.cache }),
    ...bucket.settings,
    s3: {
      bucket: name,
      endpoint,
      access_key: KEYS.accessKeyId,
      secret_key: KEYS.secretAccessKey,
      // Tests count what S3 is asked, and probes are not of their asking.
      health_check: { enabled: false },
      retry: { max_attempts: 1 },
      ...bucket.s3,
    },
  }
}

/** What Sluice made of it, in short: `HIT`, `MISS`, `STALE`, `REVALIDATED` or `BYPASS`. */
export function xCacheOf({ headers }: Answer): string {
  return String(headers['x-cache'])
}

/** The bytes of an object that S3 sent in answer to these. */
export function bytesSent(requests: readonly LoggedRequest[]): number {
  return requests
    .filter(({ method }) => method === 'GET')
    .reduce((sum, { bytesSent: sent }) => sum + sent, 0)
}

/** How many bytes a request asked for; undefined when it set no bounds. */
export function bytesAsked({ headers }: LoggedRequest): number | undefined {
  const match = /^bytes=(\d+)-(\d+)$/.exec(headers['range'] ?? '')
  return match === null ? undefined : Number(match[2]) - Number(match[1]) + 1
}
