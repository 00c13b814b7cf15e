// The PROXY protocol before HTTP and before TLS: whom it makes the client, and who is closed.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http2 from 'node:http2'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import tls from 'node:tls'
import { promisify } from 'node:util'

import { createCertificate } from '../support/certificates.ts'
import { openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { partMissing, requirePart } from '../support/parts.ts'
import { connect, Peer, soon } from '../support/peer.ts'
import { runSluice } from '../support/sluice.ts'

const V1 = 'PROXY TCP4 192.0.2.7 127.0.0.1 54321 80\r\n'
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n'
const V2_ADDRESSES = '\xc0\x00\x02\x08\x7f\x00\x00\x01\xd4\x31\x00\x50'
const V2_TLV = '\x04\x00\x03abc'
const V2 = `${SIGNATURE}\x21\x11\x00\x12${V2_ADDRESSES}${V2_TLV}`
const V2_LOCAL = `${SIGNATURE}\x20\x00\x00\x00`
const V2_UNSPECIFIED = `${SIGNATURE}\x21\x00\x00\x00`
const V2_IPV6 = `${SIGNATURE}\x21\x21\x00\x24\x20\x01\x0d\xb8${'\0'.repeat(11)}\x09${'\0'.repeat(16)}\x00\x01\x00\x02`

let serial = 0

/** A request with an id by which its line in the log is found. */
function requestText(headers = ''): { id: string; text: string } {
  serial += 1
  const id = `proxied-${serial}`
  const text = `GET /files/a HTTP/1.1\r\nHost: x\r\nX-Request-ID: ${id}\r\n${headers}\r\n`
  return { id, text }
}

async function clientOf(front: Front, id: string): Promise<unknown> {
  return (await front.sluice.logLine((line) => line['request_id'] === id))['client_ip']
}

/** What the log calls the client of a request behind these bytes. */
async function clientBehind(front: Front, bytes: string, headers?: string): Promise<unknown> {
  const { id, text } = requestText(headers)
  const peer = await connect(front.port)
  peer.send(bytes + text)
  await peer.until(/^HTTP\/1.1 200 [^]*body$/)
  peer.destroy()
  return clientOf(front, id)
}

describe('with proxy_protocol', () => {
  let front: Front
  before(async () => {
    front = await openFront({
      server: {
        proxy_protocol: true,
        trusted_proxies: ['127.0.0.0/8', '10.0.0.0/8'],
        limits: { header_timeout: '1s' },
      },
    })
    front.put('a', 'body')
  })
  after(() => front[Symbol.asyncDispose]())

  const SPOKEN: readonly (readonly [name: string, bytes: string, client: string])[] = [
    ['version 1', V1, '192.0.2.7'],
    ['version 1 of nobody', 'PROXY UNKNOWN\r\n', '127.0.0.1'],
    ['version 2 with more behind its addresses', V2, '192.0.2.8'],
    ['version 2 of the load balancer itself', V2_LOCAL, '127.0.0.1'],
    ['version 2 without a family', V2_UNSPECIFIED, '127.0.0.1'],
    ['version 2 of IPv6', V2_IPV6, '2001:db8::9'],
  ]
  for (const [name, bytes, client] of SPOKEN) {
    test(`the client of ${name} is ${client}`, async () => {
      assert.equal(await clientBehind(front, bytes), client)
    })
  }

  test('every request of the connection has the client', async () => {
    const peer = await connect(front.port)
    const first = requestText()
    const second = requestText()
    const third = requestText()
    peer.send(V1 + first.text + second.text)
    await peer.until((text) => text.split('body').length === 3)
    peer.send(third.text)
    await peer.until((text) => text.split('body').length === 4)
    for (const { id } of [first, second, third]) {
      assert.equal(await clientOf(front, id), '192.0.2.7')
    }
    peer.destroy()
  })

  test('a header and a request that come byte by byte are understood', async () => {
    for (const bytes of [V1, V2]) {
      const peer = await connect(front.port)
      peer.socket.setNoDelay(true)
      const { id, text } = requestText()
      for (const byte of bytes + text) {
        peer.send(byte)
        await new Promise((resolve) => setImmediate(resolve))
      }
      await peer.until(/body$/)
      assert.match(String(await clientOf(front, id)), /^192\.0\.2\.[78]$/)
      peer.destroy()
    }
  })

  test('a client that it names is believed about nobody else', async () => {
    const forwarded = 'X-Forwarded-For: 1.1.1.1\r\n'
    assert.equal(await clientBehind(front, V1, forwarded), '192.0.2.7')
  })

  test('where it names a trusted proxy, the forwarded chain goes on', async () => {
    const named = 'PROXY TCP4 10.1.2.3 127.0.0.1 1 2\r\n'
    const forwarded = 'X-Forwarded-For: 1.1.1.1, 203.0.113.5\r\n'
    assert.equal(await clientBehind(front, named, forwarded), '203.0.113.5')
  })

  const REFUSED: readonly (readonly [name: string, bytes: string])[] = [
    ['plain HTTP', 'GET /files/a HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['no address', 'PROXY TCP4 192.0.2.300 127.0.0.1 1 2\r\n'],
    ['a line without an end', `PROXY TCP4 ${'1'.repeat(200)}`],
    ['version 2 of datagrams', `${SIGNATURE}\x21\x12\x00\x0c${V2_ADDRESSES}`],
    ['version 2 of 65535 bytes', `${SIGNATURE}\x21\x11\xff\xff`],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00'],
  ]
  for (const [name, bytes] of REFUSED) {
    test(`a connection that begins with ${name} is closed, without an answer`, async () => {
      const peer = await connect(front.port)
      peer.send(bytes)
      await soon(peer.closed, 'the connection to be closed')
      assert.equal(peer.text, '')
    })
  }

  test('what is closed is told, and not for each of many', async () => {
    const line = await front.sluice.logLine((found) => found['event'] === 'proxy-protocol')
    assert.deepEqual([line['level'], line['peer']], ['warn', '127.0.0.1'])
    assert.equal(typeof line['reason'], 'string')
    const peers = await Promise.all(Array.from({ length: 200 }, () => connect(front.port)))
    for (const peer of peers) peer.send('GET / HTTP/1.1\r\n\r\n')
    await Promise.all(peers.map((peer) => soon(peer.closed, 'all to be closed')))
    const lines = front.sluice.logLines().filter(({ event }) => event === 'proxy-protocol')
    assert.ok(lines.length < 100, `${lines.length} lines`)
  })

  test('a header that does not come, or not all of it, is waited for header_timeout', async () => {
    for (const bytes of ['', V1.slice(0, 20), V2.slice(0, 14)]) {
      const peer = await connect(front.port)
      if (bytes !== '') peer.send(bytes)
      await soon(peer.closed, 'the connection to be closed')
      assert.equal(peer.text, '')
    }
  })

  test('header_timeout holds for the request behind it too', async () => {
    const peer = await connect(front.port)
    peer.send(`${V1}GET /files/a HTTP/1.1\r\nHost:`)
    await soon(peer.closed, 'the connection to be closed')
    assert.doesNotMatch(peer.text, / 200 /)
  })
})

test('curl and Sluice understand each other', { skip: partMissing('curl') }, async () => {
  await using front = await openFront({
    server: { proxy_protocol: true, trusted_proxies: ['127.0.0.1'] },
  })
  front.put('a', 'body')
  const args = ['-sS', '--haproxy-protocol', '-D', '-', `${front.url}/files/a`]
  const { stdout } = await promisify(execFile)(requirePart('curl'), args)
  assert.match(stdout, /^HTTP\/1.1 200 [^]*body$/)
})

test('a peer that is not among those it is taken from is closed', async () => {
  await using front = await openFront({
    server: { proxy_protocol: { from: ['127.0.0.2'] }, trusted_proxies: ['127.0.0.1'] },
  })
  front.put('a', 'body')
  const peer = await connect(front.port)
  peer.send(V1 + requestText().text)
  await soon(peer.closed, 'the connection to be closed')
  assert.equal(peer.text, '')

  const socket = net.connect({ port: front.port, host: '127.0.0.1', localAddress: '127.0.0.2' })
  const { id, text } = requestText()
  const known = new Peer(socket)
  known.send(V1 + text)
  await known.until(/body$/)
  assert.equal(await clientOf(front, id), '192.0.2.7')
  known.destroy()
})

test('without the setting the header is no request', async () => {
  await using front = await openFront({ server: { trusted_proxies: ['127.0.0.1'] } })
  front.put('a', 'body')
  const peer = await connect(front.port)
  peer.send(V1 + requestText().text)
  await peer.until(/^HTTP\/1.1 400 /)
  peer.destroy()
})

test('the client goes by it for ip_filter', async () => {
  await using front = await openFront(
    { server: { proxy_protocol: true, trusted_proxies: ['127.0.0.1'] } },
    {
      buckets: (endpoint) => [
        {
          name: 'own',
          path_prefix: '/own',
          s3: { bucket: 'b', endpoint, credentials: 'anonymous' },
          ip_filter: { blocklist: ['192.0.2.7'] },
        },
      ],
    },
  )
  const peer = await connect(front.port)
  peer.send(`${V1}GET /own/a HTTP/1.1\r\nHost: x\r\n\r\n`)
  await peer.until(/^HTTP\/1.1 403 [^]*address_denied/)
  peer.destroy()
})

describe('before TLS', () => {
  const certificate = createCertificate()
  let front: Front
  before(async () => {
    const { certPath, keyPath } = certificate
    front = await openFront({
      server: {
        proxy_protocol: true,
        trusted_proxies: ['127.0.0.1'],
        https: { enabled: true, cert_path: certPath, key_path: keyPath },
      },
    })
    front.put('a', 'body')
  })
  after(async () => {
    await front[Symbol.asyncDispose]()
    certificate[Symbol.dispose]()
  })

  async function secured(protocol: string, isSplit: boolean): Promise<tls.TLSSocket> {
    const socket = net.connect(front.port, '127.0.0.1')
    if (isSplit) {
      socket.setNoDelay(true)
      for (const byte of V1) {
        socket.write(byte)
        await new Promise((resolve) => setImmediate(resolve))
      }
    } else {
      // Together with the beginning of TLS.
      socket.cork()
      socket.write(V1)
      process.nextTick(() => socket.uncork())
    }
    return tls.connect({ socket, rejectUnauthorized: false, ALPNProtocols: [protocol] })
  }

  for (const isSplit of [false, true]) {
    const how = isSplit ? 'byte by byte' : 'together with the hello'
    test(`a header ${how} is understood by HTTP/1`, async () => {
      const peer = new Peer(await secured('http/1.1', isSplit))
      const { id, text } = requestText()
      peer.send(text)
      await peer.until(/^HTTP\/1.1 200 [^]*body$/)
      assert.equal(await clientOf(front, id), '192.0.2.7')
      peer.destroy()
    })

    test(`a header ${how} is understood by HTTP/2`, async () => {
      const socket = await secured('h2', isSplit)
      const session = http2.connect('https://localhost', { createConnection: () => socket })
      const id = `proxied-h2-${how.replaceAll(' ', '-')}`
      const stream = session.request({ ':path': '/files/a', 'x-request-id': id })
      let text = ''
      for await (const chunk of stream) text += String(chunk)
      assert.equal(text, 'body')
      assert.equal(await clientOf(front, id), '192.0.2.7')
      session.destroy()
    })
  }

  test('TLS without a header is closed', async () => {
    const socket = tls.connect({ port: front.port, host: '127.0.0.1', rejectUnauthorized: false })
    let isSecure = false
    socket.on('secureConnect', () => (isSecure = true))
    await soon(new Peer(socket).closed, 'the connection to be closed')
    assert.equal(isSecure, false)
  })
})

test('the end is not held up by connections that have said nothing', async () => {
  await using front = await openFront({
    server: { proxy_protocol: true, trusted_proxies: ['127.0.0.1'], shutdown: { drain: '60s' } },
  })
  const silent = await connect(front.port)
  const spoken = await connect(front.port)
  spoken.send(V1)
  front.sluice.kill('SIGTERM')
  assert.equal((await soon(front.sluice.exited, 'the end')).code, 0)
  silent.destroy()
  spoken.destroy()
})

test('mistakes stop the start, each with its place', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-proxy-protocol-'))
  const file = join(folder, 'config.yaml')
  const buckets = [{ name: 'a', path_prefix: '/a', s3: { bucket: 'b' } }]
  const told = async (server: object): Promise<string> => {
    writeFileSync(file, JSON.stringify({ server, buckets }))
    const { code, stdout, stderr } = await runSluice(['check', '--config', file])
    assert.equal(code, 1)
    return stdout + stderr
  }
  assert.match(
    await told({ proxy_protocol: true }),
    /server\.proxy_protocol: trusts nobody.*name the load balancers/,
  )
  assert.match(
    await told({ proxy_protocol: { form: ['10.0.0.0/8'] }, trusted_proxies: ['10.0.0.1'] }),
    /server\.proxy_protocol\.form: unknown setting \(did you mean from\?\)/,
  )
  assert.match(
    await told({ proxy_protocol: { from: ['lb.example'] } }),
    /server\.proxy_protocol\.from\[0\]: wanted an address/,
  )
  assert.match(await told({ proxy_protocol: 'v2' }), /server\.proxy_protocol: wanted/)
  rmSync(folder, { recursive: true })
})
