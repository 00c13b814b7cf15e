// GET and HEAD are served, OPTIONS is answered here, everything else is refused: on every path.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { rawExchange } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { openServed } from '../support/served.ts'

const served = await openServed({
  buckets: {
    plain: {},
    ceph: { quirks: 'ceph' },
    site: { settings: { error_document: { 404: 'none.html' } } },
  },
})
after(() => served.close())
const OBJECT = {
  contentType: 'text/x-test',
  cacheControl: 'max-age=60',
  metadata: { colour: 'blue' },
  checksums: { crc32: 'AAAAAA==' },
}
for (const bucket of ['plain', 'ceph']) {
  served.put(bucket, 'object', 'the bytes', OBJECT)
  served.put(bucket, 'large', { seed: 'large', size: 300_000 }, OBJECT)
  served.put(bucket, 'empty', '')
}
served.put('site', 'none.html', '<p>nothing')

const PATHS = ['/plain/object', '/plain/none', '/nowhere', '/', '/health', '/plain/%zz']

for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND', 'QUERY', 'PURGE']) {
  test(`${method} is not allowed, and 405 says what is, on every path`, async () => {
    for (const path of PATHS) {
      const answer = await served.ask(path, { method })
      assert.equal(answer.status, 405, path)
      assert.equal(answer.headers['allow'], 'GET, HEAD, OPTIONS')
      assert.equal(JSON.parse(answer.text).error, 'method_not_allowed')
    }
  })
}

test('CONNECT is not allowed', async () => {
  const { text, closed } = await rawExchange(
    served.port,
    'CONNECT example.test:80 HTTP/1.1\r\nHost: x\r\n\r\n',
  )
  assert.match(text, /^HTTP\/1\.1 405 /)
  assert.match(text, /\r\nAllow: GET, HEAD, OPTIONS\r\n/)
  assert.equal(closed, true)
})

test('OPTIONS is 204 with Allow, asks nobody, and needs no object', async () => {
  served.aws.clearRequests()
  for (const path of ['/plain/object', '/plain/none', '/nowhere', '/']) {
    const answer = await served.ask(path, { method: 'OPTIONS' })
    assert.equal(answer.status, 204)
    assert.equal(answer.headers['allow'], 'GET, HEAD, OPTIONS')
    assert.equal(answer.headers['content-length'], undefined)
    assert.equal(answer.text, '')
  }
  assert.equal(served.aws.requests.length, 0)
})

test('OPTIONS * is of the server as a whole', async () => {
  const ask = 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
  assert.match((await rawExchange(served.port, ask)).text, /^HTTP\/1\.1 204 .*\r\nAllow: /s)
  const get = 'GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
  assert.match((await rawExchange(served.port, get)).text, /^HTTP\/1\.1 400 /)
})

describe('HEAD', () => {
  /** But for what must differ from one answer to the next. */
  function fields({ rawHeaders }: Answer): string[] {
    const lines: string[] = []
    for (let index = 0; index < rawHeaders.length; index += 2) {
      const name = rawHeaders[index] ?? ''
      if (!/^(x-request-id|date)$/i.test(name)) lines.push(`${name}: ${rawHeaders[index + 1]}`)
    }
    return lines
  }

  const cases: readonly (readonly [string, string, Record<string, string>])[] = [
    ['an object', '/object', {}],
    ['a large object', '/large', {}],
    ['an empty object', '/empty', {}],
    ['a missing object', '/none', { 'X-Request-ID': 'same' }],
    ['a missing object, as a browser', '/none', { Accept: 'text/html', 'X-Request-ID': 'same' }],
    ['a missing object, as S3', '/none', { 'x-amz-date': 'x', 'X-Request-ID': 'same' }],
    ['an object that the client has', '/object', { 'If-None-Match': '*' }],
    ['an object that is not wanted', '/object', { 'If-Match': '"x"', 'X-Request-ID': 'same' }],
  ]
  for (const bucket of ['plain', 'ceph']) {
    for (const [what, path, headers] of cases) {
      test(`of ${what} has the fields of the GET byte for byte, like ${bucket}`, async () => {
        const get = await served.ask(`/${bucket}${path}`, { headers })
        const head = await served.ask(`/${bucket}${path}`, { headers, method: 'HEAD' })
        assert.equal(head.status, get.status)
        assert.deepEqual(fields(head), fields(get))
        assert.equal(head.body.length, 0)
        if (get.status !== 304) {
          assert.equal(head.headers['content-length'], String(get.body.length))
        }
      })
    }
  }

  test('of an error document has the fields of the GET', async () => {
    const get = await served.ask('/site/nothing')
    const head = await served.ask('/site/nothing', { method: 'HEAD' })
    assert.equal(get.text, '<p>nothing')
    assert.deepEqual(fields(head), fields(get))
  })

  test('costs S3 no body', async () => {
    served.aws.clearRequests()
    await served.ask('/plain/large', { method: 'HEAD' })
    assert.deepEqual(
      served.aws.requests.map(({ method, bytesSent }) => [method, bytesSent]),
      [['HEAD', 0]],
    )
  })
})

describe('a request with a body', () => {
  const cases = [
    ['short', 'GET /plain/object HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody'],
    ['chunked', 'GET /plain/object HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n'],
    ['long', `GET /plain/object HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`],
    ['not yet sent', 'GET /plain/object HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n'],
    ['that waits for leave', 'GET /plain/object HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n'],
  ] as const // prettier-ignore
  for (const [what, bytes] of cases) {
    test(`${what} is answered, and its connection closed`, async () => {
      const { text, closed } = await rawExchange(served.port, bytes)
      assert.match(text, /^HTTP\/1\.1 200 OK\r\n/)
      assert.match(text, /\r\nConnection: close\r\n/)
      assert.match(text, /\r\n\r\nthe bytes$/)
      assert.equal(closed, true)
    })
  }

  test('that is empty keeps its connection', async () => {
    const ask = 'GET /plain/object HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'
    const { text, closed } = await rawExchange(served.port, ask, { until: 'the bytes' })
    assert.doesNotMatch(text, /\r\nConnection: close/)
    assert.equal(closed, false)
  })
})
