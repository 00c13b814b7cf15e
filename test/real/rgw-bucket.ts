// How a configuration names a bucket of a test's gateway.

import type { ConfigObject } from '../support/sluice.ts'
import type { Rgw } from '../support/rgw.ts'

type Gateway = Pick<Rgw, 'endpoint' | 'accessKey' | 'secretKey'>

/** The `s3` section for it, or a replica. */
export function s3Of(rgw: Gateway, bucket: string, more: ConfigObject = {}): ConfigObject {
  const { endpoint, accessKey, secretKey } = rgw
  return { endpoint, bucket, access_key: accessKey, secret_key: secretKey, ...more }
}

/** A `buckets` element whose path is its name, which is where S3's clients look for it. */
export function bucketAt(name: string, s3: ConfigObject, more: ConfigObject = {}): ConfigObject {
  return { name, path_prefix: `/${name}`, s3, ...more }
}
