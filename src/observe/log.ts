// Lines to standard output, written behind the request's back and flushed at the end. Several
// threads share the one output, so a write never carries part of a line.

import { pino } from 'pino'

import type { LoggingConfig } from '../config/logging.ts'
import type { AccessLine } from './access-log.ts'
import { textLine } from './text-line.ts'

export type Level = 'debug' | 'info' | 'warn' | 'error'

export interface Log {
  access(line: AccessLine): void
  event(level: Level, facts: object, message: string): void
  flush(): void
}

/** What the kernel writes to a pipe in one piece. */
const ATOMIC_BYTES = 4096

export function openLog({ level, format }: LoggingConfig): Log {
  const destination = pino.destination({ fd: 1, sync: false, maxWrite: ATOMIC_BYTES })
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: named } },
    format === 'text' ? throughText(destination) : destination,
  )
  return {
    access: (line) => logger.info(line, 'request'),
    event: (eventLevel, facts, message) => logger[eventLevel](facts, message),
    flush: () => {
      try {
        destination.flushSync()
      } catch {
        // The output is gone or was never opened: there is nobody left to tell.
      }
    },
  }
}

function named(label: string): object {
  return { level: label }
}

function throughText(destination: { write(line: string): unknown }): { write(line: string): void } {
  return { write: (line) => void destination.write(textLine(line)) }
}
