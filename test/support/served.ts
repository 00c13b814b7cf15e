// An embedded S3 and a Sluice in front of it: what most behaviour tests need, with one bucket for
// each set of settings they look at. Bucket `b` is served at `/b` unless its settings say otherwise.

import { openS3Server } from '../../dev/s3-server.ts'
import type { PutBody, PutOptions, S3Server, S3ServerOptions } from '../../dev/s3-server.ts'
import { request } from './http.ts'
import type { Answer, RequestOptions } from './http.ts'
import { openSluice } from './sluice.ts'
import type { ConfigObject, Sluice } from './sluice.ts'

export type Quirks = NonNullable<S3ServerOptions['quirks']>

export interface ServedBucket {
  /** Of `buckets[]`, besides those that lead to the origin. */
  readonly settings?: ConfigObject
  /** Of `buckets[].s3`, besides those. */
  readonly s3?: ConfigObject
  /** Which of the two origins holds it. */
  readonly quirks?: Quirks
  readonly versioned?: boolean
}

export interface ServedOptions {
  readonly server?: ConfigObject
  readonly buckets: Readonly<Record<string, ServedBucket>>
}

export interface Served {
  readonly sluice: Sluice
  readonly port: number
  /** The origins, by whose behaviour they show. */
  readonly aws: S3Server
  readonly ceph: S3Server
  put(bucket: string, key: string, body: PutBody | string, options?: PutOptions): string
  ask(path: string, options?: RequestOptions): Promise<Answer>
  close(): Promise<void>
}

const KEYS = { accessKeyId: 'AKIDSERVED', secretAccessKey: 'a secret of the tests' }

export async function openServed({ server = {}, buckets }: ServedOptions): Promise<Served> {
  const aws = await openS3Server({ credentials: [KEYS], quirks: 'aws' })
  const ceph = await openS3Server({ credentials: [KEYS], quirks: 'ceph' })
  const originOf = (bucket: string): S3Server => (buckets[bucket]?.quirks === 'ceph' ? ceph : aws)
  for (const [name, { versioned = false }] of Object.entries(buckets)) {
    originOf(name).createBucket(name, { versioned })
  }
  const configs = Object.entries(buckets).map(([name, bucket]) =>
    bucketConfig(name, bucket, originOf(name).endpoint),
  )
  const closeOrigins = async (): Promise<void> => {
    await Promise.all([aws.close(), ceph.close()])
  }
  const sluice = await openSluice({ server, buckets: configs }).catch(async (error: unknown) => {
    await closeOrigins()
    throw error
  })
  return {
    sluice,
    port: Number(new URL(sluice.url).port),
    aws,
    ceph,
    put: (bucket, key, body, options) =>
      originOf(bucket).putObject(bucket, key, body, options).etag,
    ask: (path, options) => request(sluice.url + path, options),
    close: async () => {
      await sluice.close()
      await closeOrigins()
    },
  }
}

function bucketConfig(name: string, { settings, s3 }: ServedBucket, endpoint: string): object {
  return {
    name,
    path_prefix: `/${name}`,
    ...settings,
    s3: {
      bucket: name,
      endpoint,
      access_key: KEYS.accessKeyId,
      secret_key: KEYS.secretAccessKey,
      // Tests compare what the origin was asked, and probes are not of their asking.
      health_check: { enabled: false },
      ...s3,
    },
  }
}
