// The log: one JSON line, or one of text, for each thing that is said.

import { pino } from 'pino'
import type { Logger } from 'pino'

import type { LoggingConfig } from '../config/logging.ts'
import type { AccessLine } from './access-log.ts'
import { LineWriter } from './line-writer.ts'
import { textLine } from './text-line.ts'

export type Level = 'debug' | 'info' | 'warn' | 'error'

export interface Log {
  access(line: AccessLine): void
  event(level: Level, facts: object, message: string): void
  /** From now on. */
  reconfigure(config: LoggingConfig): void
  /** Writes out what is still held back. */
  close(): Promise<void>
}

const STANDARD_OUTPUT = 1

export function openLog(config: LoggingConfig): Log {
  const writer = new LineWriter(STANDARD_OUTPUT)
  const flush = (): void => writer.flush()
  process.on('exit', flush)
  let logger = createLogger(config, writer)
  return {
    access: (line) => logger.info(line, 'request'),
    event: (eventLevel, facts, message) => logger[eventLevel](facts, message),
    reconfigure: (changed) => (logger = createLogger(changed, writer)),
    close: async () => {
      await writer.close()
      process.off('exit', flush)
    },
  }
}

function createLogger({ level, format }: LoggingConfig, writer: LineWriter): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: named } },
    format === 'text' ? { write: (line) => writer.write(textLine(line)) } : writer,
  )
}

function named(label: string): object {
  return { level: label }
}
