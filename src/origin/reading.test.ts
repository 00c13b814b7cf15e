import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setDefaultCACertificates } from 'node:tls'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Loan, StreamBody } from '../exchange/body.ts'
import { Transport } from './transport.ts'
import { head, LONG_MS, openTransport } from './transport-world.contract.ts'

const LONG_BYTES = randomBytes(3_000_000)
/** Read at once of who is not fast, and how many may be at a time. */
const PIECE_BYTES = 64 * 1024
const MOST_FAST = 32
const MANY = MOST_FAST + 8

/** Each piece on its own, so that each is read on its own. */
async function writeSlowly(
  socket: net.Socket,
  pieces: readonly (string | Buffer)[],
): Promise<void> {
  for (const piece of pieces) {
    await new Promise((resolve) => socket.write(piece, resolve))
    for (let turn = 0; turn < 3; turn += 1) await nextTurn()
  }
}

function inPieces(text: string, length: number): string[] {
  return text.match(new RegExp(`[^]{1,${length}}`, 'g')) ?? []
}

interface Taken {
  readonly chunks: readonly Uint8Array[]
  readonly loans: readonly (Loan | undefined)[]
}

const NOBODY = { write: () => false, end: () => undefined, fail: () => undefined }

/** Holds the source after every third chunk. */
function take(body: StreamBody, { keepsNothing = false } = {}): Promise<Taken> {
  const chunks: Uint8Array[] = []
  const loans: (Loan | undefined)[] = []
  return new Promise((resolve, reject) => {
    const flow = body.start({
      keepsNothing,
      write: (chunk, loan) => {
        loans.push(loan)
        chunks.push(keepsNothing ? Buffer.from(chunk) : chunk)
        if (chunks.length % 3 > 0) return true
        setImmediate(() => flow.resume())
        return false
      },
      end: () => resolve({ chunks, loans }),
      fail: reject,
    })
  })
}

/** Long enough for all that has come to be known to Node. */
async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await nextTurn()
}

interface Reader {
  /** From so many bytes on, after each piece. */
  readonly holdsFrom: number
  readonly note?: (chunk: Uint8Array) => unknown
}

/** Copies of all that comes. */
function read(body: StreamBody, { holdsFrom, note }: Reader): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  return new Promise((resolve, reject) => {
    const flow = body.start({
      keepsNothing: true,
      write: (chunk) => {
        chunks.push(Buffer.from(chunk))
        bytes += chunk.byteLength
        note?.(chunk)
        if (bytes < holdsFrom) return true
        void someTurns().then(() => flow.resume())
        return false
      },
      end: () => resolve(chunks),
      fail: reject,
    })
  })
}

function largestOf(chunks: readonly Uint8Array[]): number {
  return Math.max(...chunks.map(({ byteLength }) => byteLength))
}

function sha256(chunks: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const chunk of chunks) hash.update(chunk)
  return hash.digest('hex')
}

const LONG_SHA256 = sha256([LONG_BYTES])

describe('what is read from a socket', () => {
  test('gives a head whole that came piece by piece', async (t) => {
    const fields = Array.from({ length: 40 }, (_, at) => `x-field-${at}: value ${at}\r\n`).join('')
    const serve = (socket: net.Socket): void => {
      void writeSlowly(socket, inPieces(`${head(5, fields)}hello`, 17))
    }
    const { get } = await openTransport(t, serve, { keptConnections: 1 })
    for (let turn = 0; turn < 2; turn += 1) {
      const { headers, body } = await get()
      for (let at = 0; at < 40; at += 1) assert.equal(headers[`x-field-${at}`], `value ${at}`)
      const { chunks } = await take(body)
      assert.equal(Buffer.concat(chunks).toString(), 'hello')
    }
  })

  test('gives a head whole that came behind the body of the answer before', async (t) => {
    const { get } = await openTransport(t, (socket) => {
      void writeSlowly(socket, [head(LONG_BYTES.length), LONG_BYTES])
    })
    for (let turn = 0; turn < 3; turn += 1) {
      const { status, headers, body } = await get()
      assert.deepEqual([status, headers['content-length']], [200, String(LONG_BYTES.length)])
      const { chunks } = await take(body)
      assert.equal(sha256(chunks), LONG_SHA256)
    }
  })

  test('stays as it was for a reader who gives nothing back', async (t) => {
    const { get } = await openTransport(t, (socket) => {
      socket.write(head(LONG_BYTES.length))
      socket.write(LONG_BYTES)
    })
    const answers = await Promise.all([get(), get(), get()])
    const all = await Promise.all(answers.map(({ body }) => take(body)))
    for (const { chunks } of all) assert.equal(sha256(chunks), LONG_SHA256)
  })

  test('lies in the same memory again when it was given back', async (t) => {
    const { get } = await openTransport(t, (socket) => {
      socket.write(head(LONG_BYTES.length))
      socket.write(LONG_BYTES)
    })
    const { body } = await get()
    const hash = createHash('sha256')
    const rooms = new Set<unknown>()
    await new Promise<void>((resolve, reject) => {
      body.start({
        write: (chunk, loan) => {
          hash.update(chunk)
          if (loan !== undefined) rooms.add(chunk.buffer)
          loan?.giveBack()
          return true
        },
        end: resolve,
        fail: reject,
      })
    })
    assert.equal(hash.digest('hex'), LONG_SHA256)
    assert.equal(rooms.size, 2, 'one for small pieces, one for large ones')
  })

  test('lies in the same memory again, though it came before anybody wanted it', async (t) => {
    const bytes = LONG_BYTES.subarray(0, 60_000)
    const { get } = await openTransport(t, (socket) => {
      socket.write(Buffer.concat([Buffer.from(head(bytes.length)), bytes]))
    })
    const rooms = new Set<unknown>()
    const read = async (body: StreamBody): Promise<void> => {
      const { chunks, loans } = await take(body)
      assert.equal(sha256(chunks), sha256([bytes]))
      for (const [at, loan] of loans.entries())
        if (loan !== undefined) rooms.add(chunks[at]?.buffer)
      for (const loan of loans) loan?.giveBack()
    }
    const ways = {
      read,
      passOn: async (body: StreamBody) => void (await take(body, { keepsNothing: true })),
      leave: async (body: StreamBody) => body.discard(),
      stop: async (body: StreamBody) => body.start(NOBODY).stop(),
    }
    for (const way of Object.values(ways)) {
      const { body } = await get()
      await nextTurn()
      await way(body)
      await read((await get()).body)
    }
    assert.equal(rooms.size, 1)
  })

  test('is passed on as it is to who keeps nothing of it', async (t) => {
    const { get } = await openTransport(t, (socket) => {
      socket.write(head(LONG_BYTES.length))
      socket.write(LONG_BYTES)
    })
    const { body } = await get()
    const { chunks, loans } = await take(body, { keepsNothing: true })
    assert.equal(sha256(chunks), LONG_SHA256)
    assert.ok(loans.every((loan) => loan === undefined))
  })

  test('comes in larger pieces to who takes it as fast as it comes, and to nobody else', async (t) => {
    const { get } = await openTransport(t, (socket) => {
      socket.write(head(LONG_BYTES.length))
      socket.write(LONG_BYTES)
    })
    // How much the kernel has at a time is its own affair: of a busy machine's, now and then little.
    for (let bodies = 0, largest = 0; largest <= PIECE_BYTES; bodies += 1) {
      assert.ok(bodies < 20, 'never in larger pieces')
      const { body: taken } = await get()
      const fast = await read(taken, { holdsFrom: Infinity })
      assert.equal(sha256(fast), LONG_SHA256)
      largest = largestOf(fast)
    }
    const { body: held } = await get()
    const slow = await read(held, { holdsFrom: 0 })
    assert.equal(sha256(slow), LONG_SHA256)
    assert.equal(largestOf(slow), PIECE_BYTES)
  })

  test('comes in larger pieces to some, where many are fast', async (t) => {
    const half = LONG_BYTES.length / 2
    const rest: (() => void)[] = []
    const { get } = await openTransport(t, (socket) => {
      socket.write(head(LONG_BYTES.length))
      socket.write(LONG_BYTES.subarray(0, half))
      rest.push(() => socket.write(LONG_BYTES.subarray(half)))
    })
    const bodies = await Promise.all(Array.from({ length: MANY }, async () => (await get()).body))
    const largest = bodies.map(() => 0)
    const halves = bodies.map(() => Promise.withResolvers<void>())
    const whole = bodies.map(async (body, at) => {
      let bytes = 0
      const note = (chunk: Uint8Array): void => {
        largest[at] = Math.max(largest[at] ?? 0, chunk.byteLength)
        bytes += chunk.byteLength
        if (bytes === half) halves[at]?.resolve()
      }
      return sha256(await read(body, { holdsFrom: Infinity, note }))
    })
    await Promise.all(halves.map(({ promise }) => promise))
    assert.equal(largest.filter((bytes) => bytes > PIECE_BYTES).length, MOST_FAST)
    for (const goOn of rest) goOn()
    assert.ok((await Promise.all(whole)).every((hash) => hash === LONG_SHA256))
  })

  test('of a body in chunks is whole, and so is what follows it', async (t) => {
    const size = LONG_BYTES.length.toString(16)
    const { get } = await openTransport(t, (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${size}\r\n`)
      socket.write(LONG_BYTES)
      void writeSlowly(socket, inPieces('\r\n0\r\nx-checksum: a trailer\r\n\r\n', 5))
    })
    for (let turn = 0; turn < 2; turn += 1) {
      const { body } = await get()
      const { chunks } = await take(body)
      assert.equal(sha256(chunks), LONG_SHA256)
    }
  })
})

function createCertificate(): { readonly key: Buffer; readonly cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-reading-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const files = ['-subj', '/CN=localhost', '-days', '2', '-keyout', key, '-out', cert]
  execFileSync('openssl', ['req', '-x509', ...kind, ...files], { stdio: 'ignore' })
  const made = { key: readFileSync(key), cert: readFileSync(cert) }
  rmSync(folder, { recursive: true })
  return made
}

describe('what is read through TLS', () => {
  const ends = [
    ['is to be used again', false, false],
    ['is announced to close', true, false],
    ['closes unannounced', false, true],
  ] as const
  for (const [end, isAnnounced, isClosed] of ends) {
    test(`is whole for a reader who pauses, where the connection ${end}`, async (t) => {
      const { key, cert } = createCertificate()
      setDefaultCACertificates([cert.toString()])
      const server = createServer({ cert, key }, (_, response) => {
        if (isAnnounced) response.setHeader('Connection', 'close')
        response.setHeader('Content-Length', LONG_BYTES.length)
        response.write(LONG_BYTES)
        // Behind its last bytes, so that both are deciphered together.
        if (isClosed) response.socket?.end()
        else response.end()
      })
      server.listen(0)
      await once(server, 'listening')
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      const transport = new Transport(`https://localhost:${port}`, {
        connectTimeoutMs: LONG_MS,
        stallTimeoutMs: LONG_MS,
        keptConnections: 1,
      })
      t.after(async () => {
        await transport.close()
        server.close()
      })
      const ways = [
        async (body: StreamBody) => (await take(body)).chunks,
        // Nothing more comes, and the parser has not gone on.
        (body: StreamBody) => read(body, { holdsFrom: LONG_BYTES.length }),
      ]
      for (const way of ways) {
        const headers = ['host', 'localhost']
        const request = { method: 'GET' as const, path: '/k', headers, timeoutMs: LONG_MS }
        const { body } = await transport.send(request, undefined)
        assert.equal(sha256(await way(body)), LONG_SHA256)
      }
    })
  }
})
