// A finished exchange, and every event, to whoever keeps them. A sink that fails, fails alone: to
// watch must never cost an answer.

import type { LoggingConfig } from '../config/logging.ts'
import type { Emit } from '../exchange/event.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { accessLine } from './access-log.ts'
import { writeEvent } from './event-log.ts'
import { openLog } from './log.ts'

export interface Observer {
  readonly observe: (exchange: Exchange) => void
  readonly emit: Emit
  /** Writes out what is still held back. */
  readonly close: () => Promise<void>
}

export function openObserver(config: LoggingConfig, random: () => number): Observer {
  const log = openLog(config)
  const isLogged = config.accessLog && config.level !== 'silent'
  return {
    observe(exchange) {
      if (!isLogged) return
      const line = accessLine(exchange)
      // Only what went well is thinned out: an operator looks for the rest.
      const isTrouble = line.status >= 500 || line.aborted || line.status === 0
      if (isTrouble || config.sample >= 1 || random() < config.sample) log.access(line)
    },
    emit(event) {
      writeEvent(log, event)
    },
    close: () => log.close(),
  }
}
