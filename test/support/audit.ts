// An audit log as an operator has it: a folder with files, and the command that verifies them.

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { runSluice } from './sluice.ts'
import { until } from './until.ts'

export type AuditRecord = Readonly<Record<string, unknown>>

export interface AuditFolder extends Disposable {
  readonly folder: string
  /** The file that is written to. */
  readonly path: string
  /** All of them, oldest first. */
  files(): string[]
  text(): string
  records(): AuditRecord[]
  /** The first record that `matches`, waited for. */
  record(matches: (record: AuditRecord) => boolean): Promise<AuditRecord>
  verify(): Promise<{ code: number | null; stdout: string; stderr: string }>
}

export function createAuditFolder(within = tmpdir()): AuditFolder {
  const folder = mkdtempSync(join(within, 'audit-'))
  const path = join(folder, 'audit.log')
  const files = (): string[] =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.log'))
      // '-' comes before '.': the file that is written to is the last.
      .sort()
      .map((name) => join(folder, name))
  const text = (): string =>
    files()
      .map((file) => readFileSync(file, 'utf8'))
      .join('')
  const records = (): AuditRecord[] => recordsIn(text())
  return {
    folder,
    path,
    files,
    text,
    records,
    record: async (matches) => {
      const found = await until(
        'an audit record',
        async () => records().filter(matches),
        (list) => list.length > 0,
      )
      return found[0] ?? assert.fail()
    },
    verify: () => verifyFiles(files()),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Of whole lines. */
export function recordsIn(text: string): AuditRecord[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AuditRecord)
}

export function verifyFiles(
  files: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return runSluice(['audit', 'verify', ...files])
}

/** The settings of a log in such a folder. */
export function auditTo(
  { path }: AuditFolder,
  file: object = {},
  more: object = {},
): { readonly audit_log: object } {
  return { audit_log: { enabled: true, outputs: ['file'], file: { path, ...file }, ...more } }
}
