// The audit log in a file: where it lies, when it makes room, and how soon it is on the disk itself.

import { resolve } from 'node:path'

import { formatDuration, formatSize } from '../primitives/units.ts'
import { choice, duration, integer, size, text } from './fields.ts'
import { documentedDefault, section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import type { z } from './zod.ts'

export type FsyncPolicy = (typeof FSYNC)[number]

export interface AuditFileConfig {
  readonly path: string
  readonly maxFileBytes: number
  readonly maxBackupFiles: number
  readonly rotation: 'size' | 'daily'
  readonly fsync: FsyncPolicy
  readonly fsyncIntervalMs: number
  /** What waits for the disk. */
  readonly bufferBytes: number
}

const FSYNC = ['always', 'interval', 'never'] as const
const mib = 1024 * 1024
const standardInterval = '1s'
const standardIntervalMs = 1000

export const auditFileSchema = section(
  {
    path: text({ wanted: 'the path of a file', test: (path) => !path.endsWith('/') }),
    max_file_size_mb: integer(1, mib).prefault(50),
    max_backup_files: integer(1, 10_000).prefault(5),
    rotation_policy: choice(['size', 'daily']).prefault('size'),
    fsync: choice(FSYNC).prefault('interval'),
    fsync_interval: documentedDefault(duration({ min: 10, max: 3_600_000 }), standardInterval),
    buffer_size: size(64 * 1024, 1024 * mib).prefault('16MiB'),
  },
  intervalIsUsed,
)

function intervalIsUsed({ fsync, fsync_interval: interval }: Loose): RuleProblem[] {
  if (interval === undefined || fsync === 'interval' || typeof fsync !== 'string') return []
  const message = `means nothing here; it belongs to fsync: interval`
  return [{ path: ['fsync_interval'], message }]
}

export function toAuditFile(
  settings: z.output<typeof auditFileSchema>,
  folder: string,
): AuditFileConfig {
  return {
    path: resolve(folder, settings.path),
    maxFileBytes: settings.max_file_size_mb * mib,
    maxBackupFiles: settings.max_backup_files,
    rotation: settings.rotation_policy,
    fsync: settings.fsync,
    fsyncIntervalMs: settings.fsync_interval ?? standardIntervalMs,
    bufferBytes: settings.buffer_size,
  }
}

export function printAuditFile(file: AuditFileConfig): object {
  const interval = formatDuration(file.fsyncIntervalMs)
  return {
    path: file.path,
    max_file_size_mb: file.maxFileBytes / mib,
    max_backup_files: file.maxBackupFiles,
    rotation_policy: file.rotation,
    fsync: file.fsync,
    ...(file.fsync === 'interval' ? { fsync_interval: interval } : {}),
    buffer_size: formatSize(file.bufferBytes),
  }
}
