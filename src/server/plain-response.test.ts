import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { PlainResponse } from './plain-response.ts'

/** Node says of such a piece that it is too much, whatever becomes of it. */
const LARGE_BYTES = 64 * 1024
const HUGE_BYTES = 64 * 1024 * 1024

/** Both ends of a connection. */
async function connect(t: TestContext): Promise<{ server: net.Socket; client: net.Socket }> {
  const listener = net.createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const client = net.connect(port, '127.0.0.1')
  const [server]: net.Socket[] = await once(listener, 'connection')
  assert.ok(server !== undefined)
  for (const socket of [server, client]) socket.on('error', () => undefined)
  t.after(() => {
    server.destroy()
    client.destroy()
    listener.close()
  })
  return { server, client }
}

function begin(socket: net.Socket): PlainResponse {
  const manner = { isHead: false, isLast: false, keepAlive: '' }
  const response = new PlainResponse(socket, manner, () => undefined)
  response.writeHead(200, ['Content-Length', String(2 * HUGE_BYTES)])
  return response
}

test('a large piece that the kernel takes at once holds nobody', async (t) => {
  const { server } = await connect(t)
  const response = begin(server)
  assert.equal(response.write(Buffer.alloc(LARGE_BYTES)), true)
  assert.equal(response.writableLength, 0)
})

test('a piece of which something waits holds its source', async (t) => {
  const { server } = await connect(t)
  const response = begin(server)
  assert.equal(response.write(Buffer.alloc(HUGE_BYTES)), false)
  assert.ok(response.writableLength > 0)
})

test('a piece for whom nobody is left holds its source', async (t) => {
  const { server } = await connect(t)
  const response = begin(server)
  server.destroy()
  assert.equal(response.write(Buffer.alloc(LARGE_BYTES)), false)
})
