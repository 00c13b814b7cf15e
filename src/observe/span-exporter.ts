// Spans to a collector. The libraries that know OTLP are loaded when somebody wants
// spans, and never otherwise. What they would read of the environment they do not get to see: the
// configuration alone says where spans go.

import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'

import type { TracingConfig } from '../config/observability.ts'
import type { Span } from './span.ts'
import { openZipkin } from './zipkin.ts'

export interface OpenExporter {
  send(spans: readonly Span[]): Promise<void>
  close(): Promise<void>
}

const SUCCESS = 0
const SAMPLED = 1
const KINDS = { internal: 0, server: 1, client: 2 } as const
const FINE = { code: 0 } as const
const ERROR = 2
/** Of one export, with its repeats: the libraries keep the process from ending for as long. */
const TIMEOUT_MS = 3000

export async function openExporter(config: TracingConfig, version: string): Promise<OpenExporter> {
  if (config.exporter === 'zipkin') {
    const { zipkinEndpoint: url, serviceName } = config
    const headers = revealed(config)
    return openZipkin({ url, serviceName, version, headers, timeoutMs: TIMEOUT_MS })
  }
  const { resourceFromAttributes } = await import('@opentelemetry/resources')
  const resource = resourceFromAttributes({
    'service.name': config.serviceName,
    'service.version': version,
  })
  const exporter = await openOtlp(config)
  const scope = { name: 'sluice', version }
  return {
    send: (spans) =>
      exportAll(
        exporter,
        spans.map((span) => readable(span, resource, scope)),
      ),
    close: () => exporter.shutdown(),
  }
}

async function openOtlp(config: TracingConfig): Promise<SpanExporter> {
  const { protocol, otlpEndpoint } = config
  const headers = revealed(config)
  if (protocol === 'grpc') {
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-grpc')
    // The one way that it takes headers without a class of the gRPC library.
    const own = { OTEL_EXPORTER_OTLP_HEADERS: pairs(headers) }
    const options = { url: otlpEndpoint, timeoutMillis: TIMEOUT_MS }
    return withEnvironment(own, () => new OTLPTraceExporter(options))
  }
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto')
  const url = otlpEndpoint.endsWith(TRACES) ? otlpEndpoint : otlpEndpoint + TRACES
  const options = { url, headers, timeoutMillis: TIMEOUT_MS, keepAlive: true }
  return withEnvironment({}, () => new OTLPTraceExporter(options))
}

const TRACES = '/v1/traces'

function revealed({ headers }: TracingConfig): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.reveal()]),
  )
}

function pairs(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join(',')
}

/** Its `OTEL_*` are these alone for as long as `create` runs, and then again what they were. */
function withEnvironment<T>(own: Readonly<Record<string, string>>, create: () => T): T {
  const { env } = process
  const hidden = Object.entries(env).filter(([name]) => name.startsWith('OTEL_'))
  for (const [name] of hidden) delete env[name]
  Object.assign(env, own)
  try {
    return create()
  } finally {
    for (const name of Object.keys(own)) delete env[name]
    Object.assign(env, Object.fromEntries(hidden))
  }
}

function exportAll(exporter: SpanExporter, spans: ReadableSpan[]): Promise<void> {
  return new Promise((resolve, reject) => {
    exporter.export(spans, ({ code, error }) => {
      if (code.valueOf() === SUCCESS) resolve()
      else reject(error ?? new Error('the collector did not take them'))
    })
  })
}

/** As the libraries want them; written out, since there may be very many. */
export function readable(
  span: Span,
  resource: ReadableSpan['resource'],
  instrumentationScope: ReadableSpan['instrumentationScope'],
): ReadableSpan {
  const context = contextOf(span)
  const { startedAt, endedAt, error } = span
  const told = {
    name: span.name,
    kind: KINDS[span.kind],
    spanContext: () => context,
    startTime: instant(startedAt),
    endTime: instant(endedAt),
    duration: instant(endedAt - startedAt),
    status: error === undefined ? FINE : { code: ERROR, message: error },
    attributes: span.attributes,
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
  const { traceId, parentId, isParentRemote: isRemote } = span
  if (parentId === undefined) return told
  const parent = { traceId, spanId: parentId, traceFlags: SAMPLED, isRemote }
  return Object.assign(told, { parentSpanContext: parent })
}

function contextOf({ traceId, spanId, state }: Span): ReturnType<ReadableSpan['spanContext']> {
  if (state === undefined) return { traceId, spanId, traceFlags: SAMPLED }
  return { traceId, spanId, traceFlags: SAMPLED, traceState: stateOf(state) }
}

type TraceState = NonNullable<ReturnType<ReadableSpan['spanContext']>['traceState']>

/** It was parsed when it came, and is only handed on. */
function stateOf(text: string): TraceState {
  const state: TraceState = {
    get: () => undefined,
    set: () => state,
    unset: () => state,
    serialize: () => text,
  }
  return state
}

/** Whole seconds, and nanoseconds. */
function instant(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.min(999_999_999, Math.round((ms - seconds * 1000) * 1_000_000))]
}
