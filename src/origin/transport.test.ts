import assert from 'node:assert/strict'
import type net from 'node:net'
import { describe, test } from 'node:test'

import type { Flow, Sink, StreamBody } from '../exchange/body.ts'
import { readText } from './transport.ts'
import { head, LONG_MS, openTransport } from './transport-world.contract.ts'

const chunked = (...pieces: string[]): string =>
  pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')

interface Reading {
  readonly flow: Flow
  readonly text: () => string
  /** Undefined when the body ended as it should. */
  readonly ended: Promise<Error | undefined>
}

/** Reads to the end; `take` says after each chunk whether there is room for more. */
function read(body: StreamBody, take: (flow: () => Flow) => boolean = () => true): Reading {
  const chunks: Uint8Array[] = []
  const { promise, resolve } = Promise.withResolvers<Error | undefined>()
  const sink: Sink = {
    write: (chunk) => {
      chunks.push(chunk)
      return take(() => flow)
    },
    end: () => resolve(undefined),
    fail: resolve,
  }
  const flow: Flow = body.start(sink)
  return { flow, text: () => Buffer.concat(chunks).toString('latin1'), ended: promise }
}

const later = (flow: () => Flow): boolean => {
  setImmediate(() => flow().resume())
  return false
}

/** Waits for something another process turn brings about. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + LONG_MS
  while (!holds()) {
    assert.ok(performance.now() < deadline, 'it did not come about')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('an answer', () => {
  test('is its status, its headers and its body', async (t) => {
    const { get, requests } = await openTransport(t, (socket) => {
      socket.write(`${head(5, 'etag: "x"\r\nvia: a\r\nvia: b\r\n')}hello`)
    })
    const answer = await get()
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['etag'], '"x"')
    assert.deepEqual(answer.headers['via'], ['a', 'b'])
    assert.equal(answer.body.length, 5)
    const { ended, text } = read(answer.body)
    assert.equal(await ended, undefined)
    assert.equal(text(), 'hello')
    assert.match(requests[0] ?? '', /^GET \/k HTTP\/1\.1\r\nhost: h/)
  })

  test('keeps bytes beyond ASCII in its headers as they are, one character a byte', async (t) => {
    const { get } = await openTransport(t, (socket) => {
      socket.write(Buffer.from(head(0, 'x-amz-meta-name: caf\u00c3\u00a9 \u00ff\r\n'), 'latin1'))
    })
    const { headers, body } = await get()
    body.discard()
    assert.equal(headers['x-amz-meta-name'], 'caf\u00c3\u00a9 \u00ff')
  })

  test('begins after any interim ones', async (t) => {
    const { get } = await openTransport(t, (socket) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n')
      socket.write(`${head(2)}ok`)
    })
    const answer = await get()
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['link'], undefined)
    assert.equal(await read(answer.body).ended, undefined)
  })

  test('to a HEAD has no body, and its connection serves again', async (t) => {
    const world = await openTransport(t, (socket) => socket.write(head(1_000_000)), {
      keptConnections: 1,
    })
    for (let count = 0; count < 2; count += 1) {
      const { headers, body } = await world.get(undefined, { method: 'HEAD' })
      assert.equal(headers['content-length'], '1000000')
      body.discard()
    }
    assert.equal(world.accepted(), 1)
  })

  test('in chunks has no length beforehand, and loses nothing', async (t) => {
    const { get } = await openTransport(t, (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      socket.write(`${chunked('one ', 'two ', 'three')}0\r\n\r\n`)
    })
    const { body } = await get()
    assert.equal(body.length, undefined)
    const { ended, text } = read(body)
    assert.equal(await ended, undefined)
    assert.equal(text(), 'one two three')
  })
})

describe('a body', () => {
  test('waits for a reader who comes late', async (t) => {
    const { get } = await openTransport(t, (socket) => socket.end(`${head(5)}hello`))
    const { body } = await get()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const { ended, text } = read(body)
    assert.equal(await ended, undefined)
    assert.equal(text(), 'hello')
  })

  test('keeps its order when it came before a reader who takes little at a time', async (t) => {
    const pieces = Array.from({ length: 40 }, (_, index) => `piece ${index};`)
    const { get } = await openTransport(t, (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      socket.write(chunked(...pieces.slice(0, 20)))
      setTimeout(() => socket.write(`${chunked(...pieces.slice(20))}0\r\n\r\n`), 20)
    })
    const { body } = await get()
    // Full after the first piece, until the second half has come too.
    let isFull = true
    const { flow, ended, text } = read(body, (own) => (isFull ? false : later(own)))
    await new Promise((resolve) => setTimeout(resolve, 60))
    assert.equal(text(), pieces[0])
    isFull = false
    flow.resume()
    assert.equal(await ended, undefined)
    assert.equal(text(), pieces.join(''))
  })

  test('is held at its source while the reader is full', async (t) => {
    const bytes = 32 * 1024 * 1024
    let source: net.Socket | undefined
    const { get } = await openTransport(t, (socket) => {
      source = socket
      socket.write(head(bytes))
      socket.write(Buffer.alloc(bytes))
    })
    const { body } = await get()
    let isFull = true
    const { flow, ended, text } = read(body, () => !isFull)
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.ok(text().length <= 128 * 1024, `${text().length} bytes came`)
    assert.ok((source?.writableLength ?? 0) > 0, 'the source could write it all')
    isFull = false
    flow.resume()
    assert.equal(await ended, undefined)
    assert.equal(text().length, bytes)
  })

  test('nobody reads yet is held at its source too', async (t) => {
    const bytes = 32 * 1024 * 1024
    let source: net.Socket | undefined
    const { get } = await openTransport(t, (socket) => {
      source = socket
      socket.write(head(bytes))
      socket.write(Buffer.alloc(bytes))
    })
    const { body } = await get()
    await new Promise((resolve) => setTimeout(resolve, 400))
    assert.ok((source?.writableLength ?? 0) > 0, 'the source could write it all')
    assert.equal(await read(body).ended, undefined)
  })

  test('is not thought stalled while its reader is slow', async (t) => {
    const bytes = 32 * 1024 * 1024
    const { get } = await openTransport(
      t,
      (socket) => {
        socket.write(head(bytes))
        socket.write(Buffer.alloc(bytes))
      },
      { stallTimeoutMs: 50 },
    )
    let isFull = true
    const { flow, ended } = read((await get()).body, () => !isFull)
    await new Promise((resolve) => setTimeout(resolve, 2500))
    isFull = false
    flow.resume()
    assert.equal(await ended, undefined)
  })

  test('goes on when it is told to from within the write of another', async (t) => {
    const size = 600_000
    const sockets: net.Socket[] = []
    const { get } = await openTransport(t, (socket) => {
      sockets.push(socket)
      socket.write(head(size))
    })
    const [held, other] = [await get(), await get()]
    let isHeld = false
    const first = read(held.body, () => {
      const wasHeld = isHeld
      isHeld = true
      return wasHeld
    })
    sockets[0]?.write(Buffer.alloc(size, 'a'))
    await until(() => isHeld)
    const second = read(other.body, () => {
      first.flow.resume()
      return true
    })
    sockets[1]?.write(Buffer.alloc(size, 'b'))
    assert.deepEqual(await Promise.all([first.ended, second.ended]), [undefined, undefined])
    assert.deepEqual([first.text().length, second.text().length], [size, size])
  })

  test('can be stopped from within a write, and brings nothing more', async (t) => {
    const { get, connections } = await openTransport(t, (socket) => {
      socket.write(head(1_000_000))
      socket.write('x'.repeat(1000))
      setTimeout(() => socket.write('y'.repeat(1000)), 10)
    })
    const { body } = await get()
    await new Promise((resolve) => setTimeout(resolve, 5))
    let writes = 0
    const sink: Sink = {
      write: () => {
        writes += 1
        queueMicrotask(() => flow.stop())
        return false
      },
      end: () => assert.fail('it ended'),
      fail: () => assert.fail('it failed'),
    }
    const flow = body.start(sink)
    await until(() => connections.size === 0)
    assert.equal(writes, 1)
  })

  test('that is short is read away when nobody wants it, and its connection kept', async (t) => {
    const world = await openTransport(t, (socket) => socket.write(`${head(5)}hello`))
    for (let count = 0; count < 3; count += 1) {
      const { body } = await world.get()
      body.discard()
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal(world.accepted(), 1)
  })

  test('that is long is cut off with its connection when nobody wants it', async (t) => {
    const { get, connections } = await openTransport(t, (socket) => {
      socket.write(head(1_000_000))
      socket.write('x'.repeat(1000))
    })
    const { body } = await get()
    body.discard()
    await until(() => connections.size === 0)
  })
})

describe('a text', () => {
  const limits = { limitBytes: 1000, timeoutMs: LONG_MS }

  test('is read whole when it is short', async (t) => {
    const { get } = await openTransport(t, (socket) => socket.write(`${head(8)}<Error/>`))
    assert.equal(await readText((await get()).body, limits), '<Error/>')
  })

  test('is as much as came when it breaks', async (t) => {
    const { get } = await openTransport(t, (socket) => socket.end(`${head(80)}<Error/>`))
    assert.equal(await readText((await get()).body, limits), '<Error/>')
  })

  test('is no longer than its limit, and the rest is not read', async (t) => {
    const { get, connections } = await openTransport(t, (socket) => {
      socket.write(head(10_000_000))
      socket.write('x'.repeat(100_000))
    })
    const text = await readText((await get()).body, limits)
    assert.ok(text.length >= 1000 && text.length <= 100_000)
    await until(() => connections.size === 0)
  })

  test('is waited for no longer than its time', async (t) => {
    const { get, connections } = await openTransport(t, (socket) =>
      socket.write(`${head(80)}<Error/>`),
    )
    const text = await readText((await get()).body, { limitBytes: 1000, timeoutMs: 50 })
    assert.equal(text, '<Error/>')
    await until(() => connections.size === 0)
  })
})
