// What the parser refuses on the operations listener is answered as every other no is, and ends its
// connection.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { openCachedFront, TOKEN } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { rawExchange, request } from '../support/http.ts'
import { scrape } from '../support/metrics.ts'
import { connect } from '../support/peer.ts'
import { assertRefusal } from '../support/two-buckets.ts'

let front: CachedFront
const port = (): number => Number(new URL(front.opsUrl).port)

before(async () => {
  front = await openCachedFront()
})

after(() => front?.[Symbol.asyncDispose]())

const HOST = 'Host: here\r\n'

const REFUSED: readonly [what: string, bytes: string, status: number, code: string][] = [
  ['nonsense', 'nonsense\r\n\r\n', 400, 'invalid_request'],
  ['TLS', '\x16\x03\x01\x02\0', 400, 'invalid_request'],
  [
    'two lengths of one body',
    `POST /health HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    'invalid_request',
  ],
  ['no Host', 'GET /health HTTP/1.1\r\n\r\n', 400, 'invalid_request'],
  ['two Hosts', `GET /health HTTP/1.1\r\n${HOST}${HOST}\r\n`, 400, 'invalid_request'],
  ['another version', `GET /health HTTP/2.0\r\n${HOST}\r\n`, 400, 'invalid_request'],
  [
    'a large header',
    `GET /health HTTP/1.1\r\n${HOST}X: ${'x'.repeat(20_000)}\r\n\r\n`,
    431,
    'headers_too_large',
  ],
  ['a long target', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n${HOST}\r\n`, 414, 'uri_too_long'],
  ['a target that is none', `GET health HTTP/1.1\r\n${HOST}\r\n`, 400, 'invalid_path'],
  ['a method of nobody', `BREW /health HTTP/1.1\r\n${HOST}\r\n`, 405, 'method_not_allowed'],
  ['CONNECT', `CONNECT here:80 HTTP/1.1\r\n${HOST}\r\n`, 405, 'method_not_allowed'],
  [
    'a body that breaks off into nonsense',
    `POST /admin/cache/purge HTTP/1.1\r\n${HOST}Authorization: Bearer ${TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\nnonsense`,
    400,
    'invalid_request',
  ],
]

for (const [what, bytes, status, code] of REFUSED) {
  test(`the operations listener refuses ${what} in the one shape`, async () => {
    const { text, closed } = await rawExchange(port(), bytes)
    assertRefusal(text, status, code)
    assert.match(text, /\r\nDate: \w{3}, /)
    assert.match(text, /\r\nConnection: close\r\n/)
    assert.equal(/\r\nAllow: GET, HEAD\r\n/.test(text), status === 405)
    assert.ok(closed)
  })
}

test('what the parser refuses of a HEAD is answered with headers alone', async () => {
  const { text } = await rawExchange(port(), `HEAD health HTTP/1.1\r\n${HOST}\r\n`)
  assert.match(text, /^HTTP\/1\.1 400 [^]*\r\nContent-Length: \d{2,}\r\n[^]*\r\n\r\n$/)
})

for (const next of ['nonsense\r\n\r\n', `CONNECT here:80 HTTP/1.1\r\n${HOST}\r\n`]) {
  test(`an answer under way is not followed by a refusal of ${next.slice(0, 8)}`, async () => {
    const { text, closed } = await rawExchange(port(), `GET /health HTTP/1.1\r\n${HOST}\r\n${next}`)
    assert.match(text, /^HTTP\/1\.1 200 [^]*"healthy"[^]*\}\n?$/)
    assert.equal(text.split('HTTP/1.1 ').length, 2)
    assert.ok(closed)
  })
}

test('an expectation that nobody knows does not keep a call from its answer', async () => {
  const bytes = `GET /health HTTP/1.1\r\n${HOST}Expect: 200-foo\r\nConnection: close\r\n\r\n`
  const { text } = await rawExchange(port(), bytes)
  assert.match(text, /^HTTP\/1\.1 200 [^]*\r\nX-Request-ID: /)
})

test('HTTP/1.0 needs no Host', async () => {
  const { text } = await rawExchange(port(), 'GET /health HTTP/1.0\r\n\r\n')
  assert.match(text, /^HTTP\/1\.1 200 /)
})

test('a connection that is reset after CONNECT ends nothing else', async () => {
  for (const first of ['', `GET /health HTTP/1.1\r\n${HOST}\r\n`]) {
    const peer = await connect(port(), { allowHalfOpen: true })
    peer.send(`${first}CONNECT here:80 HTTP/1.1\r\n${HOST}\r\n`)
    await peer.closed
    peer.socket.resetAndDestroy()
    await request(`${front.opsUrl}/health`)
    assert.equal((await request(`${front.opsUrl}/health`)).status, 200)
  }
})

test('what the parser refuses is counted', async () => {
  const count = async (): Promise<number> =>
    (await scrape(front.opsUrl)).sum('sluice_refusals_total', { code: 'invalid_request' })
  const known = await count()
  await rawExchange(port(), 'nonsense\r\n\r\n')
  assert.equal(await count(), known + 1)
})
