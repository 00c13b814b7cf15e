import { choice, flag, number } from './fields.ts'
import { section } from './section.ts'
import type { z } from './zod.ts'

export interface LoggingConfig {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  readonly format: 'json' | 'text'
  readonly accessLog: boolean
  readonly sample: number
}

export const loggingSchema = section({
  level: choice(['debug', 'info', 'warn', 'error', 'silent']).prefault('info'),
  format: choice(['json', 'text']).prefault('json'),
  access_log: flag().prefault(true),
  sample: number({ min: 0, max: 1 }).prefault(1),
})

export function toLogging(settings: z.output<typeof loggingSchema>): LoggingConfig {
  const { level, format, access_log: accessLog, sample } = settings
  return { level, format, accessLog, sample }
}

export function printLogging({ level, format, accessLog, sample }: LoggingConfig): object {
  return { level, format, access_log: accessLog, sample }
}
