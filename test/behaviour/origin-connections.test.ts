// How connections to S3 are used: again and again, and each for one request at a time.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer } from 'node:http'
import type { Socket } from 'node:net'
import { test } from 'node:test'

import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'

const CLIENTS = 8
const REQUESTS_OF_EACH = 150

interface Counts {
  requests: number
  readonly connections: Set<Socket>
  /** The most that one connection carried at once. */
  atOnce: number
}

interface CountingOrigin extends AsyncDisposable {
  readonly endpoint: string
  readonly counts: Counts
}

/** Takes its time between head and body, in which who sends a second request ahead does so. */
async function openCountingOrigin(): Promise<CountingOrigin> {
  const counts: Counts = { requests: 0, connections: new Set(), atOnce: 0 }
  const underWay = new Map<Socket, number>()
  const server = createServer(({ socket, url = '' }, response) => {
    const now = (underWay.get(socket) ?? 0) + 1
    underWay.set(socket, now)
    counts.requests += 1
    counts.connections.add(socket)
    counts.atOnce = Math.max(counts.atOnce, now)
    response.on('finish', () => underWay.set(socket, (underWay.get(socket) ?? 0) - 1))
    response.setHeader('Content-Length', url.length)
    response.flushHeaders()
    setTimeout(() => response.end(url), 2)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    endpoint: `http://127.0.0.1:${port}`,
    counts,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

test('of a steady load nearly all goes over connections that are there, one request at a time', async () => {
  await using origin = await openCountingOrigin()
  const buckets = [bucketAt(origin.endpoint, { name: 'files' })]
  await using sluice = await openSluice({ buckets, cache: { enabled: false } })
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  const client = async (_: unknown, index: number): Promise<void> => {
    for (let count = 0; count < REQUESTS_OF_EACH; count += 1) {
      const key = `client-${index}-${count}`
      const { status, text } = await request(`${sluice.url}/files/${key}`, { agent })
      assert.equal(status, 200)
      assert.ok(text.endsWith(key))
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  agent.destroy()
  const { requests, connections, atOnce } = origin.counts
  assert.ok(requests >= CLIENTS * REQUESTS_OF_EACH)
  const opened = connections.size / requests
  assert.ok(opened < 0.01, `${connections.size} connections for ${requests} requests`)
  assert.equal(atOnce, 1)
})
