// One bucket behind a Sluice whose listener, log or end is what a test looks at.

import { openS3Server } from '../../dev/s3-server.ts'
import type { PutBody, PutOptions, S3Server } from '../../dev/s3-server.ts'
import { openSluice } from './sluice.ts'
import type { ConfigObject, Sluice, SluiceOptions } from './sluice.ts'

export interface Front extends AsyncDisposable {
  readonly sluice: Sluice
  readonly s3: S3Server
  /** Of the main port, and of the operations listener. */
  readonly url: string
  readonly opsUrl: string
  readonly port: number
  /** An object of the bucket served at `/files`. */
  put(key: string, body: PutBody | string, options?: PutOptions): void
}

export interface FrontOptions extends SluiceOptions {
  /** Buckets beside the one at `/files`. */
  readonly buckets?: (endpoint: string) => object[]
  /** Of its `s3` section. */
  readonly s3?: ConfigObject
}

/** What the origin calls the bucket; no client may learn it. */
export const ORIGIN_BUCKET = 'origin-bucket-name'
export const KEYS = { accessKeyId: 'AKIDFRONT', secretAccessKey: 'a secret of the tests' }

/** `settings` are the sections of the configuration but `buckets`. */
export async function openFront(
  settings: ConfigObject = {},
  options: FrontOptions = {},
): Promise<Front> {
  const s3 = await openS3Server({ credentials: [KEYS] })
  s3.createBucket(ORIGIN_BUCKET)
  try {
    const others = options.buckets?.(s3.endpoint) ?? []
    const buckets = [bucketAt(s3.endpoint, { name: 'files', s3: options.s3 }), ...others]
    const sluice = await openSluice({ buckets, ...settings }, options)
    return toFront(sluice, s3)
  } catch (error) {
    await s3.close()
    throw error
  }
}

/** The configuration of a bucket; at `/<name>` unless `settings` say otherwise. */
export function bucketAt(endpoint: string, settings: ConfigObject & { name: string }): object {
  const { name, s3, ...others } = settings
  return {
    name,
    path_prefix: `/${name}`,
    ...others,
    s3: {
      bucket: ORIGIN_BUCKET,
      endpoint,
      access_key: KEYS.accessKeyId,
      secret_key: KEYS.secretAccessKey,
      // What a test breaks at the origin shall not spoil the next.
      circuit_breaker: { failure_threshold: 1000 },
      ...(typeof s3 === 'object' && s3),
    },
  }
}

function toFront(sluice: Sluice, s3: S3Server): Front {
  return {
    sluice,
    s3,
    url: sluice.url,
    opsUrl: sluice.opsUrl,
    port: sluice.url === '' ? 0 : Number(new URL(sluice.url).port),
    put: (key, body, options) => void s3.putObject(ORIGIN_BUCKET, key, body, options),
    [Symbol.asyncDispose]: async () => {
      await sluice.close()
      await s3.close()
    },
  }
}
