// How many requests there may be at one time: a place is taken until the body has ended, and free
// again whatever became of it.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { createCertificate } from '../support/certificates.ts'
import { explainAt, stepOf } from '../support/explained.ts'
import type { Step } from '../support/explained.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { openSession } from '../support/http2.ts'
import { INSPECTED, inspect } from '../support/inspector.ts'
import { BIG_BYTES, occupy } from '../support/occupant.ts'
import { connect, eventually, soon } from '../support/peer.ts'
import { runSluice } from '../support/sluice.ts'
import { untilMetrics } from '../support/metrics.ts'
import { hmac, SECRET, token } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const NO_CACHE = { cache: { enabled: false } }

async function open(server: object, buckets: readonly Bucket[] = []): Promise<CachedFront> {
  const front = await openCachedFront(
    { ...NO_CACHE, server },
    { buckets: (endpoint) => buckets.map((bucket) => bucketAt(endpoint, bucket)), env: INSPECTED },
  )
  front.put('a', 'body')
  front.put('big', { size: BIG_BYTES, seed: 'big' })
  return front
}

type Bucket = Readonly<Record<string, unknown>> & { readonly name: string }

async function slots(front: CachedFront, path = '/files/a'): Promise<Step> {
  return stepOf(await explainAt(front, { path }), 'slots')
}

function inUse(front: CachedFront, of: 'server' | 'bucket', path?: string): Promise<unknown> {
  return slots(front, path).then((step) => Object(step[of])['in_use'])
}

async function untilInUse(front: CachedFront, count: number, path?: string): Promise<void> {
  const of = path === undefined ? 'server' : 'bucket'
  await until(
    `${count} places are taken`,
    () => inUse(front, of, path),
    (now) => now === count,
  )
}

test('beyond server.max_concurrent_requests a request is told to come again', async () => {
  await using front = await open({ max_concurrent_requests: 2 })
  const first = await occupy(front.port, '/files/big')
  const second = await occupy(front.port, '/files/big')
  const refused = await request(`${front.url}/files/a`, { headers: { 'x-amz-date': 'x' } })
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1'])
  assert.match(refused.text, /<Code>SlowDown<\/Code>/)
  const plain = await request(`${front.url}/none`)
  assert.equal(JSON.parse(plain.text).error, 'too_busy')
  // Alive, ready, and open to its operator.
  for (const path of ['/health', '/ready', '/%68ealth?x=1']) {
    assert.equal((await request(front.url + path)).status, 200)
  }
  assert.equal((await request(front.url + '/files/a', { method: 'OPTIONS' })).status, 204)
  assert.equal((await request(`${front.opsUrl}/ready`)).status, 200)
  const told = await explainAt(front, { path: '/files/a' })
  assert.deepEqual([told.summary.status, told.summary.code], [503, 'too_busy'])
  assert.deepEqual(stepOf(told, 'slots')['server'], { in_use: 2, limit: 2 })
  await untilMetrics(
    front.opsUrl,
    'both are counted',
    (metrics) => metrics.sum('sluice_refusals_total', { code: 'too_busy' }) === 2,
  )
  first.destroy()
  await untilInUse(front, 1)
  assert.equal((await request(`${front.url}/files/a`)).text, 'body')
  second.destroy()
  await untilInUse(front, 0)
})

test('a bucket has its own limit, and the others go on', async () => {
  await using front = await open({}, [
    { name: 'small', max_concurrent_requests: 1, cors: { origins: ['https://app.example'] } },
    { name: 'other', max_concurrent_requests: 1 },
  ])
  const held = await occupy(front.port, '/small/big')
  const headers = { Origin: 'https://app.example' }
  const refused = await request(`${front.url}/small/a`, { headers })
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1'])
  assert.equal(refused.headers['access-control-allow-origin'], 'https://app.example')
  assert.equal((await request(`${front.url}/other/a`)).text, 'body')
  assert.equal((await request(`${front.url}/files/a`)).text, 'body')
  const id = refused.headers['x-request-id']
  const line = await front.sluice.logLine((found) => found['request_id'] === id)
  assert.equal(line['cause'], 'max_concurrent_requests of the bucket small')
  const told = await explainAt(front, { path: '/small/a' })
  assert.equal(told.summary.code, 'too_busy')
  assert.deepEqual(stepOf(told, 'slots')['bucket'], { in_use: 1, limit: 1 })
  held.destroy()
  await untilInUse(front, 0, '/small/a')
  assert.equal((await request(`${front.url}/small/a`)).text, 'body')
})

test('who may not have it takes no place of the bucket', async () => {
  const auth = { enabled: true, jwt: { secret: SECRET, algorithm: 'HS256' } }
  await using front = await open({}, [{ name: 'closed', max_concurrent_requests: 1, auth }])
  const bearer = token({ claims: { sub: 'a' }, sign: hmac() })
  const peer = await connect(front.port)
  peer.send(`GET /closed/big HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bearer}\r\n\r\n`)
  await peer.until(/^HTTP\/1.1 200/)
  peer.socket.pause()
  assert.equal((await request(`${front.url}/closed/a`)).status, 401)
  const headers = { Authorization: `Bearer ${bearer}` }
  assert.equal((await request(`${front.url}/closed/a`, { headers })).status, 503)
  peer.destroy()
})

test('whatever becomes of a request, its place is free again', async () => {
  await using front = await open({ max_concurrent_requests: 1 }, [
    { name: 'one', max_concurrent_requests: 1, index_document: 'index.html' },
    { name: 'denied', ip_filter: { blocklist: ['0.0.0.0/0'] } },
  ])
  front.put('broken', 'x'.repeat(100_000))
  front.put('hanging', 'body')
  front.s3.fault({ kind: 'cut', match: { key: 'broken' } })
  const asked: readonly (readonly [path: string, init: object, status: number | 'broken'])[] = [
    ['/one/a', {}, 200],
    ['/one/a', { method: 'HEAD' }, 200],
    ['/one/a', { headers: { Range: 'bytes=1-2' } }, 206],
    ['/one/a', { headers: { Range: 'bytes=0-0,2-3' } }, 206],
    ['/one/a', { headers: { Range: 'bytes=9-' } }, 416],
    ['/one/a', { headers: { 'If-Match': '"x"' } }, 412],
    ['/one/none', {}, 404],
    ['/one', {}, 302],
    ['/one/%00', {}, 400],
    ['/nowhere', {}, 404],
    ['/denied/a', {}, 403],
    ['/one/a', { method: 'POST', body: 'x' }, 405],
    ['/one/a', { method: 'PURGE' }, 401],
    ['/one/broken', {}, 'broken'],
  ]
  for (const [path, init, status] of asked) {
    const answer = await request(front.url + path, init).catch(() => undefined)
    if (status === 'broken') assert.ok(answer === undefined || answer.aborted)
    else assert.equal(answer?.status, status, `${path} ${JSON.stringify(init)}`)
    await untilInUse(front, 0, '/one/a')
    await untilInUse(front, 0)
  }
})

test('an object that has changed is looked at again in the place there is', async () => {
  const one = { name: 'one', max_concurrent_requests: 1 }
  await using front = await openCachedFront(
    { server: { max_concurrent_requests: 1 } },
    { buckets: (endpoint) => [bucketAt(endpoint, one)] },
  )
  const size = 3 * 1024 * 1024
  const get = (range: string): Promise<Answer> =>
    request(`${front.url}/one/moving`, { headers: { Range: `bytes=${range}` } })
  front.put('moving', { seed: 'old', size })
  assert.equal((await get('0-9')).status, 206)
  await untilInUse(front, 0)
  front.put('moving', { seed: 'young', size })
  assert.equal((await get(`${size - 10}-`)).status, 206)
  await untilInUse(front, 0)
  await untilInUse(front, 0, '/one/a')
})

test('a client that leaves gives its place back, before the answer and in its middle', async () => {
  await using front = await open({ max_concurrent_requests: 1 })
  front.s3.fault({ kind: 'hang', match: { key: 'a' } })
  const early = await connect(front.port)
  early.send('GET /files/a HTTP/1.1\r\nHost: x\r\n\r\n')
  await untilInUse(front, 1)
  early.destroy()
  await untilInUse(front, 0)
  const late = await occupy(front.port, '/files/big')
  assert.equal(await inUse(front, 'server'), 1)
  late.destroy()
  await untilInUse(front, 0)
})

test('a place is held until the body has ended, and not until it has begun', async () => {
  await using front = await open({ max_concurrent_requests: 1 })
  const held = await occupy(front.port, '/files/big')
  for (let look = 0; look < 20; look += 1) {
    assert.equal((await request(`${front.url}/files/a`)).status, 503)
  }
  held.socket.resume()
  await soon(
    eventually(() => held.text.length >= BIG_BYTES, 'all of it'),
    'the download',
  )
  await untilInUse(front, 0)
  held.destroy()
})

test('each stream of HTTP/2 takes a place', async () => {
  using certificate = createCertificate()
  const { certPath, keyPath } = certificate
  const https = { enabled: true, cert_path: certPath, key_path: keyPath }
  await using front = await open({ https, max_concurrent_requests: 2 })
  const session = openSession(front.port)
  const streams = [1, 2].map(() => session.request({ ':path': '/files/big' }))
  await untilInUse(front, 2)
  const statuses = await Promise.all(
    ['/files/a', '/health'].map(async (path) => {
      const stream = session.request({ ':path': path })
      const [head] = await new Promise<[Record<string, unknown>]>((resolve) =>
        stream.once('response', (...all) => resolve([all[0]])),
      )
      stream.close()
      return head[':status']
    }),
  )
  assert.deepEqual(statuses, [503, 200])
  for (const stream of streams) stream.close()
  await untilInUse(front, 0)
  session.destroy()
})

test('the limit is one for all threads, and what a thread held that died is free', async () => {
  await using front = await open({ threads: 2, max_concurrent_requests: 6 })
  using inspector = await inspect(front.sluice)
  await eventually(() => inspector.workers().length === 2, 'two workers')
  const held = []
  for (let count = 0; count < 6; count += 1) held.push(await occupy(front.port, '/files/big'))
  // By whichever thread it is asked.
  for (let count = 0; count < 20; count += 1) {
    assert.equal((await request(`${front.url}/files/a`)).status, 503)
  }
  assert.equal(await inUse(front, 'server'), 6)
  const die = `setTimeout(() => { throw new Error('died in a test') }); 1`
  for (const victim of inspector.workers()) await inspector.evaluate(victim, die)
  await until(
    'others are in their place',
    () => front.call('GET', '/admin/explain?path=/files/a'),
    ({ status }) => status === 200,
  )
  await untilInUse(front, 0)
  // They answer the operator a moment before they listen.
  const answer = await until(
    'they listen',
    () => request(`${front.url}/files/a`).catch(() => undefined),
    (came) => came !== undefined,
  )
  assert.equal(answer?.text, 'body')
  for (const peer of held) peer.destroy()
  await untilInUse(front, 0)
})

test('ten thousand, and none for a bucket, unless it is said', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-slots-'))
  const file = join(folder, 'config.yaml')
  const check = async (server: object, bucket: object): Promise<string> => {
    const buckets = [{ name: 'a', path_prefix: '/a', s3: { bucket: 'b' }, ...bucket }]
    writeFileSync(file, JSON.stringify({ server, buckets }))
    const { stdout, stderr } = await runSluice(['config', '--config', file])
    return stdout + stderr
  }
  const standard = await check({}, {})
  assert.equal(standard.split('max_concurrent_requests').length, 2)
  assert.match(standard, /max_concurrent_requests"?: 10000/)
  assert.match(await check({}, { max_concurrent_requests: 7 }), /max_concurrent_requests"?: 7/)
  const range = 'wanted a whole number from 1 to 1000000'
  assert.match(
    await check({ max_concurrent_requests: 0 }, {}),
    new RegExp(`server.max_concurrent_requests: ${range}`),
  )
  assert.match(
    await check({}, { max_concurent_requests: 5 }),
    /buckets\[0\]\.max_concurent_requests: unknown setting \(did you mean max_concurrent_requests/,
  )
  rmSync(folder, { recursive: true })
})
