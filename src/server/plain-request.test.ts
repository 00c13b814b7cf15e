import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'

import { PlainRequests } from './plain-request.ts'

const HEAD = [
  'GET /files/a%20b.txt?x=1&y=%2f HTTP/1.1',
  'Host: files.example:8080',
  'User-Agent: a client/1.0 (of some kind)',
  'Accept: */*',
  'Range:\tbytes=0-99 ',
  'X-Empty:',
  'Connection: keep-alive',
]

function written(lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`
}

function read(text: string): ReturnType<PlainRequests['read']> {
  return new PlainRequests().read(Buffer.from(text, 'latin1'))
}

describe('a plain request', () => {
  test('is read with its fields as they came', () => {
    const { method, url, rawHeaders, headers, isLast } = read(written(HEAD)) ?? {}
    assert.equal(method, 'GET')
    assert.equal(url, '/files/a%20b.txt?x=1&y=%2f')
    assert.deepEqual(rawHeaders?.slice(0, 2), ['Host', 'files.example:8080'])
    assert.deepEqual([headers?.range, headers?.['x-empty'], isLast], ['bytes=0-99', '', false])
  })

  test('is read again with other fields on the same connection', () => {
    const requests = new PlainRequests()
    const ask = (field: string): unknown =>
      requests.read(Buffer.from(written(['HEAD / HTTP/1.1', 'Host: h', field])))?.headers.range
    const asked = [ask('Range: bytes=0-1'), ask('Range: bytes=0-2'), ask('X: y'), ask('Range: a')]
    assert.deepEqual(asked, ['bytes=0-1', 'bytes=0-2', undefined, 'a'])
  })

  test('may be the last of its connection', () => {
    const request = read(written(['GET / HTTP/1.1', 'host: h', 'connection: Close']))
    assert.equal(request?.isLast, true)
  })
})

const LEFT: Readonly<Record<string, string>> = {
  'a part of a head': written(HEAD).slice(0, -1),
  'a line that has only begun': 'GET / HT',
  'two requests at once': written(HEAD) + written(HEAD),
  'bytes behind a head': `${written(HEAD)}x`,
  'another method': written(['POST / HTTP/1.1', 'Host: h']),
  'a method in small letters': written(['get / HTTP/1.1', 'Host: h']),
  'HTTP/1.0': written(['GET / HTTP/1.0', 'Host: h']),
  'a whole address': written(['GET http://h/ HTTP/1.1', 'Host: h']),
  'a space too many': written(['GET /a b HTTP/1.1', 'Host: h']),
  'a byte above ASCII in the target': written(['GET /\u00e9 HTTP/1.1', 'Host: h']),
  'a byte above ASCII in a field': written(['GET / HTTP/1.1', 'Host: h', 'X: \u00e9']),
  'a zero in a field': written(['GET / HTTP/1.1', 'Host: h', 'X: \0']),
  'no host': written(['GET / HTTP/1.1', 'X: y']),
  'two hosts': written(['GET / HTTP/1.1', 'Host: h', 'Host: h']),
  'a field twice': written(['GET / HTTP/1.1', 'Host: h', 'Cookie: a=1', 'cookie: b=2']),
  'a space before a colon': written(['GET / HTTP/1.1', 'Host : h']),
  'a field that goes on in the next line': written(['GET / HTTP/1.1', 'Host: h', 'X: y', ' z']),
  'a line without its carriage return': 'GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n',
  'a lonely carriage return': 'GET / HTTP/1.1\r\nHost: h\r\nX: y\rz\r\n\r\n',
  'a body of known length': written(['GET / HTTP/1.1', 'Host: h', 'Content-Length: 0']),
  'a body of unknown length': written(['GET / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked']),
  'another protocol': written(['GET / HTTP/1.1', 'Host: h', 'Upgrade: h2c']),
  'a connection with options': written(['GET / HTTP/1.1', 'Host: h', 'Connection: close, x']),
  'an expectation': written(['GET / HTTP/1.1', 'Host: h', 'Expect: 100-continue']),
  'the name of a prototype': written(['GET / HTTP/1.1', 'Host: h', '__proto__: x']),
  'a very long head': written([...HEAD, `X: ${'y'.repeat(8 * 1024)}`]),
}

describe('left to the parser is', () => {
  for (const [title, text] of Object.entries(LEFT)) {
    test(title, () => assert.equal(read(text), undefined))
  }
})

describe('what is read here, Node reads in the same way', () => {
  const heard: IncomingMessage[] = []
  const server = createServer({ optimizeEmptyRequests: true }, (request, response) => {
    heard.push(request)
    response.end()
  })
  before(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(() => server.close())

  async function asNode(text: string): Promise<IncomingMessage | undefined> {
    heard.length = 0
    const { port } = server.address() as AddressInfo
    const socket = connect(port, '127.0.0.1')
    socket.end(text, 'latin1').resume()
    await once(socket, 'close')
    return heard.length === 1 ? heard[0] : undefined
  }

  test('whatever becomes of a head by a slip here and there', async () => {
    const random = randomFrom(7)
    let plain = 0
    for (let turn = 0; turn < 3000; turn += 1) {
      const text = disturbed(written(HEAD), random)
      const request = read(text)
      if (request === undefined) continue
      plain += 1
      const node = await asNode(text)
      const { method, url, rawHeaders, headers } = request
      assert.deepEqual(
        { method, url, rawHeaders, headers },
        {
          method: node?.method,
          url: node?.url,
          rawHeaders: node?.rawHeaders,
          headers: node?.headers,
        },
        JSON.stringify(text),
      )
    }
    assert.ok(plain > 300, `${plain} were plain`)
  })
})

/** Of what matters to a parser, and what does not. */
const PIECES = [
  ...Array.from('\r\n\t :;,/%?#=\0\u00e9\u007f"\\(){}<>@aZ0'),
  '\r\n',
  '\r\n\r\n',
  'Host: h\r\n',
  'GET ',
]

function disturbed(text: string, random: () => number): string {
  const at = Math.floor(random() * text.length)
  const piece = PIECES[Math.floor(random() * PIECES.length)] ?? ''
  const gone = Math.floor(random() * 3)
  const once = text.slice(0, at) + piece + text.slice(at + gone)
  return random() < 0.3 ? disturbed(once, random) : once
}

/** The same turns in every run. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
