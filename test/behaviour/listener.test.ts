// Limits and timeouts of the main port, each shown to act, and to leave alone what it should not
// touch. The same over TLS and HTTP/2 stands in tls.test.ts and http2.test.ts.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'

import { generateBytes } from '../../dev/s3-server.ts'
import { openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { download, request, sha256 } from '../support/http.ts'
import { connect, soon } from '../support/peer.ts'

const MIB = 2 ** 20
/** More than the buffers of both ends hold. */
const LARGE = 64 * MIB
/** Later than a limit of a second or two acts, sooner than the standard ones. */
const ACTS_MS = 9_000

const UNHURRIED = { header_timeout: '60s', keep_alive_timeout: '60s', stall_timeout: '60s' }

/** Small and quick to refuse; quick to close an idle connection; quick to cut who takes nothing. */
let small: Front
let unkept: Front
let strict: Front

before(async () => {
  const sizes = { max_uri_length: 100, max_header_size: '1KiB' }
  small = await openFront({ server: { limits: { ...UNHURRIED, ...sizes, header_timeout: '1s' } } })
  unkept = await openFront({ server: { limits: { ...UNHURRIED, keep_alive_timeout: '1s' } } })
  strict = await openFront({ server: { limits: { ...UNHURRIED, stall_timeout: '2s' } } })
  for (const front of [small, unkept, strict]) {
    front.put('small', 'hello')
    front.put('large', { size: LARGE, seed: 'large' })
    front.put('late-large', { size: LARGE, seed: 'large' })
  }
})

after(async () => {
  for (const front of [small, unkept, strict]) await front?.[Symbol.asyncDispose]()
})

test('a target longer than max_uri_length is refused with 414', async () => {
  const longest = `/files/small?${'x'.repeat(100 - '/files/small?'.length)}`
  assert.equal((await request(small.url + longest)).status, 200)
  const answer = await request(`${small.url}${longest}x`)
  assert.equal(answer.status, 414)
  assert.equal(JSON.parse(answer.text).error, 'uri_too_long')
  assert.equal((await request(`${unkept.url}${longest}x`)).status, 200)
})

for (const length of [2_000, 20_000, 200_000, 2_000_000]) {
  test(`a target of ${length} bytes is refused with 414, whatever the parser takes`, async () => {
    const peer = await connect(small.port)
    peer.send(`GET /${'x'.repeat(length)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    await soon(peer.closed, 'the connection closes')
    assert.match(peer.text, /^HTTP\/1.1 414 [^]*\r\nX-Request-ID: [\w-]+\r\n[^]*"uri_too_long"/)
    assert.equal(peer.text.split('HTTP/1.1 ').length, 2, 'one answer')
  })
}

test('header fields larger than max_header_size are refused with 431', async () => {
  const fits = await request(`${small.url}/files/small`, { headers: { X: 'x'.repeat(900) } })
  assert.equal(fits.status, 200)
  const answer = await request(`${small.url}/files/small`, { headers: { X: 'x'.repeat(1024) } })
  assert.equal(answer.status, 431)
  assert.equal(JSON.parse(answer.text).error, 'headers_too_large')
  const other = await request(`${unkept.url}/files/small`, { headers: { X: 'x'.repeat(1024) } })
  assert.equal(other.status, 200)
})

for (const length of [2_000, 20_000, 200_000, 2_000_000]) {
  test(`header fields of ${length} bytes are refused with 431`, async () => {
    const peer = await connect(small.port)
    const fields = `X: ${'x'.repeat(500)}\r\n`.repeat(length / 500)
    peer.send(`GET /files/small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}\r\n`)
    await soon(peer.closed, 'the connection closes')
    assert.match(
      peer.text,
      /^HTTP\/1.1 431 [^]*\r\nX-Request-ID: [\w-]+\r\n[^]*"headers_too_large"/,
    )
    assert.equal(peer.text.split('HTTP/1.1 ').length, 2, 'one answer')
  })
}

test('a thousand small header fields are counted by their size, none is dropped', async () => {
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`x-${n}`, '1']))
  const answer = await request(`${small.url}/files/small`, { headers: many })
  assert.equal(answer.status, 431)
  // The last of many still decides.
  const whole = await request(`${unkept.url}/files/small`, {
    headers: { ...many, Range: 'bytes=0-1' },
  })
  assert.equal(whole.status, 206)
})

describe('time', { concurrency: true }, () => {
  test('a connection that says nothing is closed after header_timeout', async () => {
    const peer = await connect(small.port)
    await soon(peer.closed, 'the connection closes', ACTS_MS)
    assert.equal(peer.text, '', 'a browser would take it for the answer to what it asks next')
  })

  test('a head that comes one byte at a time is cut off after header_timeout', async () => {
    const peer = await connect(small.port)
    const drip = setInterval(() => peer.send('x'), 50)
    peer.send('GET /files/small HTTP/1.1\r\nHost: a\r\nX: ')
    await soon(peer.closed, 'the connection closes', ACTS_MS).finally(() => clearInterval(drip))
  })

  test('a connection that says nothing waits its time where header_timeout is longer', async () => {
    const peer = await connect(strict.port)
    await wait(3000)
    peer.send('GET /files/small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await soon(peer.closed, 'the answer ends')
    assert.match(peer.text, /^HTTP\/1.1 200 [^]*hello$/)
  })

  test('a kept connection that asks nothing more is closed after keep_alive_timeout', async () => {
    const peer = await connect(unkept.port)
    peer.send('GET /files/small HTTP/1.1\r\nHost: a\r\n\r\n')
    await peer.until(/hello$/)
    peer.send('GET /files/small HTTP/1.1\r\nHost: a\r\n\r\n')
    await peer.until(/hello[^]*hello$/)
    await soon(peer.closed, 'the connection closes', ACTS_MS)
  })

  test('a transfer outlasts keep_alive_timeout and header_timeout', async () => {
    for (const { url } of [unkept, small]) {
      const got = await download(`${url}/files/large`, {
        onChunk: async (_chunk, before) => {
          if (before % (8 * MIB) < 65536) await wait(300)
        },
      })
      assert.deepEqual([got.bytes, got.aborted], [LARGE, false])
    }
  })

  for (const before of ['', 'GET /files/small HTTP/1.1\r\nHost: a\r\n\r\n']) {
    const which = before === '' ? 'first' : 'second'
    test(`a client that takes nothing of its ${which} answer for stall_timeout is cut off`, async () => {
      const peer = await connect(strict.port)
      peer.send(before)
      if (before !== '') await peer.until(/hello$/)
      peer.send(`GET /files/large HTTP/1.1\r\nHost: a\r\nX-Request-ID: stalled-${which}\r\n\r\n`)
      await peer.until((text) => text.length > 100_000)
      peer.socket.pause()
      const line = await strict.sluice.logLine(
        (found) => found['request_id'] === `stalled-${which}`,
      )
      assert.equal(line['aborted'], true)
      assert.ok(Number(line['bytes']) < LARGE)
      peer.destroy()
    })
  }

  test('a client that takes little at a time is not cut off, however long it takes', async () => {
    const got = await download(`${strict.url}/files/large`, {
      onChunk: async (_chunk, before) => {
        if (before % MIB < 65536) await wait(100)
      },
    })
    assert.equal(got.aborted, false)
    assert.equal(got.sha256, sha256(generateBytes('large', 0, LARGE)))
  })

  test('a request that waits for a slow origin longer than stall_timeout is answered', async () => {
    strict.put('late', 'late but whole')
    const fault = strict.s3.fault({ kind: 'delay', delayMs: 5000, match: { key: 'late' } })
    const answer = await request(`${strict.url}/files/late`)
    fault.remove()
    assert.deepEqual([answer.status, answer.text], [200, 'late but whole'])
  })

  test('a client that stalls after a slow origin has begun to send is cut off too', async () => {
    const fault = strict.s3.fault({
      kind: 'delay',
      delayMs: 5000,
      match: { key: 'late-large' },
    })
    const peer = await connect(strict.port)
    peer.send('GET /files/late-large HTTP/1.1\r\nHost: a\r\nX-Request-ID: late\r\n\r\n')
    await peer.until((text) => text.length > 100_000)
    peer.socket.pause()
    const line = await strict.sluice.logLine((found) => found['request_id'] === 'late')
    fault.remove()
    assert.equal(line['aborted'], true)
    peer.destroy()
  })
})
