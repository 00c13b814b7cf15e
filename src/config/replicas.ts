// One bucket at one endpoint. The fields beside `replicas` are the defaults of each replica;
// without a list they are the only replica, named "primary".

import { splitAtName } from '../primitives/template.ts'
import { formatDuration } from '../primitives/units.ts'
import {
  credentialsFields,
  credentialsRule,
  namesCredentials,
  printCredentials,
  toCredentials,
} from './credentials.ts'
import type { CredentialsConfig, CredentialsSettings } from './credentials.ts'
import { choice, duration, field, integer, isPrintable, text, textOf } from './fields.ts'
import { section } from './section.ts'
import type { z } from './zod.ts'

export interface ReplicaConfig {
  readonly name: string
  readonly bucket: string
  readonly region: string
  readonly endpoint: string | undefined
  readonly addressing: 'auto' | 'path' | 'virtual'
  readonly credentials: CredentialsConfig
  /** Up to the first name in it. */
  readonly keyPrefix: string
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  readonly stallTimeoutMs: number
  readonly connectionPoolSize: number
  readonly priority: number
  readonly weight: number
}

export const bucketName = text({
  wanted: 'the name of an S3 bucket',
  test: /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,255}$/,
})
export const region = text({ wanted: 'a region such as us-east-1', test: /^[A-Za-z0-9_-]{1,64}$/ })
const addressing = choice(['auto', 'path', 'virtual'])
const keyPrefix = text({
  wanted: 'a prefix of object keys, at most 1024 bytes',
  test: (prefix) => Buffer.byteLength(prefix) <= 1024,
})
const poolSize = integer(1, 10_000)

export const endpoint = field({
  wanted: 'an http or https URL without a path, such as http://minio:9000',
  json: { type: 'string' },
  // What follows the host may be a password or a signed query: such a URL is not repeated.
  isSecret: true,
  read: (input) => parseEndpoint(textOf(input)),
  hintFor: (input) => {
    const url = textOf(input) ?? ''
    if (url.includes('@')) return 'credentials go into access_key and secret_key'
    if (/^https?:\/\/[^/]+\/./i.test(url))
      return 'the bucket goes into bucket, a prefix into key_prefix'
    return url !== '' && !url.includes('://') ? 'begin it with http:// or https://' : undefined
  },
})

/** `scheme://host[:port]`, lower case, without a default port or trailing slash. */
function parseEndpoint(text: string | undefined): string | undefined {
  if (text === undefined || !/^https?:\/\/[^/\\?#@\s]+\/?$/i.test(text) || !isPrintable(text)) {
    return undefined
  }
  const url = URL.parse(text)
  return url === null || url.hostname === '' ? undefined : url.origin
}

export const singleBucketFields = {
  bucket: bucketName.optional(),
  region: region.prefault('us-east-1'),
  endpoint: endpoint.optional(),
  addressing: addressing.prefault('auto'),
  ...credentialsFields,
  key_prefix: keyPrefix.prefault(''),
  timeout: duration().prefault(20),
  connect_timeout: duration().prefault('5s'),
  stall_timeout: duration().prefault('30s'),
  connection_pool_size: poolSize.prefault(50),
}

export const replicaSchema = section(
  {
    name: text({ wanted: 'a name of letters, digits, "-", "_" and "."', test: /^[\w.-]{1,64}$/ }),
    bucket: bucketName.optional(),
    region: region.optional(),
    endpoint: endpoint.optional(),
    addressing: addressing.optional(),
    ...credentialsFields,
    key_prefix: keyPrefix.optional(),
    timeout: duration().optional(),
    connect_timeout: duration().optional(),
    stall_timeout: duration().optional(),
    connection_pool_size: poolSize.optional(),
    priority: integer(1, 1_000_000).optional(),
    weight: integer(1, 1000).prefault(1),
  },
  credentialsRule,
)

type ReplicaSettings = z.output<typeof replicaSchema>

/** What the fields beside the list say; structurally, since more settings stand there too. */
export interface SingleBucketSettings extends CredentialsSettings {
  readonly bucket?: string | undefined
  readonly region: string
  readonly endpoint?: string | undefined
  readonly addressing: ReplicaConfig['addressing']
  readonly key_prefix: string
  readonly timeout: number
  readonly connect_timeout: number
  readonly stall_timeout: number
  readonly connection_pool_size: number
}

export function toReplicas(
  single: SingleBucketSettings,
  replicas: readonly ReplicaSettings[] | undefined,
): readonly ReplicaConfig[] {
  const list: readonly ReplicaSettings[] = replicas ?? [{ name: 'primary', weight: 1 }]
  return list.map((own, index) => ({
    name: own.name,
    bucket: own.bucket ?? single.bucket ?? '',
    region: own.region ?? single.region,
    endpoint: own.endpoint ?? single.endpoint,
    addressing: own.addressing ?? single.addressing,
    credentials: toCredentials(namesCredentials(own) ? own : single),
    keyPrefix: splitAtName(own.key_prefix ?? single.key_prefix).fixed,
    timeoutMs: own.timeout ?? single.timeout,
    connectTimeoutMs: own.connect_timeout ?? single.connect_timeout,
    stallTimeoutMs: own.stall_timeout ?? single.stall_timeout,
    connectionPoolSize: own.connection_pool_size ?? single.connection_pool_size,
    priority: own.priority ?? index + 1,
    weight: own.weight,
  }))
}

export function printReplica(replica: ReplicaConfig, keyTemplate: string): object {
  return {
    name: replica.name,
    bucket: replica.bucket,
    region: replica.region,
    ...(replica.endpoint === undefined ? {} : { endpoint: replica.endpoint }),
    addressing: replica.addressing,
    ...printCredentials(replica.credentials),
    key_prefix: replica.keyPrefix + keyTemplate,
    timeout: formatDuration(replica.timeoutMs),
    connect_timeout: formatDuration(replica.connectTimeoutMs),
    stall_timeout: formatDuration(replica.stallTimeoutMs),
    connection_pool_size: replica.connectionPoolSize,
    priority: replica.priority,
    weight: replica.weight,
  }
}
