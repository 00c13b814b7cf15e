// How spans leave: by which protocol, to whom, how many; what a collector that is away costs, what the end
// still sends, and that nothing of it is there where it is off.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { createCertificate } from '../support/certificates.ts'
import { openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { openOtlp } from '../support/otlp.ts'
import type { OtlpReceiver } from '../support/otlp.ts'
import { soon } from '../support/peer.ts'
import { until } from '../support/until.ts'
import { openZipkinStandIn } from '../support/zipkin.ts'

let otlp: OtlpReceiver
before(async () => void (otlp = await openOtlp()))
after(() => otlp?.[Symbol.asyncDispose]())

type Tracing = Readonly<Record<string, unknown>>

async function openTraced(
  tracing: Tracing,
  more: Tracing = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Front> {
  const observability = { tracing: { enabled: true, otlp_endpoint: otlp.httpUrl, ...tracing } }
  const front = await openFront({ observability, ...more }, { env })
  front.put('a.txt', 'hello')
  return front
}

let requests = 0

async function ask(
  { url }: Front,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const id = `sent-${(requests += 1)}`
  const answer = await request(`${url}/files/a.txt`, {
    headers: { 'X-Request-ID': id, ...headers },
  })
  assert.equal(answer.text, 'hello')
  return id
}

async function end({ sluice }: Front): Promise<void> {
  sluice.kill('SIGTERM')
  assert.equal((await soon(sluice.exited, 'the end')).code, 0)
}

test('protocol: grpc sends the same over gRPC', async () => {
  await using front = await openTraced({ protocol: 'grpc', otlp_endpoint: otlp.grpcUrl })
  const spans = await otlp.exchange(await ask(front))
  assert.deepEqual(
    spans.map(({ name, kind }) => `${name} ${kind}`),
    [
      'GET files SERVER',
      'route INTERNAL',
      'access INTERNAL',
      'obtain INTERNAL',
      'send INTERNAL',
      'origin CLIENT',
    ],
  )
})

test('exporter: zipkin sends what Zipkin takes', async () => {
  await using zipkin = await openZipkinStandIn()
  const { url } = zipkin
  await using front = await openTraced({
    exporter: 'zipkin',
    zipkin_endpoint: url,
    service_name: 'z',
  })
  const trace = '2'.repeat(32)
  await ask(front, { traceparent: `00-${trace}-b7ad6b7169203331-01` })
  await end(front)
  assert.deepEqual(zipkin.faults, [])
  const own = zipkin.spans.find(({ kind }) => kind === 'SERVER')
  assert.deepEqual(
    [own?.traceId, own?.parentId, own?.name, own?.localEndpoint.serviceName],
    [trace, 'b7ad6b7169203331', 'GET files', 'z'],
  )
  assert.equal(own?.tags['http.response.status_code'], '200')
  const names = zipkin.spans.map(({ name }) => name)
  for (const name of ['route', 'obtain', 'origin', 'send']) assert.ok(names.includes(name), name)
})

test('sampling_ratio: 0 sends nothing of its own, and what a caller samples all the same', async () => {
  await using front = await openTraced({ sampling_ratio: 0 })
  const trace = '3'.repeat(32)
  const unsent = await ask(front)
  await ask(front, { traceparent: `00-${trace}-b7ad6b7169203331-01` })
  await end(front)
  assert.ok(otlp.spans.some(({ traceId }) => traceId === trace))
  assert.ok(!otlp.spans.some(({ attributes }) => attributes['sluice.request_id'] === unsent))
  const line = await front.sluice.logLine((one) => one['request_id'] === unsent)
  assert.equal(line['trace_id'], undefined)
})

test('sampling_ratio: a half sends about a half', async () => {
  await using front = await openTraced({ sampling_ratio: 0.5, service_name: 'half' })
  for (let n = 0; n < 400; n += 1) await request(`${front.url}/health`)
  await end(front)
  const sent = otlp.spans.filter(
    ({ service, kind }) => service === 'half' && kind === 'SERVER',
  ).length
  // Beyond six standard deviations.
  assert.ok(sent > 140 && sent < 260, `${sent} of 400`)
})

test('propagate_context: false has no part in the traces of strangers', async () => {
  await using front = await openTraced({ propagate_context: false })
  const trace = '4'.repeat(32)
  const id = await ask(front, { traceparent: `00-${trace}-b7ad6b7169203331-01` })
  const [own] = await otlp.exchange(id)
  assert.notEqual(own?.traceId, trace)
  assert.equal(own?.parentId, undefined)
})

test('of two threads each sends its own, and the end waits for both', async () => {
  await using front = await openTraced({ service_name: 'threads' }, { server: { threads: 2 } })
  const ids: string[] = []
  for (let n = 0; n < 40; n += 1) ids.push(await ask(front))
  await end(front)
  const seen = new Set(otlp.spans.map(({ attributes }) => attributes['sluice.request_id']))
  assert.deepEqual(
    ids.filter((id) => !seen.has(id)),
    [],
  )
})

test('over TLS the scheme is https', async () => {
  using certificate = createCertificate()
  const { certPath: cert_path, keyPath: key_path } = certificate
  const server = { https: { enabled: true, cert_path, key_path } }
  await using front = await openTraced({}, { server })
  const headers = { 'X-Request-ID': 'over-tls' }
  await request(`${front.url}/files/a.txt`, { headers, rejectUnauthorized: false })
  const [own] = await otlp.exchange('over-tls')
  assert.equal(own?.attributes['url.scheme'], 'https')
})

test('the end sends what is left', async () => {
  await using front = await openTraced({})
  const id = await ask(front)
  await end(front)
  assert.ok(otlp.spans.some(({ attributes }) => attributes['sluice.request_id'] === id))
})

interface Collector extends AsyncDisposable {
  readonly url: string
  readonly headers: Readonly<Record<string, unknown>>[]
}

async function openCollector(answer: RequestListener): Promise<Collector> {
  const headers: Collector['headers'] = []
  const server = createServer((incoming, outgoing) => {
    headers.push(incoming.headers)
    answer(incoming, outgoing)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    headers,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('headers go with what is sent, nowhere else, and the environment has no say', async () => {
  const taking: RequestListener = (incoming, outgoing) => {
    incoming.resume().on('end', () => outgoing.writeHead(200).end())
  }
  await using collector = await openCollector(taking)
  await using stray = await openCollector(taking)
  const key = 'a key for the collector'
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: stray.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-stray=1',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_SERVICE_NAME: 'stray',
    OTEL_RESOURCE_ATTRIBUTES: 'stray=1',
    OTEL_TRACES_SAMPLER: 'always_off',
    OTEL_SDK_DISABLED: 'true',
  }
  const tracing = { otlp_endpoint: collector.url, headers: { 'X-Key': key } }
  await using front = await openTraced(tracing, {}, env)
  await ask(front)
  await end(front)
  const [sent] = collector.headers
  assert.deepEqual([sent?.['x-key'], sent?.['x-stray']], [key, undefined])
  assert.equal(sent?.['content-encoding'], undefined)
  assert.deepEqual(stray.headers, [])
  assert.ok(!front.sluice.stdout().includes(key))
})

test('headers go with gRPC too', async () => {
  const seen: unknown[] = []
  const server = createHttp2Server()
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    seen.push(headers['x-key'])
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    )
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.resume().on('end', () => stream.end(Buffer.from([0, 0, 0, 0, 0])))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const tracing = {
    protocol: 'grpc',
    otlp_endpoint: `http://127.0.0.1:${port}`,
    headers: { 'X-Key': 'k, =1' },
  }
  await using front = await openTraced(tracing)
  await ask(front)
  await end(front)
  server.close()
  assert.deepEqual(seen, ['k, =1'])
})

test('a collector that is away costs one line, and no answer', async () => {
  await using front = await openTraced({ otlp_endpoint: 'http://127.0.0.1:9' })
  for (let n = 0; n < 20; n += 1) await ask(front)
  const line = await front.sluice.logLine(({ event }) => event === 'tracing')
  assert.deepEqual([line['level'], line['state']], ['warn', 'aside'])
  await ask(front)
  await end(front)
  const told = front.sluice.logLines().filter(({ event }) => event === 'tracing')
  assert.equal(told.length, 1)
})

test('a collector that hangs holds up neither answers nor, for long, the end', async () => {
  await using collector = await openCollector((incoming) => void incoming.resume())
  await using front = await openTraced({ otlp_endpoint: collector.url })
  for (let n = 0; n < 20; n += 1) await ask(front)
  await until(
    'it to be asked',
    async () => collector.headers.length,
    (count) => count > 0,
  )
  await ask(front)
  await end(front)
})

/** What a Sluice has loaded whose configuration says so much of tracing, by the names of packages. */
async function loaded(tracing: Tracing): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-loaded-'))
  const list = join(folder, 'list')
  const hook = join(folder, 'hook.mjs')
  writeFileSync(list, '')
  writeFileSync(
    hook,
    `import { appendFileSync } from 'node:fs'
     import { registerHooks } from 'node:module'
     registerHooks({ load(url, context, next) { appendFileSync(${JSON.stringify(list)}, url + '\\n'); return next(url, context) } })`,
  )
  const NODE_OPTIONS = `--import=${hook}`
  await using front = await openTraced(tracing, { server: { threads: 2 } }, { NODE_OPTIONS })
  await ask(front)
  await end(front)
  const urls = readFileSync(list, 'utf8').split('\n')
  rmSync(folder, { recursive: true })
  assert.ok(urls.some((url) => url.includes('/node_modules/pino/')))
  // prom-client has a use of its own for the api, which is names and nothing else.
  const isTracing = /node_modules\/(?:@opentelemetry\/(?!api\/)|@grpc|protobufjs)/
  return urls.filter((url) => isTracing.test(url))
}

test('nothing of it is loaded where it is off, and of gRPC nothing where it is not used', async () => {
  assert.deepEqual(await loaded({ enabled: false }), [])
  const urls = await loaded({ protocol: 'http/protobuf' })
  assert.ok(urls.length > 0)
  assert.ok(!urls.some((url) => url.includes('/@grpc/')))
})

test('where it is off, a trace that comes is named in the log, and nothing else is done', async () => {
  await using front = await openTraced({ enabled: false })
  const trace = '5'.repeat(32)
  const id = await ask(front, { traceparent: `00-${trace}-b7ad6b7169203331-01` })
  const line = await front.sluice.logLine((one) => one['request_id'] === id)
  assert.equal(line['trace_id'], trace)
  const odd = await ask(front, { traceparent: 'odd' })
  assert.equal(
    (await front.sluice.logLine((one) => one['request_id'] === odd))['trace_id'],
    undefined,
  )
  await end(front)
  assert.ok(!otlp.spans.some(({ traceId }) => traceId === trace))
  assert.ok(!front.s3.requests.some(({ headers }) => 'traceparent' in headers))
})
