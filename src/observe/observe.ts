// A finished exchange, and every event, to whoever keeps them. A sink that fails, fails alone: to
// watch must never cost an answer.

import type { IncomingHttpHeaders } from 'node:http'

import type { LoggingConfig } from '../config/logging.ts'
import type { ObservabilityConfig } from '../config/observability.ts'
import type { SpanCounts } from '../exchange/counts.ts'
import type { Emit } from '../exchange/event.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Trace } from '../exchange/trace.ts'
import { accessLine, unheardLine } from './access-log.ts'
import type { AccessLine } from './access-log.ts'
import type { Unheard } from './audit-record.ts'
import type { AuditTrail } from './audit-trail.ts'
import { writeEvent } from './event-log.ts'
import { openLog } from './log.ts'
import type { ThreadMetrics } from './metrics.ts'
import type { Traffic } from './traffic.ts'
import { isSlow, slowFacts } from './slow.ts'
import { Traces } from './traces.ts'

export { ThreadMetrics } from './metrics.ts'
export { AuditLog } from './audit.ts'
export type { Entry } from './audit-record.ts'
export type { Upload } from './audit-spool.ts'
export { AuditTrail } from './audit-trail.ts'
export { Verifier } from './audit-verify.ts'
export type { Place, Verdict } from './audit-verify.ts'
export { parseRecord } from './audit-chain.ts'
export { expose, hasExemplars } from './exposition.ts'
export type { Exposition } from './exposition.ts'
export {
  readKeyRefreshes,
  readPrewarming,
  readPurges,
  readRefusals,
  readReloads,
} from './read-counts.ts'
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
  /** Other threads log, too. */
  readonly isShared: boolean
  /** Undefined: no exchange is observed here. */
  readonly observability?: ObservabilityConfig | undefined
  readonly random: () => number
  /** Undefined: there are no metrics. */
  readonly metrics?: ThreadMetrics | undefined
  readonly traffic?: Traffic | undefined
  readonly version: string
  /** Of the requests. */
  readonly scheme: 'http' | 'https'
  /** Where audit records are left; it knows itself whether there are any. */
  readonly audit: AuditTrail
}

export interface Observer {
  /** The trace that a request belongs to, and goes on with. */
  readonly traceOf: (headers: IncomingHttpHeaders) => Trace | undefined
  readonly observe: (exchange: Exchange) => void
  readonly unheard: (refused: Unheard) => void
  readonly emit: Emit
  /** What became of spans; undefined where there never were any. */
  readonly spans: () => SpanCounts | undefined
  /** Of the log, until `reconfigure` says something else. */
  readonly level: () => LoggingConfig['level']
  readonly setLevel: (level: LoggingConfig['level']) => void
  /** From now on. Without word on it, exchanges are traced as they were. */
  readonly reconfigure: (
    logging: LoggingConfig,
    metrics?: ThreadMetrics,
    observability?: ObservabilityConfig,
  ) => void
  /** Writes and sends what is still held back. */
  readonly close: () => Promise<void>
}

/** How long the end waits for another thread to take what is left. */
const HAND_OVER_MS = 5000

export function openObserver(options: ObserverOptions): Observer {
  const { random, version, scheme, traffic, audit } = options
  let { logging, metrics, observability } = options
  let isLogged = logsRequests(logging)
  const log = openLog(logging, options.isShared)
  const emit: Emit = (event) => {
    writeEvent(log, event)
    if (event.kind === 'admin') audit.adminCall(event)
  }
  const traces = new Traces(observability?.tracing, { version, scheme, random, emit })

  const setLogging = (next: LoggingConfig): void => {
    logging = next
    isLogged = logsRequests(next)
    log.reconfigure(next)
  }
  const isSampled = (): boolean => logging.sample >= 1 || random() < logging.sample
  const logAccess = (line: AccessLine): void => {
    // Only what went well is thinned out: an operator looks for the rest.
    const isTrouble = line.status >= 500 || line.aborted || line.status === 0
    if (isTrouble || isSampled()) log.access(line)
  }

  return {
    traceOf: (headers) => traces.traceOf(headers),
    observe(exchange) {
      metrics?.exchanges.observe(exchange)
      traffic?.observe(exchange)
      traces.record(exchange)
      if (isLogged || audit.isOn) {
        const line = accessLine(exchange)
        if (audit.isOn) audit.request(line, exchange)
        if (isLogged) logAccess(line)
      }
      const slow = observability?.slowQuery
      if (slow?.enabled !== true || !isSlow(exchange, slow)) return
      metrics?.exchanges.noteSlow(exchange)
      log.event(slow.logLevel, slowFacts(exchange, slow), 'slow request')
    },
    unheard(refused) {
      audit.unheard(refused)
      if (isLogged && isSampled()) log.access(unheardLine(refused))
    },
    emit,
    spans: () => traces.counts,
    level: () => logging.level,
    setLevel: (level) => setLogging({ ...logging, level }),
    reconfigure(nextLogging, nextMetrics, next = observability) {
      metrics = nextMetrics
      observability = next
      setLogging(nextLogging)
      traces.use(next?.tracing)
    },
    async close() {
      await traces.close()
      await Promise.all([log.close(), audit.close(HAND_OVER_MS)])
    },
  }
}

/** A line of a request is of the level `info`. */
function logsRequests({ accessLog, level }: LoggingConfig): boolean {
  return accessLog && (level === 'debug' || level === 'info')
}
