// Several questions at once on one connection: an answer that breaks before its turn has come takes
// the connection with it then, so that nobody waits for a rest that never comes.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, test } from 'node:test'
import tls from 'node:tls'

import { createCertificate } from '../support/certificates.ts'
import { openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'

const FIRST = 'a'.repeat(60_000)
const PATIENCE_MS = 10_000

const certificate = createCertificate()
const https = { enabled: true, cert_path: certificate.certPath, key_path: certificate.keyPath }
const fronts: Front[] = []

before(async () => {
  for (const server of [{}, { https }]) {
    const front = await openFront({ server })
    front.put('first', FIRST)
    front.put('second', 'b'.repeat(60_000))
    front.s3.fault({ kind: 'slow', bytesPerSecond: 60_000, match: { key: 'first' } })
    front.s3.fault({ kind: 'cut', afterBytes: 20_000, times: 1, match: { key: 'second' } })
    // Nobody continues it.
    front.s3.fault({ kind: 'refuse', match: { key: 'second' } })
    fronts.push(front)
  }
})

after(async () => {
  for (const front of fronts) await front[Symbol.asyncDispose]()
  certificate[Symbol.dispose]()
})

for (const [index, name] of ['plain HTTP/1.1', 'HTTP/1.1 over TLS'].entries()) {
  test(`what broke behind another closes the connection in its turn: ${name}`, async () => {
    const { port = 0 } = fronts[index] ?? {}
    const secure = { port, host: '127.0.0.1', rejectUnauthorized: false }
    const socket = index === 0 ? net.connect(port, '127.0.0.1') : tls.connect(secure)
    let text = ''
    socket.on('data', (part: Buffer) => (text += part.toString('latin1')))
    socket.on('error', () => undefined)
    for (const key of ['first', 'second']) {
      socket.write(`GET /files/${key} HTTP/1.1\r\nHost: cdn.example\r\n\r\n`)
    }
    await once(socket, 'close', { signal: AbortSignal.timeout(PATIENCE_MS) })
    assert.ok(text.includes(FIRST), 'the first is not whole')
  })
}
