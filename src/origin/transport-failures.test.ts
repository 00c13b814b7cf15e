import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { Cancellation } from '../primitives/cancel.ts'
import type { StreamBody } from '../exchange/body.ts'
import { OriginFailure } from './failure.ts'
import { Transport } from './transport.ts'
import { head, LONG_MS, openTransport, originOf } from './transport-world.contract.ts'
import type { Serve } from './transport-world.contract.ts'

interface Reading {
  readonly text: () => string
  /** How it broke; 'whole' when the body ended as it should. */
  readonly end: Promise<string>
}

function read(body: StreamBody): Reading {
  const chunks: Uint8Array[] = []
  const { promise, resolve } = Promise.withResolvers<string>()
  body.start({
    write: (chunk) => chunks.push(chunk) > 0,
    end: () => resolve('whole'),
    fail: (error) => resolve(error instanceof OriginFailure ? error.kind : String(error)),
  })
  return { text: () => Buffer.concat(chunks).toString('latin1'), end: promise }
}

async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof OriginFailure, String(error))
    return error.kind
  }
  return 'none'
}

/** Waits for something another process turn brings about. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + LONG_MS
  while (!holds()) {
    assert.ok(performance.now() < deadline, 'it did not come about')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const broken: readonly (readonly [says: string, serve: Serve, kind: RegExp])[] = [
  [
    'that is shorter than announced',
    (socket) => socket.end(`${head(100)}${'x'.repeat(40)}`),
    /reset|truncated/,
  ],
  [
    'whose connection is reset',
    (socket) =>
      socket.write(`${head(100)}xxx`, () => setTimeout(() => socket.resetAndDestroy(), 20)),
    /reset/,
  ],
  [
    'whose chunks are no chunks',
    (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n')
      setTimeout(() => socket.write('zz\r\n'), 20)
    },
    /protocol/,
  ],
  ['that stalls', (socket) => socket.write(`${head(100)}xxx`), /stall/],
]

describe('a body breaks', () => {
  for (const [says, serve, kind] of broken) {
    test(says, async (t) => {
      const { get } = await openTransport(t, serve, { stallTimeoutMs: 300 })
      const { body } = await get()
      assert.match(await read(body).end, kind)
    })

    test(`${says}, which a late reader is told as well`, async (t) => {
      const { get, connections } = await openTransport(t, serve, { stallTimeoutMs: 300 })
      const { body } = await get()
      await until(() => connections.size === 0)
      assert.match(await read(body).end, kind)
    })
  }
})

const unanswered: readonly (readonly [says: string, serve: Serve, kind: RegExp])[] = [
  ['closes the connection', (socket) => socket.destroy(), /reset/],
  ['resets the connection', (socket) => socket.resetAndDestroy(), /reset/],
  ['speaks something else', (socket) => socket.end('\0 hello \r\n\r\n'), /protocol/],
  [
    'sends headers without end',
    (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`),
    /protocol/,
  ],
  ['says nothing', () => undefined, /timeout/],
  ['only promises', (socket) => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), /timeout/],
  ['stops within its head', (socket) => socket.write('HTTP/1.1 200 OK\r\netag: '), /timeout/],
]

describe('there is no answer from a server that', () => {
  for (const [says, serve, kind] of unanswered) {
    test(says, async (t) => {
      const { get, connections } = await openTransport(t, serve)
      assert.match(await failureOf(get(undefined, { timeoutMs: 250 })), kind)
      await until(() => connections.size === 0)
    })
  }

  test('is not there', async (t) => {
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const origin = originOf(server)
    server.close()
    const transport = new Transport(origin, {
      connectTimeoutMs: LONG_MS,
      stallTimeoutMs: LONG_MS,
      keptConnections: 1,
    })
    t.after(() => transport.close())
    const sent = transport.send(
      { method: 'GET', path: '/', headers: [], timeoutMs: LONG_MS },
      undefined,
    )
    assert.equal(await failureOf(sent), 'connect')
  })
})

describe('a caller who leaves', () => {
  test('before anything is sent causes no request', async (t) => {
    const { get, requests } = await openTransport(t, (socket) => socket.write(`${head(2)}ok`))
    assert.equal(await failureOf(get(cancelled())), 'cancelled')
    const caller = new Cancellation()
    const left = get(caller)
    caller.cancel()
    assert.equal(await failureOf(left), 'cancelled')
    const { body } = await get()
    assert.equal(await read(body).end, 'whole')
    assert.equal(requests.length, 1)
  })

  test('while the answer is waited for closes the connection', async (t) => {
    const caller = new Cancellation()
    const { get, connections } = await openTransport(t, () => caller.cancel())
    assert.equal(await failureOf(get(caller)), 'cancelled')
    await until(() => connections.size === 0)
  })

  test('when the head is there is the body’s business', async (t) => {
    const caller = new Cancellation()
    const { get } = await openTransport(t, (socket) => {
      socket.write(head(6))
      setTimeout(() => socket.write('hel'), 5)
      setTimeout(() => socket.write('lo!'), 10)
    })
    const { body } = await get(caller)
    caller.cancel()
    const { end, text } = read(body)
    assert.equal(await end, 'whole')
    assert.equal(text(), 'hello!')
  })
})

describe('connections', () => {
  test('beyond those kept are opened as needed, and closed when they are not', async (t) => {
    let waiting: net.Socket[] = []
    const world = await openTransport(t, (socket) => waiting.push(socket), { keptConnections: 2 })
    for (const method of ['GET', 'HEAD', 'GET'] as const) {
      waiting = []
      const answers = Array.from({ length: 5 }, () => world.get(undefined, { method }))
      await until(() => waiting.length === 5)
      for (const socket of waiting) socket.write(`${head(2)}${method === 'HEAD' ? '' : 'ok'}`)
      for (const answer of await Promise.all(answers)) await read(answer.body).end
      await nextTurn()
    }
    assert.equal(world.accepted(), 5)
    await until(() => world.connections.size === 2)
  })

  test('kept ones serve one request after the other', async (t) => {
    const world = await openTransport(t, (socket) => socket.write(`${head(2)}ok`), {
      keptConnections: 1,
    })
    for (let count = 0; count < 20; count += 1) {
      const { body } = await world.get()
      assert.equal(await read(body).end, 'whole')
    }
    assert.equal(world.accepted(), 1)
  })

  test('of requests that failed or were left are free again', async (t) => {
    let isAnswering = false
    const world = await openTransport(
      t,
      (socket) => {
        if (isAnswering) socket.write(`${head(2)}ok`)
      },
      { keptConnections: 1 },
    )
    for (let count = 0; count < 5; count += 1) {
      assert.equal(await failureOf(world.get(undefined, { timeoutMs: 20 })), 'timeout')
      const caller = new Cancellation()
      const left = world.get(caller)
      setTimeout(() => caller.cancel(), 5)
      assert.equal(await failureOf(left), 'cancelled')
    }
    isAnswering = true
    const { body } = await world.get()
    await read(body).end
    assert.doesNotMatch(world.requests.at(-1) ?? '', /connection: close/i)
  })
})

function cancelled(): Cancellation {
  const cancelled = new Cancellation()
  cancelled.cancel()
  return cancelled
}
