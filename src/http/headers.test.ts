import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { Duplex } from 'node:stream'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { test } from 'node:test'

import {
  HOP_BY_HOP,
  foldHeaders,
  headerValue,
  isValidHeaderName,
  isValidHeaderValue,
  latin1,
} from './headers.ts'

test('a value is found whatever the case of its name, and the first one counts', () => {
  const list = ['Etag', '"a"', 'X-Etag', 'x', 'ETAG', '"b"']
  assert.equal(headerValue(list, 'etag'), '"a"')
  assert.equal(headerValue(list, 'x-etag'), 'x')
  assert.equal(headerValue(list, 'date'), undefined)
})

test('a value is never taken for a name', () => {
  assert.equal(headerValue(['a', 'etag', 'b', 'c'], 'etag'), undefined)
})

const accepts = (check: () => void): boolean => {
  try {
    check()
    return true
  } catch {
    return false
  }
}

test('names and values are valid exactly when node would send them', () => {
  for (let code = 0; code <= 0x101; code++) {
    const text = `a${String.fromCharCode(code)}b`
    const name = accepts(() => validateHeaderName(text))
    const value = accepts(() => validateHeaderValue('x', text))
    assert.deepEqual([isValidHeaderName(text), isValidHeaderValue(text)], [name, value], `${code}`)
  }
  assert.equal(isValidHeaderName(''), false)
  assert.equal(isValidHeaderValue(''), true)
})

test('bytes are carried one character each', () => {
  assert.equal(latin1(Buffer.from([0x41, 0xe9, 0xff])), 'A\xe9\xff')
})

test('fields of one connection are known in lower case', () => {
  assert.equal(HOP_BY_HOP.has('connection') && HOP_BY_HOP.has('transfer-encoding'), true)
  assert.equal(HOP_BY_HOP.has('etag'), false)
})

test('fields fold as node folds those that come by the wire', async () => {
  const names =
    'Host Range If-None-Match Cookie Authorization X-Own Accept User-Agent If-Modified-Since ' +
    'Cache-Control Referer From Max-Forwards If-Unmodified-Since Proxy-Authorization Content-Type ' +
    'Pragma Age ETag Expires Server Last-Modified Location Retry-After If-Match If-Range Via'
  const list = names.split(' ').flatMap((name) => [name, 'a', name.toLowerCase(), 'b'])
  const lines = list.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`))
  assert.deepEqual(foldHeaders(list), await headersOf(`GET / HTTP/1.1\r\n${lines.join('')}\r\n`))
})

/** As node's own parser gives them. */
function headersOf(bytes: string): Promise<IncomingHttpHeaders> {
  const server = createServer()
  const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() })
  const parsed = new Promise<IncomingHttpHeaders>((resolve, reject) => {
    server.once('request', ({ headers }) => resolve({ ...headers }))
    server.once('clientError', reject)
  })
  server.emit('connection', socket)
  socket.push(bytes)
  return parsed.finally(() => socket.destroy())
}
