// The audit log as objects in a bucket: batches that lie on disk until they have arrived.

import { resolve } from 'node:path'

import {
  credentialsFields,
  credentialsRule,
  printCredentials,
  toCredentials,
} from './credentials.ts'
import type { CredentialsConfig } from './credentials.ts'
import { choice, integer, text } from './fields.ts'
import { bucketName, endpoint, region } from './replicas.ts'
import { section } from './section.ts'
import type { z } from './zod.ts'

export interface AuditS3Config {
  readonly bucket: string
  readonly region: string
  readonly endpoint: string | undefined
  readonly addressing: 'auto' | 'path' | 'virtual'
  readonly credentials: CredentialsConfig
  readonly pathPrefix: string
  readonly exportIntervalMs: number
  readonly compression: 'gzip' | 'none'
  /** Where batches lie until they have arrived. */
  readonly spoolFolder: string
  readonly maxSpoolBytes: number
}

const mib = 1024 * 1024

export const auditS3Schema = section(
  {
    bucket: bucketName,
    region: region.prefault('us-east-1'),
    endpoint: endpoint.optional(),
    addressing: choice(['auto', 'path', 'virtual']).prefault('auto'),
    ...credentialsFields,
    path_prefix: text({
      wanted: 'a prefix of object keys, at most 512 bytes',
      test: (prefix) => Buffer.byteLength(prefix) <= 512,
    }).prefault(''),
    export_interval_seconds: integer(1, 86_400).prefault(60),
    compression: choice(['gzip', 'none']).prefault('gzip'),
    spool_path: text({ wanted: 'the path of a folder' }).prefault('./.audit-spool'),
    max_spool_size_mb: integer(1, mib).prefault(1024),
  },
  credentialsRule,
)

export function toAuditS3(settings: z.output<typeof auditS3Schema>, folder: string): AuditS3Config {
  return {
    bucket: settings.bucket,
    region: settings.region,
    endpoint: settings.endpoint,
    addressing: settings.addressing,
    credentials: toCredentials(settings),
    pathPrefix: settings.path_prefix,
    exportIntervalMs: settings.export_interval_seconds * 1000,
    compression: settings.compression,
    spoolFolder: resolve(folder, settings.spool_path),
    maxSpoolBytes: settings.max_spool_size_mb * mib,
  }
}

export function printAuditS3(s3: AuditS3Config): object {
  return {
    bucket: s3.bucket,
    region: s3.region,
    ...(s3.endpoint === undefined ? {} : { endpoint: s3.endpoint }),
    addressing: s3.addressing,
    ...printCredentials(s3.credentials),
    path_prefix: s3.pathPrefix,
    export_interval_seconds: s3.exportIntervalMs / 1000,
    compression: s3.compression,
    spool_path: s3.spoolFolder,
    max_spool_size_mb: s3.maxSpoolBytes / mib,
  }
}
