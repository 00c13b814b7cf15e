// HTTP/2 beside HTTP/1.1 on one TLS port: the same answers, each stream for itself.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { constants } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { after, before, test } from 'node:test'

import { generateBytes } from '../../dev/s3-server.ts'
import { createCertificate } from '../support/certificates.ts'
import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request, sha256 } from '../support/http.ts'
import { ask, openSession } from '../support/http2.ts'
import type { StreamAnswer } from '../support/http2.ts'
import { connect, eventually, soon } from '../support/peer.ts'

const MIB = 2 ** 20
const LARGE = 32 * MIB

const certificate = createCertificate()
const https = { enabled: true, cert_path: certificate.certPath, key_path: certificate.keyPath }
let front: Front
let session: ClientHttp2Session

before(async () => {
  const limits = { stall_timeout: '2s', keep_alive_timeout: '60s', header_timeout: '60s' }
  front = await openFront({ server: { https, limits } })
  front.put('small', 'hello', { contentType: 'text/plain' })
  front.put('large', { size: LARGE, seed: 'large' })
  session = openSession(front.port)
})

after(async () => {
  session?.destroy()
  await front?.[Symbol.asyncDispose]()
  certificate[Symbol.dispose]()
})

function get(path: string, headers: Record<string, string> = {}): Promise<StreamAnswer> {
  return ask(session, { ':path': path, ...headers })
}

test('ALPN offers h2 and http/1.1, and both are served on the one port', async () => {
  for (const protocol of ['h2', 'http/1.1']) {
    const peer = await connect(front.port, { tls: { ALPNProtocols: [protocol] } })
    assert.equal('alpnProtocol' in peer.socket && peer.socket.alpnProtocol, protocol)
    peer.destroy()
  }
  assert.equal((await get('/files/small')).text, 'hello')
  const plain = await request(`${front.url}/files/small`, { rejectUnauthorized: false })
  assert.equal(plain.text, 'hello')
})

test('an object has the same headers over HTTP/2 as over HTTP/1', async () => {
  const over1 = await request(`${front.url}/files/small`, { rejectUnauthorized: false })
  const over2 = await get('/files/small')
  assert.equal(over2.status, 200)
  const { date: _date1, 'x-request-id': id1, connection: _, ...fields1 } = over1.headers
  const { date: _date2, 'x-request-id': id2, ':status': _status, ...fields2 } = over2.headers
  // Without the symbol that Node adds to those of HTTP/2.
  assert.deepEqual(Object.fromEntries(Object.entries(fields2)), fields1)
  assert.notEqual(id1, id2)
})

test('no header of the connection is sent over HTTP/2, whatever S3 sends', async () => {
  const headers = {
    Connection: 'keep-alive, x-hop',
    'Keep-Alive': 'timeout=5',
    'X-Hop': '1',
    Upgrade: 'h2c',
  }
  const fault = front.s3.fault({ kind: 'headers', headers })
  for (const path of ['/files/small', '/files/missing', '/nowhere']) {
    const answer = await get(path)
    for (const name of ['connection', 'keep-alive', 'upgrade', 'transfer-encoding', 'x-hop']) {
      assert.equal(answer.headers[name], undefined, `${name} of ${path}`)
    }
  }
  assert.ok(fault.hits > 0)
  fault.remove()
})

test('HEAD, Range, conditions and errors are answered over HTTP/2', async () => {
  const head = await get('/files/large', { ':method': 'HEAD' })
  assert.deepEqual(
    [head.status, head.headers['content-length'], head.text],
    [200, String(LARGE), ''],
  )
  const part = await get('/files/large', { range: `bytes=1000-${MIB}` })
  assert.equal(part.status, 206)
  assert.deepEqual(part.body, generateBytes('large', 1000, MIB + 1))
  const again = await get('/files/small', {
    'if-none-match': String(head.headers.etag),
    range: 'bytes=9-',
  })
  assert.equal(again.status, 416)
  const { headers } = await get('/files/small')
  assert.equal((await get('/files/small', { 'if-none-match': String(headers.etag) })).status, 304)
  const missing = await get('/files/missing', { 'x-request-id': 'mine' })
  assert.equal(missing.status, 404)
  assert.deepEqual(JSON.parse(missing.text).request_id, 'mine')
  assert.equal(missing.headers['x-request-id'], 'mine')
  const missed = await get('/files/missing', { ':method': 'HEAD' })
  assert.deepEqual([missed.status, missed.text], [404, ''])
  assert.equal((await get('/files/../x')).status, 400)
  assert.equal((await get(`/files/${'x'.repeat(9000)}`)).status, 414)
  assert.equal((await get('/files/small', { x: 'x'.repeat(17_000) })).status, 431)
  assert.equal((await get('*', { ':method': 'OPTIONS' })).status, 204)
})

test('other methods are 405 over HTTP/2, and their bodies end with their streams', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'BREW', 'get']) {
    const answer = await get('/files/small', { ':method': method })
    assert.deepEqual([answer.status, answer.headers['allow']], [405, 'GET, HEAD, OPTIONS'], method)
  }
  const body = Buffer.alloc(4 * MIB)
  const upload = await ask(session, { ':path': '/files/small', ':method': 'PUT' }, { body })
  assert.equal(upload.status, 405)
  const read = await ask(session, { ':path': '/files/small' }, { body })
  assert.deepEqual([read.status, read.text], [200, 'hello'])
})

test('CONNECT is 405 over HTTP/2', async () => {
  const stream = session.request({ ':method': 'CONNECT', ':authority': 'example.com:443' })
  const [headers] = await once(stream, 'response')
  assert.deepEqual([headers[':status'], headers['allow']], [405, 'GET, HEAD, OPTIONS'])
  stream.close()
})

test('a hundred requests at once share the connection', async () => {
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, n) =>
      get('/files/large', { range: `bytes=${n}-${n + 99_999}` }),
    ),
  )
  for (const [n, { status, body }] of answers.entries()) {
    assert.equal(status, 206)
    assert.deepEqual(body, generateBytes('large', n, n + 100_000))
  }
})

test('a large body arrives whole through the flow control of a slow reader', async () => {
  const slowly = (_chunk: Buffer, before: number): Promise<void> | undefined =>
    before % (4 * MIB) < 16_384 ? new Promise((resolve) => setTimeout(resolve, 200)) : undefined
  const got = await ask(session, { ':path': '/files/large' }, { onChunk: slowly })
  assert.deepEqual([got.status, got.resetCode], [200, 0])
  assert.equal(sha256(got.body), sha256(generateBytes('large', 0, LARGE)))
})

test('a body that breaks at the origin is reset, never ended as if it were whole', async () => {
  for (const kind of ['cut', 'short'] as const) {
    front.s3.fault({ kind, match: { key: 'large' }, afterBytes: MIB, times: 1 })
    // Nobody can go on with it.
    front.s3.fault({ kind: 'status', status: 500, match: { key: 'large' } })
    const got = await get('/files/large')
    front.s3.clearFaults()
    assert.equal(got.status, 200)
    assert.ok(got.body.length < LARGE)
    assert.equal(got.resetCode, constants.NGHTTP2_INTERNAL_ERROR, kind)
  }
  assert.equal((await get('/files/small')).text, 'hello', 'the connection lives on')
})

test('a client that leaves in the middle frees the origin, and the connection goes on', async () => {
  const stream = session.request({ ':path': '/files/large', 'x-request-id': 'left' })
  await once(stream, 'data')
  stream.close(constants.NGHTTP2_CANCEL)
  const line = await front.sluice.logLine((found) => found['request_id'] === 'left')
  assert.equal(line['aborted'], true)
  await eventually(
    () => front.s3.requests.every(({ state }) => state !== 'open'),
    'the origin is let go',
  )
  assert.equal((await get('/files/small')).text, 'hello')
})

test('a stream that is not read for stall_timeout is reset; the others go on', async () => {
  const stalled = session.request({ ':path': '/files/large', 'x-request-id': 'stalled' })
  stalled.on('error', () => {})
  await once(stalled, 'response')
  stalled.pause()
  // Streams that move all the while.
  let others = 0
  while (!stalled.closed && others < 2000) {
    assert.equal((await get('/files/small')).text, 'hello')
    const part = await get('/files/large', { range: `bytes=0-${MIB}` })
    assert.equal(part.body.length, MIB + 1)
    others += 1
  }
  assert.equal(stalled.rstCode, constants.NGHTTP2_CANCEL)
  const line = await front.sluice.logLine((found) => found['request_id'] === 'stalled')
  assert.equal(line['aborted'], true)
})

test('a stream that waits for a slow origin longer than stall_timeout is answered', async () => {
  front.put('late', 'late but whole')
  const fault = front.s3.fault({ kind: 'delay', delayMs: 4500, match: { key: 'late' } })
  const answer = await get('/files/late')
  fault.remove()
  assert.deepEqual([answer.status, answer.text], [200, 'late but whole'])
})

test('a connection that asks nothing more is closed after keep_alive_timeout', async () => {
  const limits = { stall_timeout: '60s', keep_alive_timeout: '1s', header_timeout: '60s' }
  await using hasty = await openFront({ server: { https, limits } })
  hasty.put('small', 'hello')
  const idle = openSession(hasty.port)
  assert.equal((await ask(idle, { ':path': '/files/small' })).text, 'hello')
  // It says something all the while, but asks nothing.
  const pings = setInterval(() => !idle.destroyed && idle.ping(() => {}), 200)
  await soon(once(idle, 'close'), 'the session closes', 9_000).finally(() => clearInterval(pings))
})

test('requests are routed by :authority', async () => {
  const bucketOf = async (authority: string): Promise<unknown> => {
    const answer = await get('/files/small', { ':authority': authority })
    return answer.status
  }
  assert.equal(await bucketOf('anything.example'), 200)
  assert.equal(await bucketOf('a..b'), 400)
  const hosts = await openFront(
    { server: { https } },
    { buckets: (endpoint) => [bucketAt(endpoint, { name: 'named', hosts: ['a.example'] })] },
  )
  hosts.put('small', 'hello')
  const named = openSession(hosts.port)
  const statusAt = async (headers: Record<string, string>): Promise<number> =>
    (await ask(named, { ':path': '/named/small', ...headers })).status
  assert.equal(await statusAt({ ':authority': 'a.example' }), 200)
  assert.equal(await statusAt({ ':authority': 'A.Example:8443' }), 200)
  assert.equal(await statusAt({ ':authority': 'b.example' }), 404)
  named.destroy()
  await hosts[Symbol.asyncDispose]()
})

test('http2: false offers HTTP/1.1 alone', async () => {
  await using plain = await openFront({ server: { https, http2: false } })
  plain.put('small', 'hello')
  const peer = await connect(plain.port, { tls: { ALPNProtocols: ['h2', 'http/1.1'] } })
  assert.equal('alpnProtocol' in peer.socket && peer.socket.alpnProtocol, 'http/1.1')
  peer.destroy()
  const answer = await request(`${plain.url}/files/small`, { rejectUnauthorized: false })
  assert.equal(answer.text, 'hello')
})
