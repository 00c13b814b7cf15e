// Whether an exchange is traced, and what becomes of its spans when it has ended.

import { randomFillSync } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

import type { TracingConfig } from '../config/observability.ts'
import type { SpanCounts } from '../exchange/counts.ts'
import type { Emit } from '../exchange/event.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { SPANS, spanIdOf } from '../exchange/trace.ts'
import type { Trace } from '../exchange/trace.ts'
import { parseBaggage, parseTraceparent, parseTracestate } from '../http/traceparent.ts'
import { monotonic } from '../primitives/clock.ts'
import { openExporter } from './span-exporter.ts'
import type { OpenExporter } from './span-exporter.ts'
import { SpanQueue } from './span-queue.ts'
import { spansOf } from './spans.ts'
import type { SpanOptions } from './spans.ts'

export interface TracingOptions extends SpanOptions {
  readonly config: TracingConfig
  readonly version: string
  /** In [0, 1). */
  readonly random: () => number
  readonly emit: Emit
  readonly counts: SpanCounts
}

const TRACE_BYTES = 16
const SPAN_BYTES = 8
const POOL_BYTES = 4096

export class Tracing {
  readonly #options: TracingOptions
  readonly #exporter: Promise<OpenExporter>
  readonly #queue: SpanQueue
  readonly #pool = Buffer.alloc(POOL_BYTES)
  #poolAt = POOL_BYTES

  constructor(options: TracingOptions) {
    const { config, version, emit, counts } = options
    this.#options = options
    this.#exporter = openExporter(config, version)
    // Whoever sends first is told of it.
    this.#exporter.catch(() => undefined)
    const send = async (...[spans]: Parameters<OpenExporter['send']>): Promise<void> =>
      (await this.#exporter).send(spans)
    this.#queue = new SpanQueue({ send, emit, monotonic }, counts)
  }

  /** The caller's word on whether a trace is sampled counts; where there is none, chance decides. */
  begin(headers: IncomingHttpHeaders): Trace | undefined {
    const { config, random } = this.#options
    const parent = config.propagateContext
      ? parseTraceparent(single(headers['traceparent']))
      : undefined
    if (parent === undefined) {
      if (random() >= config.samplingRatio) return undefined
      return {
        traceId: this.#hex(TRACE_BYTES),
        spanId: this.#spanId(),
        parentId: undefined,
        state: undefined,
        baggage: undefined,
        isHandedOn: config.propagateContext,
      }
    }
    const { traceId, parentId, isSampled } = parent
    return {
      traceId,
      spanId: isSampled ? this.#spanId() : undefined,
      parentId,
      state: parseTracestate(single(headers['tracestate'])),
      baggage: parseBaggage(single(headers['baggage'])),
      isHandedOn: true,
    }
  }

  record(exchange: Exchange): void {
    if (exchange.arrival.trace?.spanId === undefined) return
    this.#queue.add(spansOf(exchange, this.#options))
  }

  async close(): Promise<void> {
    await this.#queue.close()
    // One that cannot be loaded, or does not end, has nothing more to say.
    const closing = this.#exporter.then((exporter) => exporter.close()).catch(() => undefined)
    let timer: NodeJS.Timeout | undefined
    const isLate = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_MS)))
    await Promise.race([closing, isLate])
    clearTimeout(timer)
  }

  #spanId(): string {
    return spanIdOf(this.#hex(SPAN_BYTES), SPANS.own)
  }

  /** Drawn for many at once. */
  #hex(bytes: number): string {
    if (this.#poolAt + bytes > POOL_BYTES) {
      randomFillSync(this.#pool)
      this.#poolAt = 0
    }
    const from = this.#poolAt
    this.#poolAt += bytes
    return this.#pool.toString('hex', from, from + bytes)
  }
}

const CLOSE_MS = 500

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value
}
