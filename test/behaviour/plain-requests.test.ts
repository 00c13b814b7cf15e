// Most requests are written in one plain way, and take a short way through the program. Nobody can tell
// from the answers: not when the next request on the connection is written in another, nor when it comes
// in pieces, or before the answer to the last has left.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

import { createCertificate } from '../support/certificates.ts'
import { bucketAt, openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { INSPECTED, inspect } from '../support/inspector.ts'
import { connect, eventually, soon } from '../support/peer.ts'
import type { Peer } from '../support/peer.ts'
import { until } from '../support/until.ts'

const HOST = 'Host: cdn.example\r\n'
const PLAIN = `GET /files/a HTTP/1.1\r\n${HOST}\r\n`
const CORS = { origins: ['https://app.example.com'] }
const BODY = 'a'.repeat(3000)
/** More than a client's side of a connection holds. */
const LARGE = 3 * 1024 * 1024
/** Of the requests that Node's parser reads, and of the connections that are read as streams. */
const COUNT = `
  globalThis.parsed = 0
  const sockets = []
  globalThis.streams = () => sockets.filter((socket) => socket.listenerCount('data') > 0).length
  const { subscribe } = process.getBuiltinModule('node:diagnostics_channel')
  subscribe('http.server.request.start', () => { globalThis.parsed += 1 })
  subscribe('net.server.socket', ({ socket }) => { sockets.push(socket) })`

const certificate = createCertificate()
const https = { enabled: true, cert_path: certificate.certPath, key_path: certificate.keyPath }

after(() => certificate[Symbol.dispose]())

test('a plain request is none of Node’s, and any other is', async () => {
  await using front = await openFront({ server: { threads: 2 } }, { env: INSPECTED })
  front.put('a', BODY)
  using inspector = await inspect(front.sluice)
  await eventually(() => inspector.workers().length === 2, 'two workers')
  const workers = inspector.workers()
  for (const worker of workers) await inspector.evaluate(worker, COUNT)
  const count = async (what: string): Promise<number> => {
    const counts = workers.map((worker) => inspector.evaluate(worker, what))
    return (await Promise.all(counts)).map(Number).reduce((sum, count) => sum + count)
  }
  const ask = (headers = {}): Promise<unknown> => request(`${front.url}/files/a`, { headers })
  for (let turn = 0; turn < 10; turn += 1) await ask()
  assert.equal(await count('parsed'), 0)
  assert.equal(await count('streams()'), 0)
  for (let turn = 0; turn < 10; turn += 1) await ask({ 'content-length': '0' })
  assert.equal(await count('parsed'), 10)
})

/** Of the last of so many answers, without what is told of the one request, and in any order. */
async function headOf(peer: Peer, count: number, ask: string): Promise<string[]> {
  let head = ''
  for (let turn = 0; turn < count; turn += 1) {
    const { length } = peer.text
    peer.send(ask)
    await peer.until((text) => isWhole(text.slice(length), ask))
    head = peer.text.slice(length).split('\r\n\r\n')[0] ?? ''
  }
  const own = head.replace(/(X-Request-ID|Age|ttl)([:=]) ?[\w-]+/g, '$1$2')
  return own.split('\r\n').toSorted()
}

function isWhole(text: string, ask: string): boolean {
  return text.endsWith(ask.startsWith('HEAD') ? '\r\n\r\n' : BODY)
}

function namesOf(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/:.*/, ''))
}

for (const [name, server] of Object.entries({ 'in the open': {}, 'over TLS': { https } })) {
  describe(`on one connection ${name}`, () => {
    let front: Front
    before(async () => {
      front = await openFront(
        { server, cache: { cache_layers: ['memory'] } },
        { buckets: (endpoint) => [bucketAt(endpoint, { name: 'shared', cors: CORS })] },
      )
      front.put('a', BODY)
      front.put('late', BODY)
      front.put('later', BODY)
      front.put('large', 'z'.repeat(LARGE))
    })
    after(() => front[Symbol.asyncDispose]())

    const open = (): Promise<Peer> => connect(front.port, 'https' in server ? { tls: {} } : {})

    /** So many whole bodies have come, and the connection is still open. */
    async function bodies(peer: Peer, count: number): Promise<void> {
      await peer.until((text) => text.split(BODY).length - 1 === count)
    }

    test('what is not plain may follow what is, and the other way round', async () => {
      const peer = await open()
      let asked = 0
      for (const request of [
        PLAIN,
        PLAIN,
        `GET /files/a HTTP/1.1\r\n${HOST}X-Name: caf\u00e9\r\n\r\n`,
        `GET /files/a HTTP/1.1\r\n${HOST}X-Twice: 1\r\nX-Twice: 2\r\n\r\n`,
        PLAIN,
        `GET http://cdn.example/files/a HTTP/1.1\r\n${HOST}\r\n`,
        PLAIN,
      ]) {
        peer.send(request)
        await bodies(peer, (asked += 1))
      }
    })

    for (const bucket of ['files', 'shared']) {
      test(`the answer of ${bucket} says the same, and nothing twice, whoever reads the request`, async () => {
        const peer = await open()
        const ask = PLAIN.replace('files', bucket)
        const twice = `${HOST}X-Twice: 1\r\nX-Twice: 2\r\n`
        // Out of the cache from the second on, and with its text at hand from some later one on.
        const plain = await headOf(peer, 5, ask)
        assert.deepEqual(namesOf(plain), [...new Set(namesOf(plain))])
        assert.deepEqual(await headOf(peer, 1, ask.replace(HOST, twice)), plain)
        assert.deepEqual(await headOf(peer, 1, ask.replace('GET', 'HEAD')), plain)
      })
    }

    test('a request may come byte by byte after one that came at once', async () => {
      const peer = await open()
      peer.send(PLAIN)
      await bodies(peer, 1)
      for (const byte of PLAIN) {
        peer.send(byte)
        await new Promise(setImmediate)
      }
      await bodies(peer, 2)
    })

    test('a request that comes before the last has its answer waits for its turn', async () => {
      front.s3.fault({ kind: 'delay', delayMs: 300, times: 1, match: { key: 'late' } })
      const peer = await open()
      peer.send(PLAIN.replace('/a', '/late'))
      await until(
        'S3 is asked',
        async () => front.s3.requests.some(({ key }) => key === 'late'),
        (isAsked) => isAsked,
      )
      peer.send(PLAIN)
      peer.send(`HEAD /files/a HTTP/1.1\r\n${HOST}\r\n`)
      peer.send(PLAIN.replace(HOST, `${HOST}Connection: close\r\n`))
      // Meanwhile others are read.
      const other = await open()
      other.send(`GET /files/${'none'.repeat(50)} HTTP/1.1\r\n${HOST}\r\n`)
      await other.until(/"not_found"/)
      await soon(peer.closed, 'the connection closes')
      assert.equal(peer.text.split(BODY).length - 1, 3)
      assert.equal(peer.text.split('HTTP/1.1 200 OK').length - 1, 4)
    })

    test('requests may come in pieces behind one whose answer is large', async () => {
      const large = PLAIN.replace('/a', '/large')
      const asked = [large, large, PLAIN, PLAIN].join('')
      for (let turn = 0; turn < 20; turn += 1) {
        const peer = await open()
        const length = 13 + turn
        for (let at = 0; at < asked.length; at += length) {
          peer.send(asked.slice(at, at + length))
          await new Promise(setImmediate)
        }
        await bodies(peer, 2)
        peer.destroy()
      }
    })

    test('a HEAD has the length of the body, and the next answer follows at once', async () => {
      const peer = await open()
      peer.send(`HEAD /files/a HTTP/1.1\r\n${HOST}\r\n`)
      await peer.until(/\r\n\r\n$/)
      assert.match(peer.text, /\r\nContent-Length: 3000\r\n/)
      peer.send(`GET /files/none HTTP/1.1\r\n${HOST}\r\n`)
      await peer.until(/"not_found"/)
      peer.send(PLAIN)
      await bodies(peer, 1)
    })

    test('who says close is closed on after the answer', async () => {
      const peer = await open()
      peer.send(PLAIN.replace(HOST, `${HOST}Connection: close\r\n`))
      await soon(peer.closed, 'the connection closes')
      assert.match(peer.text, /\r\nConnection: close\r\n/)
      assert.ok(peer.text.endsWith(BODY))
    })

    for (const [kind, field] of Object.entries({
      plain: '',
      other: 'X-Twice: 1\r\nX-Twice: 2\r\n',
    })) {
      test(`a last answer comes whole, whatever is sent behind a ${kind} request`, async () => {
        await request(`${front.url}/files/large`, { rejectUnauthorized: false })
        const peer = await open()
        peer.socket.pause()
        const fields = `${HOST}Connection: close\r\n${field}`
        peer.send(`GET /files/large HTTP/1.1\r\n${fields}\r\n`)
        for (let turn = 0; turn < 5; turn += 1) {
          await delay(20)
          peer.send('\r\n')
        }
        peer.socket.resume()
        await soon(peer.closed, 'the connection closes')
        const [, body] = peer.text.split('\r\n\r\n')
        assert.equal(body?.length, LARGE)
      })

      test(`who leaves is noticed, whatever was sent behind a ${kind} request`, async () => {
        const key = `left-${kind}`
        front.s3.fault({ kind: 'delay', delayMs: 3000, times: 1, match: { key } })
        const peer = await open()
        peer.send(`GET /files/${key} HTTP/1.1\r\n${HOST}${field}\r\n`)
        const isAsked = (): boolean => front.s3.requests.some((asked) => asked.key === key)
        await eventually(isAsked, 'S3 is asked')
        peer.send(PLAIN)
        peer.destroy()
        const line = await until(
          'it has ended',
          async () => front.sluice.logLines().find(({ path }) => path === `/files/${key}`),
          Boolean,
        )
        assert.equal(line?.['aborted'], true)
      })
    }

    test('who has said close is not heard any more', async () => {
      const asked = front.s3.requests.length
      front.s3.fault({ kind: 'delay', delayMs: 300, times: 1, match: { key: 'later' } })
      const peer = await open()
      peer.send(PLAIN.replace('/a', '/later').replace(HOST, `${HOST}Connection: close\r\n`))
      await until(
        'S3 is asked',
        async () => front.s3.requests.length,
        (requests) => requests > asked,
      )
      peer.send(PLAIN)
      await soon(peer.closed, 'the connection closes')
      assert.equal(peer.text.split(BODY).length - 1, 1)
    })
  })
}
