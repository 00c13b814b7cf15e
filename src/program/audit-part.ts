// The audit log and those who leave records in it: it lies with the main thread, and the threads that
// serve hand over to it what they have, by their lines.

import { hostname } from 'node:os'

import type { AuditLogConfig } from '../config/audit-log.ts'
import type { Emit, Event } from '../exchange/event.ts'
import { AuditLog, AuditTrail } from '../observe/observe.ts'
import type { Entry } from '../observe/observe.ts'
import { createPut } from '../origin/origin.ts'
import type { ThreadLine } from './thread-line.ts'
import { VERSION } from './version.ts'

export interface AuditPart {
  readonly log: AuditLog
  /** Of the main thread. */
  readonly trail: AuditTrail
  /** Who hears of its troubles, those up to now too. */
  tellTo(emit: Emit): void
  /** From now on as configured; rejects where that cannot be written, and nothing has changed then. */
  follow(config: AuditLogConfig | undefined): Promise<void>
  /** What is left is written, for as long as may be waited for. */
  close(): Promise<void>
}

/** Rejects where what is configured cannot be written at all. */
export async function openAudit(config: AuditLogConfig | undefined): Promise<AuditPart> {
  let early: Event[] | undefined = []
  let tell: Emit = (event) => void early?.push(event)
  const log = await AuditLog.open({
    config,
    emit: (event) => tell(event),
    random: Math.random,
    version: VERSION,
    hostname: hostname(),
    pid: process.pid,
    uploader: createPut,
  })
  const trail = new AuditTrail(config, (entries, lost) => log.take(entries, lost))
  let closing: Promise<void> | undefined
  return {
    log,
    trail,
    tellTo: (emit) => {
      tell = emit
      for (const event of early ?? []) emit(event)
      early = undefined
    },
    follow: async (next) => {
      await log.reopen(next)
      trail.follow(next)
    },
    close: () => (closing ??= trail.close(0).then(() => log.close())),
  }
}

/** How long the main thread may take; what it takes later is taken all the same. */
const TAKE_MS = 120_000

/** A worker's. */
export function auditTrailAt(line: ThreadLine, config: AuditLogConfig | undefined): AuditTrail {
  return new AuditTrail(config, async (entries, lost) => {
    await line.ask('audit', [entries, lost], TAKE_MS)
  })
}

/** The cast: what `auditTrailAt` asked. */
export function auditArguments([entries, lost]: readonly unknown[]): [readonly Entry[], number] {
  return [entries as readonly Entry[], Number(lost)]
}
