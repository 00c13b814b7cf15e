// Held against the library of OpenTelemetry: a collector gets from here what it would get from there.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'

import { ZipkinExporter } from '@opentelemetry/exporter-zipkin'
import { resourceFromAttributes } from '@opentelemetry/resources'

import { readable } from './span-exporter.ts'
import type { Span } from './span.ts'
import { openZipkin } from './zipkin.ts'

const spans: readonly Span[] = [
  {
    name: 'GET files',
    kind: 'server',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203301',
    parentId: 'b7ad6b7169203331',
    isParentRemote: true,
    state: 'a=1',
    startedAt: 1_795_251_995_409,
    endedAt: 1_795_251_995_438.5,
    attributes: {
      'url.path': '/a "b" é',
      'http.response.status_code': 502,
      'sluice.aborted': false,
    },
    error: 'origin_failed',
  },
  {
    name: 'route',
    kind: 'internal',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203302',
    parentId: 'b7ad6b7169203301',
    isParentRemote: false,
    state: undefined,
    startedAt: 1_795_251_995_409,
    endedAt: 1_795_251_995_409,
    attributes: {},
    error: undefined,
  },
  {
    name: 'origin',
    kind: 'client',
    traceId: '1af7651916cd43dd8448eb211c80319c',
    spanId: 'c7ad6b7169203310',
    parentId: undefined,
    isParentRemote: false,
    state: undefined,
    startedAt: 1_795_251_995_410.25,
    endedAt: 1_795_251_995_411.75,
    attributes: { 'sluice.replica': 'primary' },
    error: undefined,
  },
]

interface Collector extends AsyncDisposable {
  readonly url: string
  readonly bodies: unknown[]
  readonly types: unknown[]
  status: number
}

async function openCollector(): Promise<Collector> {
  const collector = { url: '', bodies: [] as unknown[], types: [] as unknown[], status: 202 }
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      collector.bodies.push(JSON.parse(Buffer.concat(chunks).toString()))
      collector.types.push([incoming.headers['content-type'], incoming.headers['x-key']])
      if (collector.status > 0) outgoing.writeHead(collector.status).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return Object.assign(collector, {
    url: `http://127.0.0.1:${port}/api/v2/spans`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

const common = { serviceName: 'cdn', version: '1.2', timeoutMs: 5000, headers: { 'x-key': 'k' } }

test('what is sent is what the library would send', async () => {
  await using collector = await openCollector()
  const { url } = collector
  const own = openZipkin({ url, ...common })
  await own.send(spans)
  await own.close()

  const resource = resourceFromAttributes({ 'service.name': 'cdn', 'service.version': '1.2' })
  const scope = { name: 'sluice', version: '1.2' }
  const theirs = new ZipkinExporter({ url, serviceName: 'cdn', headers: { 'x-key': 'k' } })
  await new Promise<void>((resolve, reject) => {
    const all = spans.map((span) => readable(span, resource, scope))
    theirs.export(all, ({ error }) => (error === undefined ? resolve() : reject(error)))
  })
  assert.equal(collector.bodies.length, 2)
  assert.deepEqual(collector.bodies[0], collector.bodies[1])
  assert.deepEqual(collector.types[0], ['application/json', 'k'])
})

test('a collector that refuses, and one that hangs, are failures', async () => {
  await using collector = await openCollector()
  collector.status = 503
  const exporter = openZipkin({ url: collector.url, ...common, timeoutMs: 300 })
  await assert.rejects(exporter.send(spans), /Zipkin answered 503/)
  collector.status = 0
  await assert.rejects(exporter.send(spans), { name: 'AbortError' })
  await exporter.close()
})
