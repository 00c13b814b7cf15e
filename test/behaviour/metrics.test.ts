// /metrics: where it is, and what of clients' requests it counts.

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'

import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { download, rawExchange, request } from '../support/http.ts'
import { assertMoves, scrape, untilMetrics } from '../support/metrics.ts'
import { connect, soon } from '../support/peer.ts'
import { openSluice, runSluice } from '../support/sluice.ts'

const REQUESTS = 'sluice_http_requests_total'
const MIB = 2 ** 20
let front: Front

before(async () => {
  const s3 = { health_check: { enabled: false }, retry: { max_attempts: 1 } }
  front = await openFront({}, { s3 })
  front.put('small', 'hello')
  front.put('large', { seed: 'large', size: 64 * MIB })
})
after(() => front?.[Symbol.asyncDispose]())
beforeEach(() => front.s3.clearFaults())

function ask(path: string, method = 'GET'): Promise<unknown> {
  return request(front.url + path, { method })
}

describe('/metrics', () => {
  test('is text for Prometheus, on the operations listener', async () => {
    const { status, headers, text } = await request(`${front.opsUrl}/metrics`)
    assert.equal(status, 200)
    assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
    assert.equal(headers['cache-control'], 'no-store')
    assert.equal(headers['content-length'], String(Buffer.byteLength(text)))
    assert.match(text, /^sluice_build_info\{version="[\d.]+",node="v\d+[\d.]+"\} 1$/m)
    const head = await request(`${front.opsUrl}/metrics`, { method: 'HEAD' })
    assert.deepEqual([head.status, head.text], [200, ''])
    const post = await request(`${front.opsUrl}/metrics`, { method: 'POST' })
    assert.equal(post.status, 405)
    assert.equal((await request(`${front.opsUrl}/metrics/more`)).status, 404)
  })

  test('is a path like any other on the main port', async () => {
    const answer = await request(`${front.url}/metrics`)
    assert.deepEqual([answer.status, JSON.parse(answer.text).error], [404, 'no_route'])
    await using other = await openFront(
      {},
      { buckets: (endpoint) => [bucketAt(endpoint, { name: 'metrics' })] },
    )
    other.put('of-a-bucket', 'mine')
    assert.equal((await request(`${other.url}/metrics/of-a-bucket`)).text, 'mine')
  })

  test('is not there with metrics.enabled: false', async () => {
    await using silent = await openFront({ metrics: { enabled: false } })
    const { status, text } = await request(`${silent.opsUrl}/metrics`)
    assert.deepEqual([status, JSON.parse(text).error], [404, 'no_route'])
    assert.equal((await request(`${silent.opsUrl}/health`)).status, 200)
  })
})

describe('metrics.port', () => {
  const buckets = [bucketAt('http://127.0.0.1:1', { name: 'files' })]

  function configText(extra: object): string {
    return JSON.stringify({ server: { address: '127.0.0.1:0', threads: 1 }, buckets, ...extra })
  }

  test('is the port of the operations listener', async () => {
    const { port } = new URL(front.opsUrl)
    await using taken = await openSluice(configText({ metrics: { port: Number(port) } }), {
      waitReady: false,
    })
    assert.equal((await soon(taken.exited, 'the end')).code, 1)
    assert.match(taken.stderr(), new RegExp(`EADDRINUSE.*127\\.0\\.0\\.1:${port}\\n$`))
    await using free = await openSluice(configText({ metrics: { port: 0 } }))
    assert.equal((await request(`${free.opsUrl}/metrics`)).status, 200)
    assert.equal((await request(`${free.opsUrl}/health`)).status, 200)
    const host = configText({ admin: { address: 'localhost' }, metrics: { port: 0 } })
    await using named = await openSluice(host)
    assert.match(named.opsUrl, /^http:\/\/localhost:/)
    assert.equal((await request(`${named.opsUrl}/metrics`)).status, 200)
  })

  test('and admin.address must name one port', async () => {
    const complaint = async (extra: object): Promise<string> => {
      await using sluice = await openSluice(configText(extra), { waitReady: false })
      assert.equal((await soon(sluice.exited, 'the end')).code, 1)
      const { code, stdout } = await runSluice(['check', '--config', sluice.configFile])
      assert.equal(code, 1)
      return stdout
    }
    assert.match(
      await complaint({ admin: { address: '127.0.0.1:9090' }, metrics: { port: 9191 } }),
      /metrics\.port: contradicts admin\.address, which names port 9090/,
    )
    assert.match(
      await complaint({ server: { address: '127.0.0.1:9191' }, metrics: { port: 9191 } }),
      /metrics\.port: is the port of server\.address too/,
    )
  })
})

describe('requests', () => {
  test('count by bucket, method and status', async () => {
    const act = async (): Promise<void> => {
      await ask('/files/small')
      await ask('/files/small')
      await ask('/files/small', 'HEAD')
      await ask('/files/missing')
      await ask('/nowhere')
      await ask('/files/small', 'OPTIONS')
      await ask('/files/small', 'DELETE')
      await ask('/health')
    }
    await assertMoves(front.opsUrl, act, [
      [REQUESTS, {}, 8],
      [REQUESTS, { bucket: 'files', method: 'GET', status: '200' }, 2],
      [REQUESTS, { bucket: 'files', method: 'HEAD', status: '200' }, 1],
      [REQUESTS, { bucket: 'files', method: 'GET', status: '404' }, 1],
      [REQUESTS, { bucket: '', method: 'GET', status: '404' }, 1],
      [REQUESTS, { bucket: '', method: 'OPTIONS', status: '204' }, 1],
      [REQUESTS, { bucket: '', method: 'other', status: '405' }, 1],
      [REQUESTS, { bucket: '', method: 'GET', status: '200' }, 1],
      ['sluice_http_request_duration_seconds_count', { bucket: 'files' }, 4],
      ['sluice_http_request_duration_seconds_count', { bucket: '' }, 4],
      ['sluice_cache_requests_total', {}, 0],
    ])
  })

  test('never become labels themselves', async () => {
    for (const path of ['/files/a-telling-key', '/a-telling-path?a=telling-query']) {
      await request(front.url + path, {
        method: 'PROPFIND',
        headers: { 'User-Agent': 'telling-agent', 'X-Request-ID': 'telling-id' },
      })
      await ask(path)
    }
    const { text } = await untilMetrics(
      front.opsUrl,
      'both',
      ({ sum }) => sum(REQUESTS, { method: 'other' }) >= 2,
    )
    assert.doesNotMatch(text, /telling|PROPFIND|127\.0\.0\.1/)
  })

  test('that S3 answers slowly count in the ranges of their time', async () => {
    front.s3.fault({ kind: 'delay', delayMs: 300 })
    const first = 'sluice_time_to_first_byte_seconds'
    const whole = 'sluice_http_request_duration_seconds'
    const files = { bucket: 'files' }
    await assertMoves(front.opsUrl, () => ask('/files/small'), [
      [`${first}_bucket`, { ...files, source: 'origin', le: '0.25' }, 0],
      [`${first}_bucket`, { ...files, source: 'origin', le: '30' }, 1],
      [`${whole}_bucket`, { ...files, le: '0.25' }, 0],
      [`${whole}_bucket`, { ...files, le: '+Inf' }, 1],
    ])
    const { sum } = await scrape(front.opsUrl)
    assert.ok(sum(`${first}_sum`, files) >= 0.3)
    assert.ok(sum(`${whole}_sum`, files) >= sum(`${first}_sum`, files))
  })

  test('have a first byte from S3, or from Sluice itself', async () => {
    const first = 'sluice_time_to_first_byte_seconds_count'
    await assertMoves(front.opsUrl, () => ask('/files/small'), [
      [first, { bucket: 'files', source: 'origin' }, 1],
      [first, {}, 1],
    ])
    await assertMoves(front.opsUrl, () => ask('/nowhere'), [
      [first, { bucket: '', source: 'sluice' }, 1],
      [first, {}, 1],
    ])
  })

  test('count the bytes of their bodies', async () => {
    const act = async (): Promise<void> => {
      await ask('/files/small')
      await ask('/files/small', 'HEAD')
      await request(`${front.url}/files/small`, { headers: { Range: 'bytes=1-2' } })
    }
    await assertMoves(front.opsUrl, act, [
      ['sluice_http_response_bytes_total', { bucket: 'files' }, 7],
    ])
  })

  test('that a client leaves in the middle count what was sent', async () => {
    const before = await scrape(front.opsUrl)
    const status = { bucket: 'files', method: 'GET', status: '200' }
    await download(`${front.url}/files/large`, { abortAfter: MIB })
    const ended = await untilMetrics(
      front.opsUrl,
      'its end',
      ({ sum }) => sum(REQUESTS, status) > before.sum(REQUESTS, status),
    )
    const bytes =
      ended.sum('sluice_http_response_bytes_total') - before.sum('sluice_http_response_bytes_total')
    assert.ok(bytes >= MIB && bytes < 64 * MIB, `${bytes}`)
    assert.equal(ended.sum('sluice_http_requests_in_flight'), 0)
  })

  test('that a client leaves before the answer have status 0, and no first byte', async () => {
    front.s3.fault({ kind: 'hang' })
    const act = async (): Promise<void> => {
      const leaving = new AbortController()
      const left = request(`${front.url}/files/small`, { signal: leaving.signal }).catch(() => {})
      await untilMetrics(
        front.opsUrl,
        'a request in flight',
        ({ sum }) => sum('sluice_http_requests_in_flight') === 1,
      )
      leaving.abort()
      await left
    }
    await assertMoves(front.opsUrl, act, [
      [REQUESTS, { bucket: 'files', status: '0' }, 1],
      ['sluice_time_to_first_byte_seconds_count', {}, 0],
      ['sluice_refusals_total', {}, 0],
      ['sluice_origin_requests_total', { outcome: 'cancelled' }, 1],
      ['sluice_origin_request_duration_seconds_count', {}, 0],
    ])
  })

  test('are in flight, and connections open, until they are not', async () => {
    const state = ({ sum }: Awaited<ReturnType<typeof scrape>>): string =>
      `${sum('sluice_http_requests_in_flight')} ${sum('sluice_connections_open')}`
    const until = (what: string): Promise<unknown> =>
      untilMetrics(front.opsUrl, what, (metrics) => state(metrics) === what)
    await until('0 0')
    const idle = await connect(front.port)
    await until('0 1')
    front.s3.fault({ kind: 'hang' })
    idle.send('GET /files/small HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('1 1')
    idle.destroy()
    await until('0 0')
  })
})

describe('refusals', () => {
  const REFUSALS = 'sluice_refusals_total'

  test('count by their code', async () => {
    front.s3.fault({ kind: 'status', status: 500, match: { key: 'small' } })
    const act = async (): Promise<void> => {
      for (const path of ['/files/missing', '/nowhere', '/files/small', '/files/%zz']) {
        await ask(path)
      }
      await ask('/files/large', 'PUT')
    }
    await assertMoves(front.opsUrl, act, [
      [REFUSALS, { code: 'not_found' }, 1],
      [REFUSALS, { code: 'no_route' }, 1],
      [REFUSALS, { code: 'origin_failed' }, 1],
      [REFUSALS, { code: 'invalid_path' }, 1],
      [REFUSALS, { code: 'method_not_allowed' }, 1],
      [REFUSALS, {}, 5],
    ])
  })

  test('of the parser count too, though they are no requests', async () => {
    const act = async (): Promise<void> => {
      await rawExchange(front.port, 'nonsense\r\n\r\n')
      await rawExchange(front.port, 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n')
      await rawExchange(front.port, 'GET / HTTP/2.0\r\nHost: a\r\n\r\n')
    }
    await assertMoves(front.opsUrl, act, [
      [REFUSALS, { code: 'invalid_request' }, 2],
      [REFUSALS, { code: 'method_not_allowed' }, 1],
      [REFUSALS, {}, 3],
      [REQUESTS, {}, 0],
    ])
  })
})

test('the process tells of itself', async () => {
  const { sum, text } = await scrape(front.opsUrl)
  const aboveZero = [...text.matchAll(/^# TYPE ((?:process|nodejs)_\S+) /gm)].map(
    ([, name = '']) => [name, sum(name) > 0],
  )
  assert.ok(aboveZero.length >= 12)
  assert.deepEqual(
    aboveZero.filter(([, isAbove]) => isAbove !== true),
    [],
  )
  const started = sum('process_start_time_seconds')
  assert.ok(started > 1e9 && started <= Date.now() / 1000)
})
