// Every fault, as a client meets it.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { get as httpsGet } from 'node:https'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'

import { generateBytes, openS3Server } from './s3-server.ts'
import type { FaultRule, S3Server } from './s3-server.ts'
import { SigningClient } from './signing-client.ts'
import type { Received } from './signing-client.ts'

const credential = { accessKeyId: 'AKTEST', secretAccessKey: 'secret' }
const size = 300_000
const bytes = generateBytes('seed', 0, size)

let server: S3Server
let client: SigningClient

before(async () => {
  server = await openS3Server({ credentials: [credential] })
  client = new SigningClient(server.port, credential)
  server.putObject('b', 'k', { size, seed: 'seed' })
})

beforeEach(() => {
  server.clearFaults()
  server.clearRequests()
})

after(() => server.close())

function fetchUnder(rule: FaultRule, headers: Record<string, string> = {}): Promise<Received> {
  server.fault({ times: 1, ...rule })
  return client.fetch('/b/k', { headers })
}

test('refuse: the connection is closed as it opens, and later ones are not', async () => {
  await assert.rejects(fetchUnder({ kind: 'refuse' }), { code: 'ECONNRESET' })
  assert.equal(server.requests.length, 0)
  assert.equal((await client.fetch('/b/k')).status, 200)
})

test('refuse, of some requests: the connection is closed when one arrives', async () => {
  await assert.rejects(fetchUnder({ kind: 'refuse', match: { key: 'k' } }), { code: 'ECONNRESET' })
  assert.equal(server.requests[0]?.fault, 'refuse')
})

test('reset: no byte is answered', async () => {
  await assert.rejects(fetchUnder({ kind: 'reset' }), { code: 'ECONNRESET' })
})

test('hang: no answer comes for as long as the client waits', async () => {
  const fault = server.fault({ kind: 'hang' })
  const impatient = new AbortController()
  const waiting = client.fetch('/b/k', { signal: impatient.signal })
  waiting.catch(() => undefined)
  await client.fetch('/b/k', { signal: AbortSignal.timeout(50) }).catch(() => undefined)
  assert.equal(fault.hits, 2)
  assert.deepEqual(server.requests[0]?.status, 0)
  impatient.abort()
  await assert.rejects(waiting, { name: 'AbortError' })
})

test('garbage: what comes is not HTTP', async () => {
  await assert.rejects(fetchUnder({ kind: 'garbage' }), { code: /^HPE_/ })
})

test('status: S3 says it cannot, with the code and headers asked for', async () => {
  const busy = await fetchUnder({ kind: 'status', status: 503, headers: { 'Retry-After': '7' } })
  assert.deepEqual([busy.status, busy.headers['retry-after']], [503, '7'])
  assert.match(busy.body.toString(), /<Code>SlowDown<\/Code>/)
  const other = await fetchUnder({ kind: 'status', status: 403, code: 'ExpiredToken' })
  assert.match(other.body.toString(), /<Code>ExpiredToken<\/Code>/)
  assert.equal((await fetchUnder({ kind: 'status' })).status, 500)
})

test('region-redirect: the wrong region is told by a 301', async () => {
  server.createBucket('far', { region: 'eu-west-1' })
  server.fault({ kind: 'region-redirect' })
  const redirect = await client.fetch('/far/k')
  assert.deepEqual([redirect.status, redirect.headers['x-amz-bucket-region']], [301, 'eu-west-1'])
  assert.match(redirect.body.toString(), /<Code>PermanentRedirect<\/Code>/)
  assert.equal((await client.fetch('/b/k')).status, 200)
})

for (const kind of ['cut', 'short', 'short-chunked'] as const) {
  test(`${kind}: the body ends after exactly so many bytes`, async () => {
    const broken = await fetchUnder({ kind, afterBytes: 100_001 })
    assert.equal(broken.status, 200)
    assert.ok(broken.body.equals(bytes.subarray(0, 100_001)))
    assert.equal(broken.isComplete, kind === 'short-chunked')
    const length = kind === 'short-chunked' ? undefined : String(size)
    assert.equal(broken.headers['content-length'], length)
    assert.equal(server.requests[0]?.bytesSent, 100_001)
  })

  test(`${kind}: the body may break before its first byte`, async () => {
    const broken = await fetchUnder({ kind, afterBytes: 0 })
    assert.deepEqual([broken.status, broken.body.length], [200, 0])
  })
}

test('reset: the connection is reset in the middle of the body', async () => {
  const broken = await fetchUnder({ kind: 'reset', afterBytes: 100_001 })
  assert.equal(broken.isComplete, false)
  assert.ok(broken.body.length <= 100_001)
  assert.ok(bytes.subarray(0, broken.body.length).equals(broken.body))
})

test('a body shorter than where it was to break is whole', async () => {
  for (const kind of ['cut', 'short', 'short-chunked', 'reset'] as const) {
    const part = await fetchUnder({ kind, afterBytes: 10 }, { range: 'bytes=5-14' })
    assert.ok(part.isComplete && part.body.equals(bytes.subarray(5, 15)), kind)
    const less = await fetchUnder({ kind, afterBytes: 100 }, { range: 'bytes=5-14' })
    assert.ok(less.isComplete && less.body.equals(bytes.subarray(5, 15)), kind)
  }
})

test('stall: the bytes stop and the connection stays', async () => {
  server.fault({ kind: 'stall', afterBytes: 1000 })
  const response = await client.open('/b/k')
  let received = 0
  while (received < 1000) {
    const [piece] = await once(response, 'data')
    received += piece.length
  }
  for (let other = 0; other < 10; other += 1) await client.fetch('/b/none')
  assert.deepEqual([received, server.requests[0]?.state], [1000, 'open'])
  response.destroy()
})

test('etag: another version is there, and the old one is not', async () => {
  const { headers } = await client.fetch('/b/k', { method: 'HEAD' })
  const other = await fetchUnder({ kind: 'etag' })
  assert.notEqual(other.headers['etag'], headers['etag'])
  assert.notEqual(other.body[0], bytes[0])
  const failed = await fetchUnder({ kind: 'etag' }, { 'if-match': headers['etag'] ?? '' })
  assert.equal(failed.status, 412)
})

test('ignore-range: the whole object answers a range', async () => {
  const whole = await fetchUnder({ kind: 'ignore-range' }, { range: 'bytes=5-9' })
  assert.deepEqual([whole.status, whole.body.length], [200, size])
})

test('wrong-range: other bytes come, truly labelled', async () => {
  const wrong = await fetchUnder({ kind: 'wrong-range' }, { range: 'bytes=5-9' })
  assert.equal(wrong.headers['content-range'], `bytes 6-10/${size}`)
  assert.ok(wrong.body.equals(bytes.subarray(6, 11)))
})

test('slow: the body comes at the pace asked for, and whole', async () => {
  const startedAt = performance.now()
  const slow = await fetchUnder(
    { kind: 'slow', bytesPerSecond: 100_000 },
    { range: 'bytes=0-9999' },
  )
  assert.ok(slow.body.equals(bytes.subarray(0, 10_000)))
  assert.ok(performance.now() - startedAt >= 80)
})

test('delay: the answer begins later, and is whole', async () => {
  const startedAt = performance.now()
  const late = await fetchUnder({ kind: 'delay', delayMs: 50 })
  assert.ok(late.isComplete && performance.now() - startedAt >= 49)
})

test('headers: some are left out, others put in', async () => {
  const headers = { ETag: undefined, 'Last-Modified': undefined, 'Content-Type': 'x/y' }
  const changed = await fetchUnder({ kind: 'headers', headers })
  assert.deepEqual(
    [changed.headers['etag'], changed.headers['last-modified'], changed.headers['content-type']],
    [undefined, undefined, 'x/y'],
  )
})

test('a reader that leaves is on record as having left', async () => {
  server.putObject('b', 'long', { size: 2 ** 28, seed: 's' })
  const response = await client.open('/b/long')
  response.destroy()
  while (server.requests[0]?.state === 'open') await client.fetch('/b/none')
  assert.equal(server.requests[0]?.state, 'aborted')
})

test('a server that closes leaves no timer and no connection behind', async () => {
  const brief = await openS3Server({ credentials: [credential] })
  brief.fault({ kind: 'delay', delayMs: 3_600_000 })
  const socket = connect(brief.port, '127.0.0.1')
  socket.write('GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n')
  socket.on('error', () => undefined)
  while (brief.requests.length === 0) await client.fetch('/b/none')
  const gone = once(socket, 'close')
  await brief.close()
  await gone
  assert.equal(brief.openConnections, 0)
})

const openssl = spawnSync('openssl', ['version']).status === 0

test(
  'over TLS the answers and the faults are the same',
  { skip: !openssl && process.env['CI'] !== 'true' && 'openssl is not installed' },
  async (t) => {
    const complaints = t.mock.method(console, 'error')
    const secure = await openS3Server({ credentials: [], tls: createCertificate() })
    t.after(() => secure.close())
    secure.putObject('public', 'k', 'over TLS')
    secure.createBucket('public', { publicRead: true })
    const url = `${secure.endpoint}/public/k`
    const read = async (): Promise<string> => {
      const request = httpsGet(url, { agent: false, rejectUnauthorized: false })
      const [response] = await once(request, 'response')
      return (await response.toArray()).join('')
    }
    assert.equal(await read(), 'over TLS')
    for (const kind of ['reset', 'refuse', 'cut'] as const) {
      const fault = secure.fault({ kind, match: { key: 'k' }, times: 1 })
      await assert.rejects(read(), { code: 'ECONNRESET' })
      assert.equal(fault.hits, 1)
    }
    assert.equal(await read(), 'over TLS')
    assert.equal(complaints.mock.callCount(), 0)
  },
)

function createCertificate(): { cert: Buffer; key: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 's3-tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key]
  spawnSync('openssl', ['req', '-x509', ...newKey, '-out', cert, '-subj', '/CN=localhost'])
  const made = { cert: readFileSync(cert), key: readFileSync(key) }
  rmSync(folder, { recursive: true })
  return made
}
