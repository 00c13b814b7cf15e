// What is seen of single requests: spans for a tracing backend, and a line for each that took too long.

import { isValidHeaderName } from '../http/headers.ts'
import { Secret } from '../primitives/secret.ts'
import { choice, field, flag, integer, number, text, textOf } from './fields.ts'
import { documentedDefault, section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { isMapping } from './tree.ts'
import { z } from './zod.ts'

export interface ObservabilityConfig {
  readonly tracing: TracingConfig
  readonly slowQuery: SlowQueryConfig
}

export interface TracingConfig {
  readonly enabled: boolean
  readonly exporter: 'otlp' | 'zipkin'
  readonly protocol: 'http/protobuf' | 'grpc'
  readonly otlpEndpoint: string
  readonly zipkinEndpoint: string
  /** Go with every export. */
  readonly headers: Readonly<Record<string, Secret>>
  readonly serviceName: string
  /** Of the traces that begin here. */
  readonly samplingRatio: number
  /** Whether a caller's trace is gone on with, and told to whom Sluice asks. */
  readonly propagateContext: boolean
}

export interface SlowQueryConfig {
  readonly enabled: boolean
  readonly thresholdMs: number
  readonly includeBreakdown: boolean
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
}

const ENDPOINTS = {
  'http/protobuf': 'http://localhost:4318',
  grpc: 'http://localhost:4317',
} as const

const INSTEAD: Readonly<Record<string, string>> = {
  jaeger: 'Jaeger takes OTLP: exporter: otlp, and its collector as otlp_endpoint',
  none: 'write enabled: false',
}

const exporter = field<'otlp' | 'zipkin'>({
  wanted: 'one of otlp, zipkin',
  json: { enum: ['otlp', 'zipkin'] },
  read: (input) => (['otlp', 'zipkin'] as const).find((name) => name === textOf(input)),
  hintFor: (input) => INSTEAD[textOf(input) ?? ''],
})

const endpoint = field({
  wanted: 'a URL such as http://collector:4318, without a user, a password and a query',
  json: { type: 'string' },
  // One with a password is refused, and not shown.
  isSecret: true,
  read: (input) => parseEndpoint(textOf(input)),
  hintFor: (input) =>
    /^[\w.-]+:\d+$/.test(textOf(input) ?? '') ? 'begin with http:// or https://' : undefined,
})

function parseEndpoint(written: string | undefined): string | undefined {
  const parsed = written === undefined ? null : URL.parse(written)
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || parsed.hostname === '')
    return undefined
  const { username, password, search, hash, pathname, origin } = parsed
  if (username + password + search + hash !== '' || /[?#]/.test(written ?? '')) return undefined
  return origin + pathname.replace(/\/+$/, '')
}

const serviceName = text({
  wanted: 'a name of at most 255 characters',
  test: (name) => name !== '' && name.length <= 255,
})

const headerValue = field({
  wanted: 'a header value: one line of ASCII text',
  json: { type: 'string' },
  isSecret: true,
  read: (input) => {
    const value = textOf(input)
    const isValue = value !== undefined && /^[!-~](?:[ -~]*[!-~])?$/.test(value)
    return isValue ? new Secret(value) : undefined
  },
})

const tracingSchema = section(
  {
    enabled: flag().prefault(false),
    exporter: exporter.prefault('otlp'),
    protocol: choice(['http/protobuf', 'grpc']).prefault('http/protobuf'),
    otlp_endpoint: documentedDefault(endpoint, ENDPOINTS['http/protobuf']),
    zipkin_endpoint: endpoint.prefault('http://localhost:9411/api/v2/spans'),
    headers: z.record(z.string(), headerValue).prefault({}),
    service_name: serviceName.prefault('sluice'),
    sampling_ratio: number({ min: 0, max: 1 }).prefault(1),
    propagate_context: flag().prefault(true),
  },
  headersAreUsable,
  protocolIsOtlps,
)

/** gRPC, and HTTP, say these themselves. */
const TAKEN = /^(?:content-.*|te|host|connection|transfer-encoding|user-agent|grpc-.*|.*-bin)$/

function headersAreUsable({ headers }: Loose): RuleProblem[] {
  if (!isMapping(headers)) return []
  return Object.keys(headers).flatMap((name) => {
    const path = ['headers', name]
    if (!isValidHeaderName(name)) return [{ path, message: 'is not a header name' }]
    if (!TAKEN.test(name.toLowerCase())) return []
    return [{ path, message: `${name} is a header that the exporter itself answers for` }]
  })
}

function protocolIsOtlps({ exporter: named, protocol, otlp_endpoint: at }: Loose): RuleProblem[] {
  if (protocol !== 'grpc') return []
  if (named === 'zipkin') {
    return [{ path: ['protocol'], message: 'is of exporter: otlp; Zipkin is sent JSON over HTTP' }]
  }
  const hasPath = typeof at === 'string' && URL.parse(at)?.pathname !== '/'
  if (!hasPath) return []
  const message = 'has a path, of which gRPC knows nothing'
  return [{ path: ['otlp_endpoint'], message, hint: 'end it with the port' }]
}

export const observabilitySchema = section({
  tracing: tracingSchema.prefault({}),
  slow_query: section({
    enabled: flag().prefault(true),
    threshold_ms: integer(0, 86_400_000).prefault(1000),
    include_breakdown: flag().prefault(true),
    log_level: choice(['debug', 'info', 'warn', 'error']).prefault('warn'),
  }).prefault({}),
})

export function toObservability({
  tracing,
  slow_query: slow,
}: z.output<typeof observabilitySchema>): ObservabilityConfig {
  return {
    tracing: {
      enabled: tracing.enabled,
      exporter: tracing.exporter,
      protocol: tracing.protocol,
      otlpEndpoint: tracing.otlp_endpoint ?? ENDPOINTS[tracing.protocol],
      zipkinEndpoint: tracing.zipkin_endpoint,
      headers: tracing.headers,
      serviceName: tracing.service_name,
      samplingRatio: tracing.sampling_ratio,
      propagateContext: tracing.propagate_context,
    },
    slowQuery: {
      enabled: slow.enabled,
      thresholdMs: slow.threshold_ms,
      includeBreakdown: slow.include_breakdown,
      logLevel: slow.log_level,
    },
  }
}

export function printObservability({ tracing, slowQuery }: ObservabilityConfig): object {
  return {
    tracing: {
      enabled: tracing.enabled,
      exporter: tracing.exporter,
      protocol: tracing.protocol,
      otlp_endpoint: tracing.otlpEndpoint,
      zipkin_endpoint: tracing.zipkinEndpoint,
      headers: Object.fromEntries(Object.keys(tracing.headers).map((name) => [name, '***'])),
      service_name: tracing.serviceName,
      sampling_ratio: tracing.samplingRatio,
      propagate_context: tracing.propagateContext,
    },
    slow_query: {
      enabled: slowQuery.enabled,
      threshold_ms: slowQuery.thresholdMs,
      include_breakdown: slowQuery.includeBreakdown,
      log_level: slowQuery.logLevel,
    },
  }
}
