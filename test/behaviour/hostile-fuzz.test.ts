// Two thousand damaged requests, the same ones every time, thrown at the port.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { connect, soon } from '../support/peer.ts'
import { assertNothingLeaks, assertServes, openTwoBuckets } from '../support/two-buckets.ts'
import type { TwoBuckets } from '../support/two-buckets.ts'

let front: TwoBuckets

before(async () => {
  front = await openTwoBuckets(['a.txt'])
})

after(() => front?.[Symbol.asyncDispose]())

const HEAD = 'GET /products/a.txt HTTP/1.1\r\nHost: a\r\n'
const SEED = 20260110
const FUZZED = 2000
const BASES = [
  `${HEAD}Connection: close\r\n\r\n`,
  'HEAD /products/a/b?x=1 HTTP/1.1\r\nHost: localhost:80\r\nRange: bytes=0-3,5-\r\nAccept: */*\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\nOrigin: https://a\r\nAccess-Control-Request-Method: GET\r\n\r\n',
  `${HEAD}If-None-Match: "a", W/"b"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n`,
  `${HEAD}Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello`,
  `${HEAD}Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n`,
  'GET http://a.example:8080/products/%61.txt?q HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
]

test('no mutation of a request makes a 5xx, a hang, or a way to another bucket', async () => {
  const random = seeded(SEED)
  let sent = 0
  const throwSome = async (): Promise<void> => {
    while (sent < FUZZED) {
      sent += 1
      await assertHarmless(mutated(random))
    }
  }
  await Promise.all(Array.from({ length: 16 }, throwSome))
  await assertServes(front)
  const others = front.s3.requests.filter(({ bucket }) => bucket !== 'origin-products')
  assert.deepEqual(others, [])
})

async function assertHarmless(bytes: string): Promise<void> {
  const peer = await connect(front.port)
  peer.send(bytes)
  // Nothing more comes, so that half a request is not waited for.
  peer.socket.end()
  await soon(peer.closed, `the server closes after ${JSON.stringify(bytes)}`)
  const answers = peer.text.match(/HTTP\/1\.1 \d+/g) ?? []
  const what = `${JSON.stringify(bytes)} was answered ${JSON.stringify(peer.text)}`
  assert.ok(answers.length <= bytes.split(/HTTP/i).length, what)
  assert.doesNotMatch(peer.text, /HTTP\/1\.1 5/, what)
  assertNothingLeaks(peer.text)
}

function mutated(random: () => number): string {
  const below = (limit: number): number => Math.floor(random() * limit)
  let text = Array.from({ length: 1 + below(2) }, () => BASES[below(BASES.length)]).join('')
  for (let change = 0; change < 1 + below(4); change += 1) {
    const at = below(text.length)
    const end = at + below(20)
    const [start, middle, rest] = [text.slice(0, at), text.slice(at, end), text.slice(end)]
    const odd = ODD[below(ODD.length)] ?? ''
    const noise = String.fromCharCode(below(256))
    text =
      [
        start + noise + text.slice(at + 1),
        start + odd + text.slice(at),
        start + rest,
        start + middle + middle + rest,
        start + odd + rest,
      ][below(5)] ?? text
  }
  return text
}

const ODD = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  ':',
  '/..',
  '%2e%2e%2f',
  '%',
  '//',
  ',',
  '"',
  '\xff',
].concat(['9'.repeat(30), '-1', 'bytes=', 'chunked', 'HTTP/1.1', '?', '#', '\\', ';', '\t', '@'])

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
