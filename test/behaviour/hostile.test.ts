// What clients must not be able to do, through the port: reach what a path does not name, make two
// requests out of one, see the inside, or bring the server down. Every refusal is a 4xx in the one
// shape or a closed connection.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'

import { connect, soon } from '../support/peer.ts'
import { assertRefusal, assertServes, openTwoBuckets } from '../support/two-buckets.ts'
import type { TwoBuckets } from '../support/two-buckets.ts'

let front: TwoBuckets
const get = (target: string, method?: string): Promise<string> => front.get(target, method)
const exchange = (bytes: string): Promise<string> => front.exchange(bytes)

/** Targets that are legal, odd as they look, and the one key each names. */
const NAMED: readonly { readonly target: string; readonly key: string }[] = [
  { target: '/products/a.txt', key: 'a.txt' },
  { target: '/products/...', key: '...' },
  { target: '/products/..a/b', key: '..a/b' },
  { target: '/products/a../b', key: 'a../b' },
  { target: '/products/.hidden', key: '.hidden' },
  { target: '/products/%2e%2e%2e', key: '...' },
  { target: '/products/%252e%252e/private/secret.txt', key: '%2e%2e/private/secret.txt' },
  { target: '/products/%252e%252e%252fprivate', key: '%2e%2e%2fprivate' },
  { target: '/products/..%5cprivate%5csecret.txt', key: '..\\private\\secret.txt' },
  { target: '/products/..\\..\\private', key: '..\\..\\private' },
  { target: '/products\\..\\private/x', key: '' },
  { target: '/products/..;/private/secret.txt', key: '..;/private/secret.txt' },
  { target: '/products/;a=b', key: ';a=b' },
  { target: '/products//a', key: '/a' },
  { target: '/products///a', key: '//a' },
  { target: '/products/a//b', key: 'a//b' },
  { target: '/products/a/', key: 'a/' },
  { target: '/products%2fa.txt', key: 'a.txt' },
  { target: '/%70roducts/a.txt', key: 'a.txt' },
  { target: '/products/private/secret.txt', key: 'private/secret.txt' },
  { target: '/products//private/secret.txt', key: '/private/secret.txt' },
  { target: '/products/%09', key: '\t' },
  { target: '/products/%0d%0aX-Injected:%201', key: '\r\nX-Injected: 1' },
  { target: '/products/%3Fversions', key: '?versions' },
  { target: '/products/%23', key: '#' },
  { target: '/products/%25', key: '%' },
  { target: '/products/a%2b+b', key: 'a++b' },
  { target: '/products/~user', key: '~user' },
  { target: '/products/%E2%80%AE', key: '\u202e' },
  { target: '/products/%c3%a9', key: 'é' },
  { target: '/products/a.txt?../../private/secret.txt', key: 'a.txt' },
  { target: '/products/a.txt??', key: 'a.txt' },
  { target: '/products/a.txt?uploads&acl&versionId=x&response-content-type=x', key: 'a.txt' },
  { target: 'http://private/products/a.txt', key: 'a.txt' },
  { target: 'HTTP://LOCALHOST:80/products/a.txt', key: 'a.txt' },
  { target: 'https://a.example/products/a.txt?x', key: 'a.txt' },
  { target: `/products/${'d/'.repeat(400)}x`, key: `${'d/'.repeat(400)}x` },
].filter(({ key }) => key !== '')

const INVALID: readonly string[] = [
  '/products/../private/secret.txt',
  '/products/./a.txt',
  '/products/..',
  '/products/.',
  '/products/a/..',
  '/..',
  '/../etc/passwd',
  '/./products/a.txt',
  '/products/x/../../private/secret.txt',
  '/products/%2e%2e/private/secret.txt',
  '/products/%2E%2E/private/secret.txt',
  '/products/.%2e/private/secret.txt',
  '/products/%2e./private/secret.txt',
  '/products/..%2fprivate%2fsecret.txt',
  '/products/..%2Fprivate/secret.txt',
  '/products%2f..%2fprivate%2fsecret.txt',
  '/products%2F%2E%2E%2Fprivate%2Fsecret.txt',
  '/products/%2e%2e%2fprivate/secret.txt',
  '/products/a%2f..%2f..%2fprivate/secret.txt',
  '/products/%c0%ae%c0%ae/private/secret.txt',
  '/products/%e0%80%ae%e0%80%ae/private/secret.txt',
  '/products/..%c0%af',
  '/products/%c0%af../private',
  '/products/%ff',
  '/products/%ed%a0%80',
  '/products/%f5%80%80%80',
  '/products/\u00ff',
  '/products/\u00c3\u00a9',
  '/products/a.txt%00',
  '/products/%00',
  '/products/a%00.png',
  '/products/%',
  '/products/%2',
  '/products/%zz',
  '/products/%u002e%u002e/private',
  '/products/a#b',
  '/products/a.txt?q#f',
  'products/a.txt',
  '..',
  'localhost',
  'localhost:80',
  'http://user:pass@localhost/products/a.txt',
  'http:///products/a.txt',
  'http://local[host/products/a.txt',
  'http://localhost/products/../private/secret.txt',
  'ftp://localhost/products/a.txt',
  'file:///etc/passwd',
  '*',
  '*/products/a.txt',
]

const UNROUTED: readonly string[] = [
  '/',
  '//',
  '//products/a.txt',
  '/productsX/a.txt',
  '/products-private/secret.txt',
  '/product/a.txt',
  '/Products/a.txt',
  '/PRIVATE/secret.txt',
  '/products.private/secret.txt',
  '/products;private/secret.txt',
  '/products\\..\\private/x',
  '/products%20/a.txt',
  '/products%5ca.txt',
  '/products%252fa.txt',
  '/admin/config',
  '/metrics',
  '/origin-private/secret.txt',
  '/health/',
  '/health/x',
  '/healthz',
  '/%2e%2e%252fprivate',
  'http://products/private.txt',
]

const UNKEYED = ['/products', '/products/', '/products?a', '/products%2f', '/private/']

before(async () => {
  front = await openTwoBuckets(NAMED.map(({ key }) => key))
})

after(() => front?.[Symbol.asyncDispose]())

describe('a path leads to the key it names or nowhere', { concurrency: 8 }, () => {
  for (const { target, key } of NAMED) {
    test(`${shown(target)} is the key ${shown(key)}`, async () => {
      const text = await get(target)
      assert.match(text, /^HTTP\/1.1 200 /)
      const body = Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1').toString()
      assert.equal(body, `products:${key}`)
      assert.doesNotMatch(text.slice(0, text.indexOf('\r\n\r\n')), /X-Injected/)
    })
  }
  for (const target of INVALID) {
    test(`${shown(target)} is refused`, async () => {
      assertRefusal(await get(target), 400, 'invalid_path')
    })
  }
  for (const target of UNROUTED) {
    test(`${shown(target)} leads nowhere`, async () => {
      assertRefusal(await get(target), 404, 'no_route')
    })
  }
  for (const target of UNKEYED) {
    test(`${shown(target)} names no object, and S3 is not asked`, async () => {
      assertRefusal(await get(target), 404, 'not_found')
    })
  }
  after(() => {
    const asked = front.s3.requests.filter(({ bucket }) => bucket === 'origin-private')
    assert.deepEqual(asked, [], 'the private bucket was never asked')
    assert.ok(front.s3.requests.every(({ key }) => key !== ''))
  })
})

function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}

const HEAD = 'GET /products/a.txt HTTP/1.1\r\nHost: a\r\n'
const SMUGGLED = 'GET /private/secret.txt HTTP/1.1\r\nHost: a\r\n\r\n'

/** Requests whose end or meaning two servers could read differently. */
const AMBIGUOUS: Readonly<Record<string, string>> = {
  'Content-Length and Transfer-Encoding': `${HEAD}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'Transfer-Encoding and Content-Length': `${HEAD}Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'two Transfer-Encodings': `${HEAD}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'a Transfer-Encoding after chunked': `${HEAD}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'a Transfer-Encoding with a control character': `${HEAD}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'a folded Transfer-Encoding': `${HEAD}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'two Content-Lengths that differ': `${HEAD}Content-Length: 0\r\nContent-Length: 40\r\n\r\n${SMUGGLED}`,
  'two Content-Lengths that agree': `${HEAD}Content-Length: 0\r\nContent-Length: 0\r\n\r\n`,
  'a list of Content-Lengths': `${HEAD}Content-Length: 0, 40\r\n\r\n${SMUGGLED}`,
  'a negative Content-Length': `${HEAD}Content-Length: -1\r\n\r\n`,
  'a Content-Length with a sign': `${HEAD}Content-Length: +5\r\n\r\nhello`,
  'a hexadecimal Content-Length': `${HEAD}Content-Length: 0x5\r\n\r\nhello`,
  'a Content-Length with a point': `${HEAD}Content-Length: 5.0\r\n\r\nhello`,
  'an empty Content-Length': `${HEAD}Content-Length: \r\n\r\n`,
  'a Content-Length beyond all numbers': `${HEAD}Content-Length: 99999999999999999999\r\n\r\n`,
  'a space before the colon': `${HEAD}Content-Length : 5\r\n\r\nhello`,
  'a space before a name': `${HEAD} Content-Length: 5\r\n\r\nhello`,
  'a folded field': `${HEAD}X-Folded: a\r\n b\r\n\r\n`,
  'a line ended by a bare LF': 'GET /products/a.txt HTTP/1.1\nHost: a\n\n',
  'a field ended by a bare LF': `${HEAD}X: a\nContent-Length: 5\r\n\r\nhello`,
  'a bare CR in a field': `${HEAD}X: a\rContent-Length: 5\r\n\r\nhello`,
  'a bare CR in the request line': 'GET /products/a.txt\rX HTTP/1.1\r\nHost: a\r\n\r\n',
  'a NUL in a field': `${HEAD}X: a\0b\r\n\r\n`,
  'a NUL in a name': `${HEAD}X\0: a\r\n\r\n`,
  'a NUL in the target': 'GET /products/a\0.txt HTTP/1.1\r\nHost: a\r\n\r\n',
  'a DEL in a field': `${HEAD}X: a\x7fb\r\n\r\n`,
  'a field without a name': `${HEAD}: a\r\n\r\n`,
  'a field without a colon': `${HEAD}X\r\n\r\n`,
  'a name that is no token': `${HEAD}X(y): a\r\n\r\n`,
  'two Hosts': `${HEAD}Host: b\r\n\r\n`,
  'the same Host twice': `${HEAD}Host: a\r\n\r\n`,
  'no Host': 'GET /products/a.txt HTTP/1.1\r\n\r\n',
  'an empty Host': 'GET /products/a.txt HTTP/1.1\r\nHost:\r\n\r\n',
  'a Host that is none': 'GET /products/a.txt HTTP/1.1\r\nHost: a/b\r\n\r\n',
  'a Host with credentials': 'GET /products/a.txt HTTP/1.1\r\nHost: u:p@a\r\n\r\n',
  'a Host with a list': 'GET /products/a.txt HTTP/1.1\r\nHost: a, b\r\n\r\n',
  'a Host beside an absolute target that is none':
    'GET http://a/products/a.txt HTTP/1.1\r\nHost: a b\r\n\r\n',
  'HTTP/0.9': 'GET /products/a.txt\r\n\r\n',
  'HTTP/0.9 by its number': 'GET /products/a.txt HTTP/0.9\r\nHost: a\r\n\r\n',
  'HTTP/1.2': 'GET /products/a.txt HTTP/1.2\r\nHost: a\r\n\r\n',
  'HTTP/2.0 on a request line': `GET /products/a.txt HTTP/2.0\r\nHost: a\r\nHost: b\r\nContent-Length: 66\r\n\r\n${SMUGGLED}`,
  'HTTP/3.0': 'GET /products/a.txt HTTP/3.0\r\nHost: a\r\n\r\n',
  'a protocol in lower case': 'GET /products/a.txt http/1.1\r\nHost: a\r\n\r\n',
  'a protocol that is none': 'GET /products/a.txt FTP/1.1\r\nHost: a\r\n\r\n',
  'no target': 'GET  HTTP/1.1\r\nHost: a\r\n\r\n',
  'a space in the target': 'GET /products/a .txt HTTP/1.1\r\nHost: a\r\n\r\n',
  'a tab between method and target': 'GET\t/products/a.txt HTTP/1.1\r\nHost: a\r\n\r\n',
  'a method of a hundred thousand letters': `${'G'.repeat(100_000)} / HTTP/1.1\r\nHost: a\r\n\r\n`,
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
  'a TLS hello': '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03' + 'x'.repeat(500),
  'an answer': 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  noise: '\xff\xfe\xfd\xfc'.repeat(100),
  'a name of a megabyte': `${HEAD}${'n'.repeat(1_000_000)}: 1\r\n\r\n`,
  'a value of a megabyte': `${HEAD}X: ${'v'.repeat(1_000_000)}\r\n\r\n`,
  'a hundred thousand fields': `${HEAD}${'a: 1\r\n'.repeat(100_000)}\r\n`,
}

describe('a request that could be read in two ways is refused, once', { concurrency: 8 }, () => {
  for (const [name, bytes] of Object.entries(AMBIGUOUS)) {
    test(name, async () => {
      const text = await exchange(bytes)
      assert.match(text, /^HTTP\/1.1 4\d\d /)
      const { error, status } = JSON.parse(text.split('\r\n\r\n')[1] ?? '')
      assert.match(error, /^(?:invalid_request|invalid_path|headers_too_large|uri_too_long)$/)
      assertRefusal(text, status, error)
      assert.match(text, /\r\nConnection: close\r\n/)
    })
  }
  after(() => assertServes(front))
})

for (const method of ['BREW', 'get', 'GETT']) {
  test(`a method that nobody knows is like any that is not allowed: ${method}`, async () => {
    const text = await exchange(`${method} /products/a.txt HTTP/1.1\r\nHost: a\r\n\r\n`)
    assertRefusal(text, 405, 'method_not_allowed')
    assert.match(text, /\r\nAllow: GET, HEAD, OPTIONS\r\n/)
  })
}

test('what the parser refuses carries what every answer does', async () => {
  const text = await exchange('GET  HTTP/1.1\r\nHost: a\r\n\r\n')
  for (const line of [/X-Request-ID: \S+/, /Cache-Status: sluice; fwd=bypass/, /X-Cache: BYPASS/]) {
    assert.match(text, line)
  }
  assert.match(text, /\r\nAccept-Ranges: bytes\r\n/)
})

test('chunk extensions and a trailer are read over, and the connection is closed', async () => {
  const text = await exchange(
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n${SMUGGLED}`,
  )
  assert.equal(text.split('HTTP/1.1 ').length, 2)
  assert.match(text, /^HTTP\/1.1 200 [^]*\r\nConnection: close\r\n[^]*products:a.txt$/)
})

for (const coding of ['xchunked', 'gzip', 'identity', 'chunked;a=b', '"chunked"']) {
  test(`a body whose last coding is ${coding} is refused, and nothing behind it is read`, async () => {
    const text = await exchange(`${HEAD}Transfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n${SMUGGLED}`)
    assert.equal(text.split('HTTP/1.1 ').length, 2)
    assert.match(text, /^HTTP\/1.1 400 [^]*\r\nConnection: close\r\n[^]*"invalid_request"/)
  })
}

const BAD_BODIES: Readonly<Record<string, string>> = {
  'a chunk size that is none': 'ZZ\r\nhello\r\n0\r\n\r\n',
  'a chunk longer than it says': '3\r\nhello\r\n0\r\n\r\n',
  'a negative chunk size': '-5\r\nhello\r\n0\r\n\r\n',
  'a chunk size beyond all numbers': 'fffffffffffffffff\r\nhello',
  'a chunk ended by a bare LF': '5\nhello\n0\n\n',
  'chunk extensions without end': `5;${'x'.repeat(100_000)}`,
}

describe('a body that is malformed never makes a second answer', { concurrency: 8 }, () => {
  for (const [name, body] of Object.entries(BAD_BODIES)) {
    test(name, async () => {
      const text = await exchange(`${HEAD}Transfer-Encoding: chunked\r\n\r\n${body}${SMUGGLED}`)
      assert.ok(text.split('HTTP/1.1 ').length <= 2, text)
      assert.doesNotMatch(text, /HTTP\/1.1 5|private:/)
    })
  }
  after(() => assertServes(front))
})

test('a request with a body is answered at once and its connection closed', async () => {
  for (const body of [
    `Content-Length: ${SMUGGLED.length}`,
    'Content-Length: 1000000000',
    'Transfer-Encoding: chunked',
  ]) {
    const text = await exchange(`${HEAD}${body}\r\n\r\n${SMUGGLED}`)
    assert.equal(text.split('HTTP/1.1 ').length, 2)
    assert.match(text, /^HTTP\/1.1 200 [^]*\r\nConnection: close\r\n[^]*products:a.txt$/)
  }
})

test('who reads late, still sending, reads the refusal', async () => {
  const peer = await connect(front.port)
  peer.socket.pause()
  peer.send('PUT /products/a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n')
  for (let piece = 0; piece < 40; piece += 1) {
    peer.send('x'.repeat(100_000))
    await wait(10)
  }
  peer.socket.resume()
  await soon(peer.closed, 'the connection closes')
  assertRefusal(peer.text, 405, 'method_not_allowed')
  peer.destroy()
})

test('who asks leave to send a body is answered without it', async () => {
  for (const expectation of ['100-continue', '200-maybe']) {
    const text = await exchange(`${HEAD}Expect: ${expectation}\r\nContent-Length: 5\r\n\r\n`)
    assert.match(text, /^HTTP\/1.1 200 [^]*\r\nConnection: close\r\n[^]*products:a.txt$/)
  }
})

test('an upgrade is not accepted, and the request is answered as it is', async () => {
  for (const protocol of ['websocket', 'h2c', 'TLS/1.0']) {
    const text = await exchange(
      `${HEAD}Connection: Upgrade, close\r\nUpgrade: ${protocol}\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
    )
    assert.match(text, /^HTTP\/1.1 200 [^]*products:a.txt$/)
    assert.equal(text.split('HTTP/1.1 ').length, 2)
  }
})

test('CONNECT is refused with 405 and the connection closed', async () => {
  for (const target of ['example.com:443', '127.0.0.1:22', '/products/a.txt']) {
    const text = await exchange(`CONNECT ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)
    if (target.startsWith('/')) assert.match(text, /^HTTP\/1.1 4\d\d /)
    else assertRefusal(text, 405, 'method_not_allowed')
  }
})

test('a connection that is reset after CONNECT ends nothing else', async () => {
  for (const first of ['', 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n']) {
    const peer = await connect(front.port, { allowHalfOpen: true })
    peer.send(`${first}CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n`)
    await peer.closed
    peer.socket.resetAndDestroy()
    await assertServes(front)
    await assertServes(front)
  }
})

test('OPTIONS * is answered for the whole server', async () => {
  const text = await get('*', 'OPTIONS')
  assert.match(text, /^HTTP\/1.1 204 [^]*\r\nAllow: GET, HEAD, OPTIONS\r\n/)
  assertRefusal(await get('*'), 400, 'invalid_path')
})

const METHODS = [
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'TRACE',
  'PURGE',
  'PROPFIND',
  'QUERY',
  'M-SEARCH',
  'LINK',
]

test('every other method is 405 with Allow, on every path', async () => {
  for (const method of METHODS) {
    for (const target of ['/products/a.txt', '/products', '/nowhere', '/health', '/ready', '/']) {
      const text = await get(target, method)
      assertRefusal(text, 405, 'method_not_allowed')
      assert.match(text, /\r\nAllow: GET, HEAD, OPTIONS\r\n/)
    }
  }
})

test('pipelined requests are answered in order, the good before the bad', async () => {
  const good = (n: number): string =>
    `GET /products/a.txt HTTP/1.1\r\nHost: a\r\nX-Request-ID: n${n}\r\n\r\n`
  const three = await exchange(`${good(1)}${good(2)}${HEAD}Connection: close\r\n\r\n`)
  assert.deepEqual(three.match(/HTTP\/1.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 200'])
  for (const bad of [
    'GET /x HTTP/1.1\r\nBad Field: 1\r\n\r\n',
    'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET / HTTP/2.0\r\n\r\n',
  ]) {
    const text = await exchange(`${good(1)}${good(2)}${bad}${SMUGGLED}`)
    const statuses = text.match(/HTTP\/1.1 \d+/g) ?? []
    assert.deepEqual(statuses.slice(0, 2), ['HTTP/1.1 200', 'HTTP/1.1 200'], bad)
    assert.ok(statuses.length <= 3, text)
    assert.match(text, /X-Request-ID: n1\r\n[^]*X-Request-ID: n2\r\n/)
    assert.doesNotMatch(text, /private:/)
  }
})

test('a kept connection that turns to nonsense is told so', async () => {
  const peer = await connect(front.port)
  peer.send(`${HEAD}\r\n`)
  await peer.until(/products:a\.txt$/)
  const before = peer.text.length
  peer.send('nonsense\r\n\r\n')
  await soon(peer.closed, 'the connection closes')
  assertRefusal(peer.text.slice(before), 400, 'invalid_request')
})
