// `/health` and `/ready`, on the main port and on the operations listener, and that listener itself.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'

import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { rawExchange, request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { soon } from '../support/peer.ts'
import { openSluice } from '../support/sluice.ts'

const health_check = {
  interval: '100ms',
  timeout: '1s',
  healthy_threshold: 1,
  unhealthy_threshold: 1,
}
let front: Front

before(async () => {
  front = await openFront({}, { s3: { health_check } })
})

after(() => front?.[Symbol.asyncDispose]())

const VERSION = /^\d+\.\d+\.\d+/

/** What both listeners answer at a path. */
async function both(path: string, options: Parameters<typeof request>[1] = {}): Promise<Answer[]> {
  return Promise.all([front.url, front.opsUrl].map((url) => request(url + path, options)))
}

async function untilReady(url: string, status: number): Promise<Answer> {
  let answer = await request(`${url}/ready`)
  for (let look = 0; look < 500 && answer.status !== status; look += 1) {
    await wait(20)
    answer = await request(`${url}/ready`)
  }
  assert.equal(answer.status, status, answer.text)
  return answer
}

test('/health says that the process lives', async () => {
  for (const { status, headers, text } of await both('/health')) {
    const { uptime_seconds, version, ...rest } = JSON.parse(text)
    assert.equal(status, 200)
    assert.deepEqual(rest, { status: 'healthy' })
    assert.ok(Number.isInteger(uptime_seconds) && uptime_seconds >= 0)
    assert.match(version, VERSION)
    assert.equal(headers['content-type'], 'application/json')
    assert.equal(headers['cache-control'], 'no-store')
    assert.match(String(headers['x-request-id']), /^[\w-]{22}$/)
  }
})

test('/ready tells each replica of each bucket', async () => {
  await untilReady(front.url, 200)
  for (const { status, text } of await both('/ready')) {
    assert.equal(status, 200)
    assert.deepEqual(JSON.parse(text), {
      status: 'ready',
      backends: { files: { status: 'ready', replicas: { primary: 'healthy' } } },
      draining: false,
    })
  }
})

test('a bucket none of whose replicas is healthy makes /ready 503, and /health stays 200', async () => {
  await untilReady(front.url, 200)
  await front.s3.kill()
  await untilReady(front.url, 503)
  for (const { status, text } of await both('/ready')) {
    assert.equal(status, 503)
    assert.deepEqual(JSON.parse(text), {
      status: 'unavailable',
      backends: { files: { status: 'unavailable', replicas: { primary: 'unhealthy' } } },
      draining: false,
    })
  }
  for (const { status } of await both('/health')) assert.equal(status, 200)
  await front.s3.restart()
  await untilReady(front.url, 200)
})

test('a bucket one of whose replicas is healthy is degraded, and ready', async () => {
  await using half = await openFront(
    {},
    {
      buckets: (endpoint) => [
        bucketAt(endpoint, {
          name: 'half',
          s3: {
            health_check,
            replicas: [
              { name: 'here', endpoint, priority: 1 },
              { name: 'gone', endpoint: 'http://127.0.0.1:1', priority: 2 },
            ],
          },
        }),
      ],
    },
  )
  let backends: Record<string, unknown> = {}
  for (let look = 0; look < 500; look += 1) {
    const { text } = await request(`${half.url}/ready`)
    backends = JSON.parse(text).backends
    if (/"unhealthy"/.test(text) && /"healthy"/.test(text)) break
    await wait(20)
  }
  assert.deepEqual(backends['half'], {
    status: 'degraded',
    replicas: { here: 'healthy', gone: 'unhealthy' },
  })
  assert.equal((await request(`${half.url}/ready`)).status, 200)
})

test('HEAD of both is answered with headers alone', async () => {
  await untilReady(front.url, 200)
  for (const path of ['/health', '/ready']) {
    for (const { status, headers, text } of await both(path, { method: 'HEAD' })) {
      assert.deepEqual([status, text], [200, ''])
      assert.ok(Number(headers['content-length']) > 20)
    }
  }
})

test('an object named health is not reached at /health, nor is /health a prefix', async () => {
  for (const { status, text } of await both('/health/x')) {
    assert.equal(status, 404)
    assert.equal(JSON.parse(text).error, 'no_route')
  }
  for (const { status } of await both('/health?verbose')) assert.equal(status, 200)
})

test('the operations listener serves no bucket, and refuses in the one shape', async () => {
  front.put('a.txt', 'hello')
  for (const path of ['/files/a.txt', '/', '/metric', '/admin/config', '/unknown']) {
    const { status, headers, text } = await request(front.opsUrl + path, {
      headers: { 'X-Request-ID': 'mine' },
    })
    const { message: _, ...rest } = JSON.parse(text)
    assert.deepEqual(rest, { error: 'no_route', status: 404, request_id: 'mine' })
    assert.equal(status, 404)
    assert.equal(headers['x-request-id'], 'mine')
    assert.equal(headers['content-type'], 'application/json')
  }
  const post = await request(`${front.opsUrl}/health`, { method: 'POST', body: 'x' })
  assert.deepEqual([post.status, post.headers.allow], [405, 'GET, HEAD'])
  assert.equal(JSON.parse(post.text).error, 'method_not_allowed')
})

test('the operations listener outlives nonsense', async () => {
  const port = Number(new URL(front.opsUrl).port)
  for (const bytes of [
    'nonsense\r\n\r\n',
    '\x16\x03\x01\x02\0',
    `GET /${'x'.repeat(100_000)} HTTP/1.1\r\n\r\n`,
  ]) {
    const { text } = await rawExchange(port, bytes)
    assert.match(text, /^HTTP\/1.1 4\d\d /)
  }
  assert.equal((await request(`${front.opsUrl}/health`)).status, 200)
})

function configText(extra: object): string {
  const buckets = [bucketAt('http://127.0.0.1:1', { name: 'files' })]
  return JSON.stringify({ server: { address: '127.0.0.1:0', threads: 1 }, buckets, ...extra })
}

async function takePort(port = 0): Promise<Disposable & { port: number }> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const taken = typeof address === 'object' && address !== null ? address.port : 0
  return { port: taken, [Symbol.dispose]: () => void server.close() }
}

test('an address that was chosen and is taken stops the start', async () => {
  using taken = await takePort()
  const admin = { address: `127.0.0.1:${taken.port}` }
  await using sluice = await openSluice(configText({ admin }), { waitReady: false })
  assert.equal((await soon(sluice.exited, 'the end')).code, 1)
  assert.match(
    sluice.stderr(),
    new RegExp(`^sluice: .*EADDRINUSE.*127\\.0\\.0\\.1:${taken.port}\\n$`),
  )
  assert.doesNotMatch(sluice.stdout(), /sluice ready/)
})

test('the standard address, where it is taken, is a warning, and Sluice serves on', async () => {
  // Where somebody else has it, it is taken all the same.
  using _taken = await takePort(9090).catch(() => undefined)
  await using sluice = await openSluice(configText({}))
  const line = await sluice.logLine(({ event }) => event === 'operations-listener-absent')
  assert.deepEqual([line['level'], line['address']], ['warn', '127.0.0.1:9090'])
  assert.equal(sluice.opsUrl, '')
  assert.equal((await request(`${sluice.url}/health`)).status, 200)
  sluice.kill('SIGTERM')
  assert.equal((await soon(sluice.exited, 'the end')).code, 0)
})
