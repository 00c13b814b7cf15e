// A replica that is slow in one way or another is given up in time, and the next one asked.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'

import { startChild } from '../support/children.ts'
import { BUCKET, openFleet, until } from '../support/fleet.ts'
import type { Fleet, Settings } from '../support/fleet.ts'
import { download, request } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'

/** Less than any default of the settings here, and far more than what is set. */
const SOON_MS = 10_000

async function within<T>(what: Promise<T>): Promise<T> {
  const startedAt = performance.now()
  const value = await what
  const elapsed = performance.now() - startedAt
  assert.ok(elapsed < SOON_MS, `it took ${Math.round(elapsed)} ms`)
  return value
}

async function open(t: TestContext, fleet: Fleet, bucket: Settings) {
  const sluice = await openSluice({ buckets: [bucket] })
  t.after(async () => {
    await sluice.close()
    await fleet[Symbol.asyncDispose]()
  })
  return `${sluice.url}/${BUCKET}/k`
}

describe('timeout', () => {
  test('a replica that does not answer in time is left for the next', async (t) => {
    const fleet = await openFleet(2)
    fleet.put('k', 'hello')
    fleet.fault({ kind: 'hang' }, [0])
    const url = await open(t, fleet, fleet.bucket({ timeout: '1s' }))
    assert.equal((await within(request(url))).text, 'hello')
    await until(() => fleet.server(0).requests.every(({ state }) => state === 'aborted'))
  })

  test('a replica may have its own', async (t) => {
    const fleet = await openFleet(2)
    fleet.put('k', 'hello')
    fleet.fault({ kind: 'hang' }, [0])
    const own = (index: number): Settings => (index === 0 ? { timeout: '500ms' } : {})
    const url = await open(t, fleet, fleet.bucket({ timeout: '60s' }, own))
    assert.equal((await within(request(url))).text, 'hello')
  })

  test('it is a limit to the first byte, not to the whole body', async (t) => {
    const fleet = await openFleet(1)
    fleet.put('k', { size: 100_000, seed: 'k' })
    fleet.fault({ kind: 'slow', bytesPerSecond: 60_000 })
    const url = await open(t, fleet, fleet.bucket({ timeout: '500ms' }))
    const { bytes, aborted } = await download(url)
    assert.deepEqual([bytes, aborted], [100_000, false])
    assert.deepEqual(fleet.counts('k'), [1])
  })

  test('an error that begins and does not end is waited for no longer', async (t) => {
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () =>
        socket.write(
          'HTTP/1.1 404 Not Found\r\ncontent-length: 500\r\n\r\n<Error><Code>NoSuchKey</Code>',
        ),
      )
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    assert.ok(address !== null && typeof address === 'object')
    const fleet = await openFleet(0)
    const endpoint = `http://127.0.0.1:${address.port}`
    const replicas = [{ name: 'r0', endpoint }]
    const url = await open(t, fleet, fleet.bucket({ timeout: '300ms', replicas }))
    t.after(() => server.close())
    assert.equal((await within(request(url))).status, 404)
  })
})

/** A port whose queue of connections is full: whoever connects waits for ever. */
async function openBlackHole(t: TestContext): Promise<string> {
  let told = ''
  const program = `
    const server = require('node:net').createServer()
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:fs').writeSync(1, server.address().port + '\\n')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const child = startChild(process.execPath, ['-e', program], {
    onStdout: (text) => (told += text),
  })
  await until(() => told.endsWith('\n'), 'the port')
  const fillers: net.Socket[] = []
  t.after(async () => {
    for (const socket of fillers) socket.destroy()
    child.kill('SIGKILL')
    await child.exited
  })
  for (let isFull = false; !isFull;) {
    const socket = net.connect(Number(told), '127.0.0.1').on('error', () => undefined)
    fillers.push(socket)
    isFull = await Promise.race([
      once(socket, 'connect').then(() => false),
      new Promise<boolean>((resolve) => {
        setTimeout(resolve, 500, true)
      }),
    ])
  }
  return `http://127.0.0.1:${told.trim()}`
}

describe('connect_timeout', () => {
  test('a replica that cannot be connected to in time is left for the next', async (t) => {
    const blackHole = await openBlackHole(t)
    const fleet = await openFleet(1)
    fleet.put('k', 'hello')
    const replicas = [
      { name: 'dark', endpoint: blackHole },
      { name: 'r0', endpoint: fleet.server(0).endpoint },
    ]
    const s3 = { connect_timeout: '300ms', timeout: '60s', first_byte_budget: '120s', replicas }
    const url = await open(t, fleet, fleet.bucket(s3))
    assert.equal((await within(request(url))).text, 'hello')
  })

  test('with nobody else to ask the client is told in time', async (t) => {
    const replicas = [{ name: 'dark', endpoint: await openBlackHole(t) }]
    const s3 = {
      connect_timeout: '300ms',
      timeout: '60s',
      first_byte_budget: '120s',
      retry: { max_attempts: 1 },
      replicas,
    }
    const fleet = await openFleet(0)
    const url = await open(t, fleet, fleet.bucket(s3))
    const { status, text } = await within(request(url))
    assert.equal(status, 504)
    assert.equal(JSON.parse(text).error, 'origin_timeout')
  })
})

describe('stall_timeout', () => {
  test('a body that brings nothing more is continued by the next replica', async (t) => {
    const fleet = await openFleet(2)
    fleet.put('k', { size: 1_000_000, seed: 'k' })
    fleet.fault({ kind: 'stall', afterBytes: 200_000 }, [0])
    const url = await open(t, fleet, fleet.bucket({ stall_timeout: '1s' }))
    const { bytes, aborted } = await within(download(url))
    assert.deepEqual([bytes, aborted], [1_000_000, false])
    assert.deepEqual(fleet.counts('k'), [1, 1])
  })

  test('a reader who is slow is no fault of the replica', async (t) => {
    const fleet = await openFleet(2)
    const size = 32 * 1024 * 1024
    fleet.put('k', { size, seed: 'k' })
    const url = await open(t, fleet, fleet.bucket({ stall_timeout: '200ms' }))
    let isRested = false
    const { bytes, aborted } = await download(url, {
      onChunk: async () => {
        if (isRested) return
        isRested = true
        await new Promise((resolve) => setTimeout(resolve, 2500))
      },
    })
    assert.deepEqual([bytes, aborted], [size, false])
    assert.deepEqual(fleet.counts('k'), [1, 0])
  })
})

describe('connection_pool_size', () => {
  test('so many connections are kept; more are opened as needed, and closed when they are not', async (t) => {
    const fleet = await openFleet(1)
    fleet.put('k', 'hello')
    const url = await open(t, fleet, fleet.bucket({ connection_pool_size: 2 }))
    const server = fleet.server(0)
    const hold = server.fault({ kind: 'delay', delayMs: 1500 })
    for (let turn = 0; turn < 3; turn += 1) {
      const answers = Array.from({ length: 8 }, () => request(url))
      await until(() => server.openConnections === 8, 'eight connections at once')
      assert.ok((await Promise.all(answers)).every(({ text }) => text === 'hello'))
    }
    const needed = new Set(server.requests.map(({ connection }) => connection))
    assert.equal(needed.size, 8)
    hold.remove()
    await until(() => server.openConnections <= 2, 'only two connections')

    server.clearRequests()
    for (let count = 0; count < 20; count += 1) await request(url)
    const used = new Set(server.requests.map(({ connection }) => connection))
    assert.ok(used.size <= 2, `${used.size} connections for 20 requests`)
  })
})
