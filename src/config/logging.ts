import { choice, flag, number } from './fields.ts'
import { section } from './section.ts'
import type { z } from './zod.ts'

/** From the most to nothing. */
export const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const

export interface LoggingConfig {
  readonly level: (typeof LEVELS)[number]
  readonly format: 'json' | 'text'
  readonly accessLog: boolean
  readonly sample: number
}

export const loggingSchema = section({
  level: choice(LEVELS).prefault('info'),
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
