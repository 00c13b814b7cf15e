// Spans to Zipkin: JSON of its API, version 2. The library of OpenTelemetry for it waits for ever for a
// collector that hangs, so it is used by a test alone, that what is sent here is what it would send.

import http from 'node:http'
import https from 'node:https'

import type { OpenExporter } from './span-exporter.ts'
import type { Span } from './span.ts'

export interface ZipkinOptions {
  readonly url: string
  readonly serviceName: string
  readonly version: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

const KINDS = { server: 'SERVER', client: 'CLIENT', internal: undefined } as const

export function openZipkin(options: ZipkinOptions): OpenExporter {
  const { url: written, headers, timeoutMs } = options
  const url = new URL(written)
  const { Agent, request } = url.protocol === 'https:' ? https : http
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return {
    send: async (spans) => {
      const body = Buffer.from(JSON.stringify(spans.map((span) => zipkinSpan(span, options))))
      const own = { 'content-type': 'application/json', 'content-length': body.byteLength }
      const outgoing = request(url, {
        method: 'POST',
        agent,
        headers: { ...headers, ...own },
        signal: AbortSignal.timeout(timeoutMs),
      })
      await taken(outgoing, body)
    },
    close: async () => agent.destroy(),
  }
}

function taken(outgoing: http.ClientRequest, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.on('response', (incoming) => {
      const { statusCode = 0 } = incoming
      incoming.on('error', reject)
      incoming.on('end', () => {
        if (statusCode >= 200 && statusCode < 300) resolve()
        else reject(new Error(`Zipkin answered ${statusCode}`))
      })
      incoming.resume()
    })
    outgoing.end(body)
  })
}

/** Instants and durations are whole microseconds. */
function zipkinSpan(span: Span, { serviceName, version }: ZipkinOptions): object {
  const { traceId, spanId, parentId, name, kind, startedAt, endedAt, attributes, error } = span
  const tags = Object.entries(attributes).map(([tag, value]) => [tag, String(value)])
  const failure = error === undefined ? {} : { 'otel.status_code': 'ERROR', error }
  return {
    traceId,
    parentId,
    id: spanId,
    name,
    kind: KINDS[kind],
    timestamp: Math.round(startedAt * 1000),
    duration: Math.round((endedAt - startedAt) * 1000),
    localEndpoint: { serviceName },
    tags: {
      ...Object.fromEntries(tags),
      ...failure,
      'service.name': serviceName,
      'service.version': version,
    },
  }
}
