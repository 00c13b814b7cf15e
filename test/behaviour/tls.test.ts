// TLS on the main port: versions, certificates and their renewal, and the limits that act inside it.

import assert from 'node:assert/strict'
import { copyFileSync, renameSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import type { SecureVersion, TLSSocket } from 'node:tls'

import { createCertificate } from '../support/certificates.ts'
import { openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { connect, eventually, soon } from '../support/peer.ts'
import type { Peer } from '../support/peer.ts'

const MIB = 2 ** 20
/** Later than a limit of a second or two acts, sooner than the standard ones. */
const ACTS_MS = 9_000
const UNHURRIED = { header_timeout: '60s', keep_alive_timeout: '60s', stall_timeout: '60s' }

const certificate = createCertificate()
const https = { enabled: true, cert_path: certificate.certPath, key_path: certificate.keyPath }
let front: Front

before(async () => {
  front = await openFront({ server: { https } })
  front.put('small', 'hello')
})

after(async () => {
  await front?.[Symbol.asyncDispose]()
  certificate[Symbol.dispose]()
})

async function speaks(port: number, version: SecureVersion): Promise<boolean> {
  const ciphers = 'DEFAULT@SECLEVEL=0'
  try {
    const peer = await connect(port, { tls: { minVersion: version, maxVersion: version, ciphers } })
    peer.destroy()
    return true
  } catch {
    return false
  }
}

test('https is spoken where it is enabled, and nothing else', async () => {
  assert.match(front.url, /^https:/)
  const answer = await request(`${front.url}/files/small`, { rejectUnauthorized: false })
  assert.deepEqual([answer.status, answer.text], [200, 'hello'])
  const plain = await connect(front.port)
  plain.send('GET /files/small HTTP/1.1\r\nHost: a\r\n\r\n')
  await soon(plain.closed, 'the connection closes')
  assert.doesNotMatch(plain.text, /hello|200/)
  assert.equal(
    (await request(`${front.url}/files/small`, { rejectUnauthorized: false })).status,
    200,
  )
})

test('TLS before 1.2 is refused', async () => {
  assert.deepEqual(
    await Promise.all(
      (['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const).map((version) =>
        speaks(front.port, version),
      ),
    ),
    [false, false, true, true],
  )
})

test('min_tls_version 1.3 refuses TLS 1.2, before and after a renewal', async () => {
  using files = createCertificate()
  const settings = {
    ...https,
    cert_path: files.certPath,
    key_path: files.keyPath,
    min_tls_version: '1.3',
  }
  await using strict = await openFront({ server: { https: settings } })
  assert.deepEqual(
    [await speaks(strict.port, 'TLSv1.2'), await speaks(strict.port, 'TLSv1.3')],
    [false, true],
  )
  using next = createCertificate()
  replace(files.certPath, next.certPath)
  replace(files.keyPath, next.keyPath)
  await strict.sluice.logLine(({ event }) => event === 'certificate-reloaded')
  assert.deepEqual(
    [await speaks(strict.port, 'TLSv1.2'), await speaks(strict.port, 'TLSv1.3')],
    [false, true],
  )
})

async function nameAt(port: number): Promise<string> {
  const peer = await connect(port, { tls: {} })
  const { subject } = (peer.socket as TLSSocket).getPeerCertificate()
  peer.destroy()
  return String(subject.CN)
}

/** In one step, as a renewal does. */
function replace(path: string, by: string): void {
  copyFileSync(by, `${path}.next`)
  renameSync(`${path}.next`, path)
}

for (const http2 of [true, false]) {
  test(`a renewed certificate is used by new connections (http2: ${http2})`, async () => {
    using files = createCertificate('first.example')
    const settings = { ...https, cert_path: files.certPath, key_path: files.keyPath }
    await using renewing = await openFront({ server: { https: settings, http2 } })
    renewing.put('small', 'hello')
    assert.equal(await nameAt(renewing.port), 'first.example')
    const old = await connect(renewing.port, { tls: {} })

    writeFileSync(files.certPath, 'no certificate')
    const rejected = await renewing.sluice.logLine(({ event }) => event === 'certificate-rejected')
    assert.equal(rejected['level'], 'error')
    assert.doesNotMatch(JSON.stringify(rejected), /PRIVATE KEY|no certificate/)
    assert.equal(await nameAt(renewing.port), 'first.example')

    using next = createCertificate('second.example')
    replace(files.certPath, next.certPath)
    replace(files.keyPath, next.keyPath)
    await renewing.sluice.logLine(({ event }) => event === 'certificate-reloaded')
    assert.equal(await nameAt(renewing.port), 'second.example')

    old.send('GET /files/small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await soon(old.closed, 'the answer ends')
    assert.match(old.text, /hello$/, 'a connection outlives the certificate it was opened with')
  })
}

describe('time inside TLS', { concurrency: true }, () => {
  for (const http2 of [true, false]) {
    const openHasty = (limits: object): Promise<Front> =>
      openFront({ server: { https, http2, limits: { ...UNHURRIED, ...limits } } })
    const http1 = { tls: { ALPNProtocols: ['http/1.1'] } }

    test(`a handshake that never ends is cut off after header_timeout (http2: ${http2})`, async () => {
      await using hasty = await openHasty({ header_timeout: '1s' })
      const silent = await connect(hasty.port)
      const halting = await connect(hasty.port)
      halting.send('\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03')
      await soon(Promise.all([silent.closed, halting.closed]), 'both are closed', ACTS_MS)
    })

    test(`a request that never ends is cut off after header_timeout (http2: ${http2})`, async () => {
      await using hasty = await openHasty({ header_timeout: '1s' })
      const peers: Peer[] = [await connect(hasty.port, http1), await connect(hasty.port, http1)]
      peers.push(await connect(hasty.port, { tls: { ALPNProtocols: ['h2', 'http/1.1'] } }))
      peers[0]?.send('GET / HTTP/1.1\r\nX: ')
      const drip = setInterval(() => peers[0]?.send('x'), 100)
      await soon(Promise.all(peers.map(({ closed }) => closed)), 'all are closed', ACTS_MS).finally(
        () => clearInterval(drip),
      )
    })

    test(`a kept connection is closed after keep_alive_timeout (http2: ${http2})`, async () => {
      await using hasty = await openHasty({ keep_alive_timeout: '1s' })
      const peer = await connect(hasty.port, http1)
      peer.send('GET /health HTTP/1.1\r\nHost: a\r\n\r\n')
      await peer.until(/"healthy"/)
      await soon(peer.closed, 'the connection closes', ACTS_MS)
    })

    test(`a client that takes nothing is cut off after stall_timeout (http2: ${http2})`, async () => {
      await using hasty = await openHasty({ stall_timeout: '1s' })
      hasty.put('large', { size: 64 * MIB, seed: 'large' })
      const peer = await connect(hasty.port, http1)
      peer.send('GET /files/large HTTP/1.1\r\nHost: a\r\n\r\n')
      await peer.until((text) => text.length > 100_000)
      peer.socket.pause()
      const line = await hasty.sluice.logLine(({ path }) => path === '/files/large')
      assert.equal(line['aborted'], true)
      peer.destroy()
    })
  }
})

test('a peer that speaks half of HTTP/2 is closed, and the port goes on serving', async () => {
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
  const settings = '\0\0\0\x04\0\0\0\0\0'
  for (const bytes of [
    'nonsense'.repeat(20),
    preface + 'nonsense'.repeat(20),
    `${preface}${settings}\0\xff\xff\x01\x25\0\0\0\x01`,
  ]) {
    const peer = await connect(front.port, { tls: { ALPNProtocols: ['h2'] } })
    peer.send(bytes)
    peer.socket.end()
    await eventually(() => peer.isClosed, 'the connection closes')
  }
  assert.equal(
    (await request(`${front.url}/files/small`, { rejectUnauthorized: false })).text,
    'hello',
  )
})
