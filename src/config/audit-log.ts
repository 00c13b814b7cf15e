// The audit log: who asked for what and what was decided, kept where nobody can change it unnoticed.

import { choice, flag, text } from './fields.ts'
import { auditFileSchema, printAuditFile, toAuditFile } from './audit-file.ts'
import type { AuditFileConfig } from './audit-file.ts'
import { auditS3Schema, printAuditS3, toAuditS3 } from './audit-s3.ts'
import type { AuditS3Config } from './audit-s3.ts'
import {
  auditSyslogSchema,
  printAuditSyslog,
  syslogFileProblems,
  toSyslog,
} from './audit-syslog.ts'
import type { AuditSyslogConfig } from './audit-syslog.ts'
import type { Problem } from './problem.ts'
import { section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { nodeAt } from './tree.ts'
import type { Mapping } from './tree.ts'
import { z } from './zod.ts'

export type { AuditFileConfig, FsyncPolicy } from './audit-file.ts'
export type { AuditS3Config } from './audit-s3.ts'
export type { AuditSyslogConfig } from './audit-syslog.ts'

export const AUDIT_OUTPUTS = ['file', 'syslog', 's3'] as const
export type AuditOutput = (typeof AUDIT_OUTPUTS)[number]

/** Those outputs that are undefined are not written to. */
export interface AuditLogConfig {
  readonly level: AuditLevel
  readonly file: AuditFileConfig | undefined
  readonly syslog: AuditSyslogConfig | undefined
  readonly s3: AuditS3Config | undefined
  /** Described, and not listed. */
  readonly idle: readonly AuditOutput[]
}

export type AuditLevel = (typeof LEVELS)[number]

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
const SECTIONS = { file: 'file', syslog: 'syslog', s3: 's3_export' } as const

const output = text({
  wanted: `one of ${AUDIT_OUTPUTS.join(', ')}`,
  test: isOutput,
})

export const auditLogSchema = section(
  {
    enabled: flag().prefault(false),
    outputs: z.array(output).prefault([]),
    log_level: choice(LEVELS).prefault('info'),
    file: auditFileSchema.optional(),
    syslog: auditSyslogSchema.optional(),
    s3_export: auditS3Schema.optional(),
  },
  outputsDiffer,
  someOutput,
  everyOutputIsDescribed,
)

export type AuditLogSettings = z.output<typeof auditLogSchema>

function isOutput(name: string): name is AuditOutput {
  return AUDIT_OUTPUTS.some((known) => known === name)
}

function listed({ outputs }: Loose): readonly unknown[] {
  return Array.isArray(outputs) ? outputs : []
}

function outputsDiffer(settings: Loose): RuleProblem[] {
  const names = listed(settings)
  return names.flatMap((name, index) => {
    const first = names.indexOf(name)
    const message = `is "${String(name)}", as outputs[${first}] is`
    return first === index ? [] : [{ path: ['outputs', index], message }]
  })
}

function someOutput({ enabled, outputs }: Loose): RuleProblem[] {
  if (enabled !== true || !Array.isArray(outputs) || outputs.length > 0) return []
  const message = 'is an empty list: nothing would be kept'
  return [{ path: ['outputs'], message, hint: `name some of ${AUDIT_OUTPUTS.join(', ')}` }]
}

function everyOutputIsDescribed(settings: Loose): RuleProblem[] {
  if (settings['enabled'] !== true) return []
  const names = listed(settings)
  return AUDIT_OUTPUTS.flatMap((name) => {
    const place = SECTIONS[name]
    if (!names.includes(name) || settings[place] !== undefined) return []
    return [{ path: [place], message: `is missing; outputs names ${name}` }]
  })
}

/** Whoever writes a section down believes that it is written to. */
export function auditWarnings(audit: AuditLogConfig | undefined): Problem[] {
  return (audit?.idle ?? []).map((name) => ({
    path: `audit_log.${SECTIONS[name]}`,
    message: 'is written to by nobody',
    hint: `add ${name} to outputs`,
  }))
}

/** What is wrong with the files it names; looked at apart, so that all is told at once. */
export function auditFileProblems(tree: Mapping, folder: string): Problem[] {
  const settings = auditLogSchema.safeParse(nodeAt(tree, ['audit_log']))
  const { enabled, syslog } = settings.data ?? {}
  if (enabled !== true || syslog === undefined) return []
  return syslogFileProblems(toSyslog(syslog, folder), 'audit_log.syslog')
}

/** `folder` is the configuration file's: relative paths start there. */
export function toAuditLog(settings: AuditLogSettings, folder: string): AuditLogConfig | undefined {
  if (!settings.enabled) return undefined
  const { outputs, log_level: level } = settings
  const isListed = (name: AuditOutput): boolean => outputs.includes(name)
  const file = isListed('file') ? settings.file : undefined
  const syslog = isListed('syslog') ? settings.syslog : undefined
  const s3 = isListed('s3') ? settings.s3_export : undefined
  return {
    level,
    file: file && toAuditFile(file, folder),
    syslog: syslog && toSyslog(syslog, folder),
    s3: s3 && toAuditS3(s3, folder),
    idle: AUDIT_OUTPUTS.filter((name) => !isListed(name) && settings[SECTIONS[name]] !== undefined),
  }
}

export function printAuditLog(audit: AuditLogConfig | undefined): object {
  if (audit === undefined) return { enabled: false }
  const { level, file, syslog, s3 } = audit
  return {
    enabled: true,
    outputs: AUDIT_OUTPUTS.filter((name) => audit[name] !== undefined),
    log_level: level,
    ...(file === undefined ? {} : { file: printAuditFile(file) }),
    ...(syslog === undefined ? {} : { syslog: printAuditSyslog(syslog) }),
    ...(s3 === undefined ? {} : { s3_export: printAuditS3(s3) }),
  }
}
