import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, ServerResponse as NodeResponse } from 'node:http'
import type { RequestListener } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'

import type { AnswerHead } from '../exchange/answer-head.ts'
import { HeadedResponse } from './response.ts'
import { ShortWay } from './short-way.ts'

interface Answer {
  readonly status: number
  readonly headers: string[]
  readonly body?: string
}

/** Who writes an answer. */
type Writer = 'node' | 'headed' | 'plain'

/** All that is written for two requests in a row on one connection, without the instant. */
async function written(writer: Writer, answer: Answer, ask: string): Promise<string> {
  const ServerResponse = writer === 'node' ? NodeResponse : HeadedResponse
  const server = createServer({ ServerResponse, keepAliveTimeout: TIMEOUTS.keepAliveTimeoutMs })
  const { status, headers, body = '' } = answer
  server.on('request', replyWith(answer)).on('checkContinue', replyWith(answer))
  const way = new ShortWay(TIMEOUTS, (_request, response) => {
    response.writeAnswerHead(headOf(status, headers))
    response.end(body)
  })
  if (writer === 'plain') way.guard(server, 'connection')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.setEncoding('latin1').on('data', (more: string) => (text += more))
  socket.once('data', () => socket.write(ask.replace('keep-alive', 'close')))
  // It may have been closed after the first.
  socket.on('error', () => undefined)
  socket.write(ask)
  await once(socket, 'close')
  way.end()
  server.close()
  return text.replace(/Date: .*\r\n/g, 'Date: now\r\n')
}

function headOf(status: number, fields: readonly string[]): AnswerHead {
  return { status, block: undefined, told: undefined, fields }
}

function replyWith({ status, headers, body = '' }: Answer): RequestListener {
  return (_request, response) => {
    if (response instanceof HeadedResponse) response.writeAnswerHead(headOf(status, headers))
    else response.writeHead(status, [...headers])
    response.end(body, 'latin1')
  }
}

const TIMEOUTS = { headerTimeoutMs: 10_000, keepAliveTimeoutMs: 65_000 }
const GET = 'GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n'
const WHOLE = ['ETag', '"a"', 'X-Name', 'caf\u00e9', 'Content-Length', '2']

const ANSWERS: Readonly<Record<string, Answer>> = {
  'a whole object': { status: 200, headers: WHOLE, body: 'ok' },
  'a part': { status: 206, headers: ['Content-Range', 'bytes 0-1/9', ...WHOLE], body: 'ok' },
  'a file name that is not ASCII': {
    status: 200,
    headers: ['Content-Disposition', 'inline; filename="\u00e9.txt"', 'Content-Length', '2'],
    body: 'ok',
  },
  'a date of its own': { status: 200, headers: ['Date', 'then', ...WHOLE], body: 'ok' },
  'a connection to be closed': {
    status: 200,
    headers: [...WHOLE, 'Connection', 'close'],
    body: 'ok',
  },
  'an unknown length': { status: 200, headers: ['ETag', '"a"'], body: 'ok' },
  'nothing new': { status: 304, headers: ['ETag', '"a"'] },
  'a no': { status: 404, headers: ['Content-Length', '2'], body: 'no' },
}

describe('what is written is what Node itself would write', () => {
  for (const [name, answer] of Object.entries(ANSWERS)) {
    for (const [kind, ask] of Object.entries({
      'a GET': GET,
      'a HEAD': GET.replace('GET', 'HEAD'),
      'an old GET': GET.replace('HTTP/1.1', 'HTTP/1.0'),
      'a GET that asks leave': GET.replace('Host', 'Expect: 100-continue\r\nHost'),
    })) {
      test(`${name}, for ${kind}`, async () => {
        const expected = await written('node', answer, ask)
        assert.match(expected, new RegExp(`^HTTP/1\\.1 ${answer.status} `, 'm'))
        assert.equal(await written('headed', answer, ask), expected)
        assert.equal(await written('plain', answer, ask), expected)
      })
    }
  }
})

test('an answer that breaks before its turn closes the connection when its turn comes', async () => {
  const server = createServer({ ServerResponse: HeadedResponse })
  let finishFirst = (): void => undefined
  server.on('request', (request, response) => {
    if (request.url === '/first') {
      finishFirst = () => response.end('first')
      return
    }
    response.writeHead(200, ['Content-Length', '100'])
    response.write('a part')
    response.destroy()
    finishFirst()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const socket = connect(address.port, '127.0.0.1')
  let text = ''
  socket.on('data', (part: Buffer) => (text += part.toString()))
  for (const path of ['/first', '/second']) socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
  await once(socket, 'close', { signal: AbortSignal.timeout(10_000) })
  assert.match(text, /first$/)
  server.close()
})
