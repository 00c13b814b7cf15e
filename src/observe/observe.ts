// A finished exchange, and every event, to whoever keeps them. A sink that fails, fails alone: to
// watch must never cost an answer.

import type { LoggingConfig } from '../config/logging.ts'
import type { Emit } from '../exchange/event.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { accessLine } from './access-log.ts'
import { writeEvent } from './event-log.ts'
import { openLog } from './log.ts'
import type { ThreadMetrics } from './metrics.ts'
import type { Traffic } from './traffic.ts'

export { ThreadMetrics } from './metrics.ts'
export { expose } from './exposition.ts'
export type { Exposition } from './exposition.ts'
export { readKeyRefreshes, readPrewarming, readPurges, readRefusals } from './read-counts.ts'
export { readProcess } from './read-process.ts'
export { countersOf, sumReadings } from './reading.ts'
export type { Reading } from './reading.ts'
export { HALF_LIFE_S, mergeTop } from './top-objects.ts'
export type { HotObject, SlowObject, TopReading } from './top-objects.ts'
export { LOOK_MS, MOST_SECONDS, Traffic } from './traffic.ts'
export type { TrafficSample } from './traffic.ts'
export { NO_TOTALS, percentilesOf, sumRows, sumTotals, sumTraffic } from './traffic-reading.ts'
export type { Sums, Totals, TrafficReading } from './traffic-reading.ts'

export interface ObserverOptions {
  readonly logging: LoggingConfig
  readonly random: () => number
  /** Undefined: there are no metrics. */
  readonly metrics?: ThreadMetrics | undefined
  readonly traffic?: Traffic | undefined
}

export interface Observer {
  readonly observe: (exchange: Exchange) => void
  readonly emit: Emit
  /** Writes out what is still held back. */
  readonly close: () => Promise<void>
}

export function openObserver(options: ObserverOptions): Observer {
  const { logging: config, random, metrics, traffic } = options
  const log = openLog(config)
  const isLogged = config.accessLog && config.level !== 'silent'
  return {
    observe(exchange) {
      metrics?.exchanges.observe(exchange)
      traffic?.observe(exchange)
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
