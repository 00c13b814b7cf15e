// Several embedded S3 servers that hold the same objects, and a bucket configured over them: what a
// test of failover begins with.

import { openS3Server } from '../../dev/s3-server.ts'
import type {
  BucketOptions,
  Credential,
  FaultRule,
  PutBody,
  PutOptions,
  S3Server,
} from '../../dev/s3-server.ts'

export const KEYS: Credential = { accessKeyId: 'AKIDFLEET', secretAccessKey: 'fleet-secret' }
export const BUCKET = 'objects'

export type Settings = Readonly<Record<string, unknown>>

export interface Fleet extends AsyncDisposable {
  readonly servers: readonly S3Server[]
  server(index: number): S3Server
  /** The same bytes under the same ETag everywhere. */
  put(key: string, body: PutBody | string, options?: PutOptions): void
  fault(rule: FaultRule, indexes?: readonly number[]): void
  clear(): void
  /** How many requests for `key` each server got; of any key when none is named. */
  counts(key?: string): number[]
  /** A bucket over all of them at `/objects`, named r0, r1, …; `s3` is added to its settings. */
  bucket(s3?: Settings, each?: (index: number) => Settings): Settings
}

const LAST_MODIFIED = new Date('2026-11-20T00:00:00Z')

export async function openFleet(
  count: number,
  options: BucketOptions & { readonly credentials?: readonly Credential[] } = {},
): Promise<Fleet> {
  const { credentials = [KEYS], ...bucket } = options
  const servers = await Promise.all(
    Array.from({ length: count }, () => openS3Server({ credentials })),
  )
  for (const server of servers) server.createBucket(BUCKET, bucket)
  const all = servers.map((_, index) => index)
  const server = (index: number): S3Server => {
    const found = servers[index]
    if (found === undefined) throw new Error(`there is no server ${index}`)
    return found
  }
  return {
    servers,
    server,
    put: (key, body, put) => {
      for (const each of servers) {
        each.putObject(BUCKET, key, body, { lastModified: LAST_MODIFIED, ...put })
      }
    },
    fault: (rule, indexes = all) => {
      for (const index of indexes) server(index).fault(rule)
    },
    clear: () => {
      for (const each of servers) {
        each.clearFaults()
        each.clearRequests()
      }
    },
    counts: (key) =>
      servers.map(
        ({ requests }) => requests.filter((one) => key === undefined || one.key === key).length,
      ),
    bucket: (s3, each) => bucketOver(servers, s3, each),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map((each) => each.close()))
    },
  }
}

function bucketOver(
  servers: readonly S3Server[],
  s3: Settings = {},
  each: (index: number) => Settings = () => ({}),
): Settings {
  return {
    name: BUCKET,
    path_prefix: `/${BUCKET}`,
    s3: {
      bucket: BUCKET,
      access_key: KEYS.accessKeyId,
      secret_key: KEYS.secretAccessKey,
      health_check: { enabled: false },
      replicas: servers.map(({ endpoint }, index) => ({
        name: `r${index}`,
        endpoint,
        ...each(index),
      })),
      ...s3,
    },
  }
}

/** Looks again until it holds, since what a test waits for happens in another process. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what = 'what was waited for',
): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what} did not come about`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
