// Tracing as the settings of the moment want it, which may be not at all.

import type { IncomingHttpHeaders } from 'node:http'

import type { TracingConfig } from '../config/observability.ts'
import type { SpanCounts } from '../exchange/counts.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { carriedTrace } from '../exchange/trace.ts'
import type { Trace } from '../exchange/trace.ts'
import { Tracing } from './tracing.ts'
import type { TracingOptions } from './tracing.ts'

export type TracesOptions = Omit<TracingOptions, 'config' | 'counts'>

export class Traces {
  readonly #options: TracesOptions
  readonly #counts: SpanCounts = { exported: 0, failed: 0, dropped: 0 }
  #config: TracingConfig | undefined
  #tracing: Tracing | undefined
  #wasEverOn = false
  /** Of settings that are no longer in force. */
  #closing: Promise<unknown> = Promise.resolve()

  constructor(config: TracingConfig | undefined, options: TracesOptions) {
    this.#options = options
    this.#open(config)
  }

  /** Undefined where there never were any. */
  get counts(): SpanCounts | undefined {
    return this.#wasEverOn ? this.#counts : undefined
  }

  traceOf(headers: IncomingHttpHeaders): Trace | undefined {
    return this.#tracing === undefined ? carriedTrace(headers) : this.#tracing.begin(headers)
  }

  record(exchange: Exchange): void {
    this.#tracing?.record(exchange)
  }

  /** From now on; what was recorded before is sent as it would have been. */
  use(config: TracingConfig | undefined): void {
    if (isSame(config, this.#config)) return
    this.#closing = Promise.all([this.#closing, this.#tracing?.close()])
    this.#open(config)
  }

  async close(): Promise<void> {
    await Promise.all([this.#closing, this.#tracing?.close()])
  }

  #open(config: TracingConfig | undefined): void {
    this.#config = config
    const isOn = config?.enabled === true
    this.#tracing = isOn
      ? new Tracing({ ...this.#options, config, counts: this.#counts })
      : undefined
    this.#wasEverOn ||= isOn
  }
}

/** Headers are secrets, which do not print: where there are any, they may be what has changed. */
function isSame(one: TracingConfig | undefined, other: TracingConfig | undefined): boolean {
  if (JSON.stringify(one) !== JSON.stringify(other)) return false
  const names = Object.keys(one?.headers ?? {})
  return names.every((name) => one?.headers[name]?.reveal() === other?.headers[name]?.reveal())
}
