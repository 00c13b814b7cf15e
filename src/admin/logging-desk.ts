// How much the log says, looked at and changed while the program runs.

import { LEVELS } from '../config/logging.ts'
import type { LoggingConfig } from '../config/logging.ts'
import type { DeskAnswer } from './cache-desk.ts'
import { fieldsIn, textOf, wrong } from './order-fields.ts'

type Level = LoggingConfig['level']

/** Of all threads. */
export interface LoggingDesk {
  readonly level: () => Level
  readonly setLevel: (level: Level) => Promise<void>
}

export function loggingAnswer(desk: LoggingDesk): DeskAnswer {
  return { status: 200, value: { level: desk.level() } }
}

export function readLevel(body: unknown): Level {
  const written = textOf(fieldsIn(body, ['level']), 'level')
  const level = LEVELS.find((one) => one === written)
  if (level === undefined) throw wrong(`The field level is not one of ${LEVELS.join(', ')}.`)
  return level
}
