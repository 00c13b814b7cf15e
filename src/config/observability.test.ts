import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'

import { formatProblem, loadConfig, printConfig } from './config.ts'
import type { ObservabilityConfig } from './observability.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-observability-'))
after(() => rmSync(folder, { recursive: true }))

function load(observability: string) {
  const file = join(folder, 'config.yaml')
  const buckets = 'buckets: [{name: a, path_prefix: /, s3: {bucket: b}}]'
  writeFileSync(file, `${buckets}\nobservability: {${observability}}`)
  return loadConfig(file, { URL: 'https://otlp.example', KEY: 'k3y', RATIO: '0.25' })
}

function linesOf(observability: string): readonly string[] {
  const loaded = load(observability)
  const told = loaded.kind === 'loaded' ? loaded.warnings : loaded.problems
  return told.map((one) => formatProblem({ ...one, file: '' }).replace('observability.', ''))
}

function configOf(observability: string): ObservabilityConfig {
  const loaded = load(observability)
  if (loaded.kind === 'refused') throw new Error(linesOf(observability).join('\n'))
  return loaded.config.observability
}

test('nothing is traced, and a second is slow, unless something else is said', () => {
  const { tracing, slowQuery } = configOf('')
  assert.deepEqual(tracing, {
    enabled: false,
    exporter: 'otlp',
    protocol: 'http/protobuf',
    otlpEndpoint: 'http://localhost:4318',
    zipkinEndpoint: 'http://localhost:9411/api/v2/spans',
    headers: {},
    serviceName: 'sluice',
    samplingRatio: 1,
    propagateContext: true,
  })
  assert.deepEqual(slowQuery, {
    enabled: true,
    thresholdMs: 1000,
    includeBreakdown: true,
    logLevel: 'warn',
  })
})

test('each setting is taken as it is written', () => {
  const { tracing } = configOf('tracing: {protocol: grpc}')
  assert.equal(tracing.otlpEndpoint, 'http://localhost:4317')
  const own = configOf(
    'tracing: {otlp_endpoint: "${URL}/behind/", sampling_ratio: "${RATIO}", headers: {X-Key: "${KEY}"}}',
  ).tracing
  assert.deepEqual([own.otlpEndpoint, own.samplingRatio], ['https://otlp.example/behind', 0.25])
  assert.equal(own.headers['X-Key']?.reveal(), 'k3y')
})

test('what is printed shows no header, and is no header', () => {
  const loaded = load('tracing: {headers: {X-Key: "${KEY}"}}')
  assert.ok(loaded.kind === 'loaded')
  const text = JSON.stringify(printConfig(loaded.config))
  assert.ok(text.includes('"X-Key":"***"') && !text.includes('k3y'))
})

describe('what is wrong is told to the letter', () => {
  for (const [written, ...lines] of [
    [
      'tracing: {exporter: jaeger}',
      'tracing.exporter: wanted one of otlp, zipkin, found "jaeger" (Jaeger takes OTLP: exporter: otlp, and its collector as otlp_endpoint)',
    ],
    [
      'tracing: {exporter: none}',
      'tracing.exporter: wanted one of otlp, zipkin, found "none" (write enabled: false)',
    ],
    [
      'tracing: {otlp_endpoint: "localhost:4318"}',
      'tracing.otlp_endpoint: wanted a URL such as http://collector:4318, without a user, a password and a query, found a text (begin with http:// or https://)',
    ],
    [
      'tracing: {otlp_endpoint: "http://me:hunter2@c:4318"}',
      'tracing.otlp_endpoint: wanted a URL such as http://collector:4318, without a user, a password and a query, found a text',
    ],
    [
      'tracing: {zipkin_endpoint: "http://c/api?x"}',
      'tracing.zipkin_endpoint: wanted a URL such as http://collector:4318, without a user, a password and a query, found a text',
    ],
    [
      'tracing: {sampling_ratio: 2}',
      'tracing.sampling_ratio: wanted a number from 0 to 1, found 2',
    ],
    [
      'tracing: {sampling_rate: 1}',
      'tracing.sampling_rate: unknown setting (did you mean sampling_ratio?)',
    ],
    [
      'tracing: {protocol: grpc, otlp_endpoint: "http://c:4317/v1/traces"}',
      'tracing.otlp_endpoint: has a path, of which gRPC knows nothing (end it with the port)',
    ],
    [
      'tracing: {protocol: grpc, exporter: zipkin}',
      'tracing.protocol: is of exporter: otlp; Zipkin is sent JSON over HTTP',
    ],
    [
      'tracing: {headers: {Content-Type: a, "a b": c}}',
      'tracing.headers.Content-Type: Content-Type is a header that the exporter itself answers for',
      'tracing.headers."a b": is not a header name',
    ],
    [
      'slow_query: {threshold_ms: -1, log_level: loud}',
      'slow_query.threshold_ms: wanted a whole number from 0 to 86400000, found -1',
      'slow_query.log_level: wanted one of debug, info, warn, error, found "loud"',
    ],
    ['slow_querys: {}', 'slow_querys: unknown setting (did you mean slow_query?)'],
  ] as const) {
    test(written, () => {
      assert.deepEqual(
        linesOf(written).map((line) => line.replace(/^: /, '')),
        lines,
      )
    })
  }
})
