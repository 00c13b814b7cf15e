// The end: readiness turns first, idle connections go, running transfers finish, and what does not
// finish in time is cut. With one thread and with two.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'

import { generateBytes } from '../../dev/s3-server.ts'
import { createCertificate } from '../support/certificates.ts'
import { openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { download, request, sha256 } from '../support/http.ts'
import { ask, openSession } from '../support/http2.ts'
import { connect, eventually, soon } from '../support/peer.ts'
import type { Peer } from '../support/peer.ts'

const MIB = 2 ** 20
const LARGE = 64 * MIB
const FULL = sha256(generateBytes('large', 0, LARGE))
/** Later than a limit of a second acts, sooner than the others. */
const ACTS_MS = 20_000

async function openDraining(
  threads: number,
  shutdown: object,
  server: object = {},
): Promise<Front> {
  const front = await openFront({ server: { threads, shutdown, ...server } })
  front.put('small', 'hello')
  front.put('large', { size: LARGE, seed: 'large' })
  return front
}

/** A client in the middle of a large body, held until it is let go. */
function startDownload(
  front: Front,
  id: string,
): { go: () => void; got: ReturnType<typeof download>; begun: Promise<void> } {
  const gate = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const got = download(`${front.url}/files/large`, {
    headers: { 'X-Request-ID': id },
    onChunk: (_chunk, before) => {
      begun.resolve()
      return before > MIB ? gate.promise : undefined
    },
  })
  return { go: gate.resolve, got, begun: begun.promise }
}

/** A connection that has asked once and is kept. */
async function keptConnection(port: number): Promise<Peer> {
  const peer = await connect(port)
  peer.send('GET /files/small HTTP/1.1\r\nHost: a\r\n\r\n')
  await peer.until(/hello$/)
  assert.match(peer.text, /\r\nConnection: keep-alive\r\n/)
  return peer
}

async function isDraining(opsUrl: string): Promise<boolean> {
  const { status, text } = await request(`${opsUrl}/ready`)
  return status === 503 && JSON.parse(text).draining === true
}

async function untilDraining({ sluice, opsUrl }: Front): Promise<void> {
  await sluice.logLine(({ event }) => event === 'draining')
  assert.equal(await isDraining(opsUrl), true)
}

async function refuses(port: number): Promise<boolean> {
  try {
    const peer = await connect(port)
    peer.destroy()
    return false
  } catch {
    return true
  }
}

async function untilRefused(port: number): Promise<void> {
  const deadline = performance.now() + ACTS_MS
  while (!(await refuses(port))) {
    assert.ok(performance.now() < deadline, 'the port closes')
    await wait(20)
  }
}

for (const threads of [1, 2]) {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} lets a slow transfer finish, whole, and ends with 0 (threads: ${threads})`, async () => {
      await using front = await openDraining(threads, { drain: '60s' })
      const idle = await keptConnection(front.port)
      const unasked = await connect(front.port)
      const halting = await connect(front.port)
      halting.send('GET /files/small HTTP/1.1\r\nHost: ')
      const { go, got, begun } = startDownload(front, 'slow')
      await begun
      front.sluice.kill(signal)
      await untilDraining(front)
      await soon(
        Promise.all([idle.closed, unasked.closed, halting.closed]),
        'idle ones are closed',
        ACTS_MS,
      )
      await untilRefused(front.port)
      await wait(500)
      go()
      const { status, aborted, sha256: sum } = await got
      assert.deepEqual([status, aborted, sum], [200, false, FULL])
      assert.deepEqual(await soon(front.sluice.exited, 'the end'), { code: 0, signal: null })
      const drained = await front.sluice.logLine(({ event }) => event === 'drained')
      assert.equal(drained['cut'], 0)
      const line = await front.sluice.logLine((found) => found['request_id'] === 'slow')
      assert.deepEqual([line['bytes'], line['aborted']], [LARGE, false])
    })
  }

  test(`during lame_duck /ready is 503 and the port still serves (threads: ${threads})`, async () => {
    await using front = await openDraining(threads, { lame_duck: '60s' })
    const kept = await keptConnection(front.port)
    front.sluice.kill('SIGTERM')
    await untilDraining(front)
    const ready = await request(`${front.url}/ready`)
    assert.deepEqual([ready.status, JSON.parse(ready.text).draining], [503, true])
    assert.equal((await request(`${front.url}/health`)).status, 200)
    const answer = await request(`${front.url}/files/small`)
    assert.deepEqual([answer.status, answer.text], [200, 'hello'])
    const before = kept.text.length
    kept.send('GET /files/small HTTP/1.1\r\nHost: a\r\n\r\n')
    await soon(kept.closed, 'a kept connection is answered and closed', ACTS_MS)
    assert.match(kept.text.slice(before), /\r\nConnection: close\r\n[^]*hello$/)
    assert.equal(await refuses(front.port), false)
    front.sluice.kill('SIGTERM')
    assert.deepEqual(await soon(front.sluice.exited, 'the end'), { code: 0, signal: null })
  })

  test(`what has not ended after shutdown.drain is cut, and its line is written (threads: ${threads})`, async () => {
    await using front = await openDraining(threads, { drain: '1s' })
    const { go, got, begun } = startDownload(front, 'stuck')
    const fault = front.s3.fault({ kind: 'hang', match: { key: 'small' } })
    const hanging = await connect(front.port)
    hanging.send('GET /files/small HTTP/1.1\r\nHost: a\r\nX-Request-ID: hanging\r\n\r\n')
    await begun
    await eventually(() => fault.hits > 0, 'the origin is asked')
    front.sluice.kill('SIGTERM')
    assert.deepEqual(await soon(front.sluice.exited, 'the end', ACTS_MS), { code: 0, signal: null })
    go()
    const { aborted, bytes } = await got
    assert.equal(aborted, true)
    const lines = front.sluice.logLines()
    assert.equal(lines.find(({ event }) => event === 'drained')?.['cut'], 2)
    const stuck = lines.find((line) => line['request_id'] === 'stuck')
    assert.equal(stuck?.['aborted'], true)
    assert.ok(Number(stuck?.['bytes']) >= bytes)
    const hung = lines.find((line) => line['request_id'] === 'hanging')
    assert.deepEqual([hung?.['status'], hung?.['aborted']], [0, true])
  })

  test(`a second signal cuts what is left (threads: ${threads})`, async () => {
    await using front = await openDraining(threads, { drain: '60s', lame_duck: '60s' })
    const { go, got, begun } = startDownload(front, 'cut')
    await begun
    front.sluice.kill('SIGTERM')
    await untilDraining(front)
    front.sluice.kill('SIGINT')
    assert.deepEqual(await soon(front.sluice.exited, 'the end', ACTS_MS), { code: 0, signal: null })
    go()
    assert.equal((await got).aborted, true)
    const line = front.sluice.logLines().find((found) => found['request_id'] === 'cut')
    assert.equal(line?.['aborted'], true)
  })

  test(`no line of the last requests is lost (threads: ${threads})`, async () => {
    await using front = await openDraining(threads, { lame_duck: '1s', drain: '60s' })
    const ids = Array.from({ length: 200 }, (_, n) => `last-${n}`)
    const answers = await Promise.all(
      ids.map((id) => request(`${front.url}/files/small`, { headers: { 'X-Request-ID': id } })),
    )
    front.sluice.kill('SIGTERM')
    await soon(front.sluice.exited, 'the end')
    assert.ok(answers.every(({ status }) => status === 200))
    const logged = new Set(front.sluice.logLines().map((line) => line['request_id']))
    assert.deepEqual(
      ids.filter((id) => !logged.has(id)),
      [],
    )
  })
}

test('a connection that was kept is closed once its last answer is out', async () => {
  await using front = await openDraining(1, { drain: '60s' })
  const peer = await connect(front.port)
  peer.send('GET /files/large HTTP/1.1\r\nHost: a\r\n\r\n')
  await peer.until(/\r\nConnection: keep-alive\r\n/)
  peer.socket.pause()
  front.sluice.kill('SIGTERM')
  await untilDraining(front)
  await untilRefused(front.port)
  peer.socket.resume()
  assert.deepEqual(await soon(front.sluice.exited, 'the end'), { code: 0, signal: null })
  assert.ok(peer.text.length > LARGE, 'the transfer was whole')
})

describe('over TLS', () => {
  test('streams of HTTP/2 finish whole, new ones go elsewhere, idle sessions end', async () => {
    using certificate = createCertificate()
    const https = { enabled: true, cert_path: certificate.certPath, key_path: certificate.keyPath }
    await using front = await openDraining(1, { drain: '60s' }, { https })
    const idle = openSession(front.port)
    assert.equal((await ask(idle, { ':path': '/files/small' })).text, 'hello')
    const idleClosed = once(idle, 'close')
    const kept = await connect(front.port, { tls: { ALPNProtocols: ['http/1.1'] } })
    kept.send('GET /files/small HTTP/1.1\r\nHost: a\r\n\r\n')
    await kept.until(/hello$/)
    const unasked = await connect(front.port, { tls: { ALPNProtocols: ['http/1.1'] } })

    const session = openSession(front.port)
    const goneAway = once(session, 'goaway')
    const gate = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const got = ask(
      session,
      { ':path': '/files/large' },
      {
        onChunk: (_chunk, before) => {
          begun.resolve()
          return before > MIB ? gate.promise : undefined
        },
      },
    )
    await begun.promise
    front.sluice.kill('SIGTERM')
    await soon(
      Promise.all([goneAway, idleClosed, kept.closed, unasked.closed]),
      'idle ones end',
      ACTS_MS,
    )
    gate.resolve()
    const { status, resetCode, body } = await got
    assert.deepEqual([status, resetCode, sha256(body)], [200, 0, FULL])
    assert.deepEqual(await soon(front.sluice.exited, 'the end'), { code: 0, signal: null })
  })

  test('a session that asks nothing is ended, whether or not its peer goes', async () => {
    using certificate = createCertificate()
    const https = { enabled: true, cert_path: certificate.certPath, key_path: certificate.keyPath }
    await using front = await openDraining(1, { drain: '60s' }, { https })
    const peer = await connect(front.port, { tls: { ALPNProtocols: ['h2'] }, allowHalfOpen: true })
    peer.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0')
    await peer.until((text) => text.length > 0)
    front.sluice.kill('SIGTERM')
    assert.deepEqual(await soon(front.sluice.exited, 'the end'), { code: 0, signal: null })
    peer.destroy()
  })

  test('a peer of HTTP/2 that does not go is cut after shutdown.drain', async () => {
    using certificate = createCertificate()
    const https = { enabled: true, cert_path: certificate.certPath, key_path: certificate.keyPath }
    await using front = await openDraining(1, { drain: '1s' }, { https })
    const session = openSession(front.port)
    const stream = session.request({ ':path': '/files/large' })
    stream.on('error', () => {})
    await once(stream, 'response')
    const silent = await connect(front.port)
    front.sluice.kill('SIGTERM')
    assert.deepEqual(await soon(front.sluice.exited, 'the end', ACTS_MS), { code: 0, signal: null })
    session.destroy()
    silent.destroy()
  })
})
