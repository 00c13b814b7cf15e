import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Request } from '../exchange/request.ts'
import { receive } from './receive.ts'
import type { RawRequest } from './receive.ts'

const LIMITS = { maxHeaderBytes: 200, maxUriLength: 60 }

function received(raw: Partial<RawRequest> = {}): Request {
  const headers = raw.headers ?? { host: 'a.test' }
  const rawHeaders = Object.entries(headers).flatMap(([name, value]) => [name, String(value)])
  return receive(
    {
      method: 'GET',
      url: '/k',
      httpVersionMajor: 1,
      httpVersionMinor: 1,
      rawHeaders,
      ...raw,
      headers,
    },
    LIMITS,
  )
}

test('a request is read once: method, path, query and host', () => {
  const { method, path, query, host, hasBody } = received({
    method: 'HEAD',
    url: '/a%20b?c=%20',
    headers: { host: 'A.Test:80' },
  })
  assert.deepEqual(
    { method, path, query, host, hasBody },
    { method: 'HEAD', path: '/a b', query: 'c=%20', host: 'a.test', hasBody: false },
  )
})

describe('the method', () => {
  test('is GET, HEAD or OPTIONS, and all else tells so', () => {
    for (const method of ['POST', 'get', '', undefined]) {
      assert.throws(() => received({ method }), {
        code: 'method_not_allowed',
        headers: ['Allow', 'GET, HEAD, OPTIONS'],
      })
    }
  })

  test('is looked at first', () => {
    assert.throws(() => received({ method: 'POST', url: '/../x' }), { code: 'method_not_allowed' })
  })
})

describe('the target', () => {
  test('is refused when it is too long or no path', () => {
    assert.throws(() => received({ url: `/${'x'.repeat(60)}` }), { code: 'uri_too_long' })
    for (const url of ['/../x', '/%zz', 'x', '*', '']) {
      assert.throws(() => received({ url }), { code: 'invalid_path' })
    }
  })

  test('may be the asterisk of OPTIONS', () => {
    assert.equal(received({ method: 'OPTIONS', url: '*' }).path, '*')
  })

  test('brings its own host when it is absolute', () => {
    const { host, path } = received({ url: 'http://b.test/x' })
    assert.deepEqual([host, path], ['b.test', '/x'])
  })
})

describe('the host', () => {
  test('is needed, once, and well-formed', () => {
    assert.throws(() => received({ headers: {} }), { code: 'invalid_request' })
    assert.throws(() => received({ headers: { host: 'a b' } }), { code: 'invalid_request' })
    assert.throws(() => received({ rawHeaders: ['Host', 'a', 'host', 'a'] }), {
      code: 'invalid_request',
    })
    assert.throws(() => received({ url: 'http://b.test/x', headers: { host: 'a b' } }), {
      code: 'invalid_request',
    })
  })

  test('may be missing in HTTP/1.0', () => {
    assert.equal(received({ headers: {}, httpVersionMinor: 0 }).host, undefined)
  })

  test('is the authority in HTTP/2', () => {
    const headers = { ':authority': 'b.test', host: 'a.test' }
    assert.equal(received({ headers, httpVersionMajor: 2 }).host, 'b.test')
    assert.equal(received({ httpVersionMajor: 2 }).host, 'a.test')
  })
})

describe('the headers', () => {
  test('are refused when all together are too large', () => {
    const fits = 'x'.repeat(200 - 'host: a.test\r\n'.length - 'a: \r\n'.length)
    assert.equal(received({ headers: { host: 'a.test', a: fits } }).path, '/k')
    assert.throws(() => received({ headers: { host: 'a.test', a: `${fits}x` } }), {
      code: 'headers_too_large',
    })
  })
})

describe('a body', () => {
  for (const [headers, expected] of [
    [{ 'content-length': '1' }, true],
    [{ 'content-length': '0' }, false],
    [{ 'transfer-encoding': 'chunked' }, true],
    [{}, false],
  ] as const) {
    test(`is told by ${JSON.stringify(headers)}: ${expected}`, () => {
      assert.equal(received({ headers: { host: 'a.test', ...headers } }).hasBody, expected)
    })
  }

  test('of a stream of HTTP/2 costs no connection', () => {
    const headers = { ':authority': 'a.test', 'content-length': '1' }
    assert.equal(received({ headers, httpVersionMajor: 2 }).hasBody, false)
  })
})
