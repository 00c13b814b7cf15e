// One line for each exchange, when its body has ended: what it says, what it never says, and the
// settings that shape it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { startChild } from '../support/children.ts'
import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { download, rawExchange, request } from '../support/http.ts'
import { eventually, soon } from '../support/peer.ts'
import type { LogLine } from '../support/sluice.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const LARGE = 64 * 2 ** 20
let front: Front

before(async () => {
  front = await openFront()
  front.put('a.txt', 'hello')
  front.put('dir/é?.txt', 'odd')
  front.put('large', { size: LARGE, seed: 'large' })
})

after(() => front?.[Symbol.asyncDispose]())

let requests = 0

/** The line of one request. */
async function lineOf(
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<LogLine> {
  const id = `request-${(requests += 1)}`
  const headers = { ...options.headers, 'X-Request-ID': id }
  await request(front.url + path, { ...options, headers })
  return lineWith(id)
}

function lineWith(id: string): Promise<LogLine> {
  return front.sluice.logLine((line) => line['request_id'] === id)
}

test('a line tells who asked what, and what became of it', async () => {
  const { time, duration_ms, ttfb_ms, ...rest } = await lineOf('/files/a.txt?x=1', {
    headers: { Host: 'CDN.Example:8080' },
  })
  assert.deepEqual(rest, {
    level: 'info',
    msg: 'request',
    request_id: `request-${requests}`,
    client_ip: '127.0.0.1',
    method: 'GET',
    path: '/files/a.txt',
    host: 'cdn.example',
    status: 200,
    bytes: 5,
    bucket: 'files',
    key: 'a.txt',
    replica: 'primary',
    attempts: 1,
    aborted: false,
  })
  assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000)
  assert.ok(Number(ttfb_ms) > 0 && Number(ttfb_ms) <= Number(duration_ms))
})

test('a line names its trace, and what the cache had to do with it', async () => {
  await using cached = await openFront({ cache: { cache_layers: ['memory'] } })
  cached.put('a.txt', 'hello')
  const ask = async (id: string, path: string): Promise<LogLine> => {
    const traceparent = `00-${'9'.repeat(32)}-${'1'.repeat(16)}-01`
    await request(cached.url + path, { headers: { 'X-Request-ID': id, traceparent } })
    return cached.sluice.logLine((line) => line['request_id'] === id)
  }
  const facts = ({ trace_id, cache, cache_tier, attempts }: LogLine): unknown[] => [
    trace_id,
    cache,
    cache_tier,
    attempts,
  ]
  const trace = '9'.repeat(32)
  assert.deepEqual(facts(await ask('first', '/files/a.txt')), [trace, 'miss', undefined, 1])
  assert.deepEqual(facts(await ask('second', '/files/a.txt')), [trace, 'hit', 'memory', 0])
  assert.deepEqual(facts(await ask('third', '/files/../x')), [
    trace,
    undefined,
    undefined,
    undefined,
  ])
})

test('a line names the decoded path and the key', async () => {
  const line = await lineOf('/files/dir/%C3%A9%3F.txt')
  assert.deepEqual([line['path'], line['key']], ['/files/dir/é?.txt', 'dir/é?.txt'])
})

test('HEAD, 304, ranges, refusals and our own paths have their lines', async () => {
  const facts = ({ method, status, bytes, error, bucket }: LogLine): unknown[] => [
    method,
    status,
    bytes,
    error,
    bucket,
  ]
  const { headers } = await request(`${front.url}/files/a.txt`)
  const none = undefined
  assert.deepEqual(facts(await lineOf('/files/a.txt', { method: 'HEAD' })), [
    'HEAD',
    200,
    0,
    none,
    'files',
  ])
  const fresh = { 'If-None-Match': String(headers.etag) }
  assert.deepEqual(facts(await lineOf('/files/a.txt', { headers: fresh })), [
    'GET',
    304,
    0,
    none,
    'files',
  ])
  const range = { Range: 'bytes=1-2' }
  assert.deepEqual(facts(await lineOf('/files/a.txt', { headers: range })), [
    'GET',
    206,
    2,
    none,
    'files',
  ])
  const missing = await lineOf('/files/missing')
  assert.deepEqual(
    [missing['status'], missing['error'], missing['bucket']],
    [404, 'not_found', 'files'],
  )
  const nowhere = await lineOf('/nowhere')
  assert.deepEqual(
    [nowhere['status'], nowhere['error'], nowhere['bucket']],
    [404, 'no_route', none],
  )
  const post = await lineOf('/files/a.txt', { method: 'POST' })
  assert.deepEqual(
    [post['method'], post['status'], post['error']],
    ['POST', 405, 'method_not_allowed'],
  )
  assert.equal((await lineOf('/health'))['status'], 200)
})

test('what the HTTP parser refuses has its line', async () => {
  const { text } = await rawExchange(
    Number(new URL(front.url).port),
    'GET /files/a.txt HTTP/1.1\r\nHost\r\n\r\n',
  )
  const [, id = 'none'] = /^X-Request-ID: (\S+)/m.exec(text) ?? []
  const { time, ...rest } = await lineWith(id)
  assert.ok(Date.parse(String(time)) > 0)
  assert.deepEqual(rest, {
    level: 'info',
    msg: 'request',
    request_id: id,
    client_ip: '127.0.0.1',
    status: 400,
    error: 'invalid_request',
  })
})

test('a failure of the origin is told with its reason', async () => {
  const fault = front.s3.fault({ kind: 'status', status: 500, match: { key: 'a.txt' } })
  const line = await lineOf('/files/a.txt')
  fault.remove()
  assert.deepEqual([line['status'], line['error']], [502, 'origin_failed'])
  assert.ok(Number(line['attempts']) >= 1)
  assert.equal(typeof line['cause'], 'string')
})

test('of a client that leaves, the bytes really sent are told', async () => {
  const { bytes } = await download(`${front.url}/files/large`, {
    headers: { 'X-Request-ID': 'leaves' },
    abortAfter: 3 * 2 ** 20,
  })
  const line = await lineWith('leaves')
  assert.equal(line['aborted'], true)
  assert.equal(line['cause'], undefined)
  assert.equal(line['status'], 200)
  assert.ok(Number(line['bytes']) >= bytes && Number(line['bytes']) < LARGE, String(line['bytes']))
})

test('of an answer that could not be completed, the reason is told', async () => {
  const fault = front.s3.fault({ kind: 'cut', afterBytes: 30_000, match: { key: 'large' } })
  const { aborted } = await download(`${front.url}/files/large`, {
    headers: { 'X-Request-ID': 'broken' },
  })
  fault.remove()
  const line = await lineWith('broken')
  assert.deepEqual([aborted, line['status'], line['aborted']], [true, 200, true])
  assert.equal(typeof line['cause'], 'string')
})

test('of a client that leaves before an answer, the status is 0', async () => {
  const fault = front.s3.fault({ kind: 'hang', match: { key: 'a.txt' } })
  const gone = new AbortController()
  const asked = request(`${front.url}/files/a.txt`, {
    headers: { 'X-Request-ID': 'gone' },
    signal: gone.signal,
  })
  await eventually(() => fault.hits > 0, 'the origin is asked')
  gone.abort()
  await assert.rejects(asked)
  const line = await lineWith('gone')
  fault.remove()
  assert.deepEqual([line['status'], line['bytes'], line['aborted']], [0, 0, true])
})

const SECRET = 'hush-hush'

test('no query, token, credential or cookie is ever written', async () => {
  const headers = {
    Referer: `https://a.example/?token=${SECRET}`,
    Authorization: `Bearer ${SECRET}`,
    Cookie: `session=${SECRET}`,
    'X-Auth-Token': SECRET,
    'User-Agent': SECRET,
  }
  const targets = [
    `/files/a.txt?token=${SECRET}`,
    `/files/missing?sl-sig=${SECRET}`,
    `/nowhere?${SECRET}`,
    `/files/../x?token=${SECRET}`,
    `/files/%zz?token=${SECRET}`,
    `/files/a#token=${SECRET}`,
    `/files/a.txt?X-Amz-Signature=${SECRET}&X-Amz-Credential=${SECRET}`,
    `/files/a.txt?${'x'.repeat(9000)}${SECRET}`,
    `http://user:${SECRET}@localhost/files/a.txt`,
    `http://localhost/files/a.txt?${SECRET}`,
    `/health?token=${SECRET}`,
  ]
  const port = Number(new URL(front.url).port)
  const fields = Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
  for (const [index, target] of targets.entries()) {
    const head = `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Request-ID: s${index}\r\n`
    const { text } = await rawExchange(port, `${head}${fields}\r\n`)
    assert.match(text, /^HTTP\/1.1 /)
    await lineWith(`s${index}`)
  }
  assert.ok(!front.sluice.stdout().includes(SECRET))
  assert.ok(!front.sluice.stderr().includes(SECRET))
})

test('a line stays a line, whatever the path holds', async () => {
  const line = await lineOf('/files/%0a%7B%22level%22:%22fake%22%7D%0d%1b[31m')
  assert.equal(line['key'], '\n{"level":"fake"}\r\u001b[31m')
  assert.ok(!front.sluice.logLines().some(({ level }) => level === 'fake'))
  await lineOf(`/files/${'%01'.repeat(2000)}`)
  await lineOf('/nowhere', { headers: { Host: `${'a'.repeat(8000)}.example` } })
  for (const text of front.sluice.stdout().split('\n')) {
    assert.ok(Buffer.byteLength(text) < 4096, 'each fits one write')
  }
})

type Settings = Readonly<Record<string, unknown>>

async function openLogging(logging: object, s3: Settings = {}): Promise<Front> {
  const opened = await openFront({ logging }, { s3 })
  opened.put('a.txt', 'hello')
  return opened
}

/** Ends it, so that all it would write is written. */
async function finish({ sluice }: Front): Promise<string> {
  sluice.kill('SIGTERM')
  await soon(sluice.exited, 'the end')
  return sluice.stdout()
}

test('access_log: false writes no line of a request, and still what else happens', async () => {
  await using quiet = await openLogging({ access_log: false })
  await request(`${quiet.url}/files/a.txt`)
  const written = await finish(quiet)
  assert.doesNotMatch(written, /"msg":"request"/)
  assert.match(written, /"event":"draining"/)
})

test('level: nothing less important is written', async () => {
  const seen: Record<string, [boolean, boolean]> = {}
  for (const level of ['info', 'warn', 'silent']) {
    const s3 = { circuit_breaker: { failure_threshold: 1 } }
    await using opened = await openLogging({ level }, s3)
    const fault = opened.s3.fault({ kind: 'status', status: 500, match: { key: 'a.txt' } })
    // It opens the circuit breaker, of which a line warns.
    await request(`${opened.url}/files/a.txt`)
    fault.remove()
    const written = await finish(opened)
    seen[level] = [written.includes('"level":"info"'), written.includes('"level":"warn"')]
  }
  assert.deepEqual(seen, { info: [true, true], warn: [false, true], silent: [false, false] })
})

test('format: text is written for people, one line each', async () => {
  await using opened = await openLogging({ format: 'text' })
  await request(`${opened.url}/files/a.txt?token=x`, { headers: { 'X-Request-ID': 'mine' } })
  const lines = (await finish(opened)).trimEnd().split('\n')
  const line = lines.find((text) => text.includes('request_id=mine'))
  assert.match(
    String(line),
    /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO request .*method=GET path=\/files\/a\.txt .*status=200 bytes=5 duration_ms=[\d.]+ ttfb_ms=[\d.]+ bucket=files key=a\.txt replica=primary attempts=1 aborted=false$/,
  )
  assert.doesNotMatch(lines.join('\n'), /[{}]|token/)
})

test('sample: 0 leaves out what went well, and keeps what did not', async () => {
  await using opened = await openLogging({ sample: 0 })
  for (let n = 0; n < 20; n += 1) await request(`${opened.url}/files/a.txt`)
  const fault = opened.s3.fault({ kind: 'status', status: 500, match: { key: 'a.txt' } })
  await request(`${opened.url}/files/a.txt`)
  fault.remove()
  await finish(opened)
  const statuses = opened.sluice
    .logLines()
    .filter(({ msg }) => msg === 'request')
    .map(({ status }) => status)
  assert.deepEqual(statuses, [502])
})

test('sample: a half writes about a half', async () => {
  await using opened = await openLogging({ sample: 0.5 })
  for (let n = 0; n < 400; n += 1) await request(`${opened.url}/health`)
  await finish(opened)
  const count = opened.sluice.logLines().filter(({ msg }) => msg === 'request').length
  // Beyond six standard deviations.
  assert.ok(count > 140 && count < 260, `${count} of 400`)
})

test('a log that cannot be written costs no answer', async () => {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'full-'))
  const file = join(folder, 'config.yaml')
  const server = { address: `127.0.0.1:${port}`, threads: 1 }
  const buckets = [bucketAt(front.s3.endpoint, { name: 'files' })]
  writeFileSync(file, JSON.stringify({ server, buckets, admin: { address: '127.0.0.1:0' } }))
  const command = `exec "${process.execPath}" "${MAIN}" serve --config "${file}" > /dev/full`
  const child = startChild('/bin/sh', ['-c', command])
  const isServing = async (): Promise<boolean> => {
    const answer = await request(`http://127.0.0.1:${port}/files/a.txt`).catch(() => undefined)
    return answer?.text === 'hello'
  }
  for (let look = 0; look < 500 && !(await isServing()); look += 1) await wait(20)
  for (let n = 0; n < 50; n += 1) assert.equal(await isServing(), true)
  child.kill('SIGTERM')
  assert.equal((await soon(child.exited, 'the end')).code, 0)
  rmSync(folder, { recursive: true })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}
