// What the tests of the transport have in common: a transport, and a server of bytes for it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import type { TestContext } from 'node:test'

import type { CancelSignal } from '../primitives/cancel.ts'
import { Transport } from './transport.ts'
import type { Answer, OutgoingRequest, TransportOptions } from './transport.ts'

export const LONG_MS = 20_000

export interface TransportWorld {
  readonly transport: Transport
  /** Those open, as the server sees them. */
  readonly connections: ReadonlySet<net.Socket>
  /** The heads of the requests that arrived. */
  readonly requests: readonly string[]
  accepted(): number
  get(signal?: CancelSignal, request?: Partial<OutgoingRequest>): Promise<Answer>
}

export type Serve = (socket: net.Socket, head: string) => void

/** A transport to a server that answers each request with whatever bytes the test writes. */
export async function openTransport(
  t: TestContext,
  serve: Serve,
  options: Partial<TransportOptions> = {},
): Promise<TransportWorld> {
  const connections = new Set<net.Socket>()
  const requests: string[] = []
  let accepted = 0
  const server = net.createServer((socket) => {
    accepted += 1
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    socket.on('error', () => undefined)
    onHeads(socket, (head) => {
      requests.push(head)
      serve(socket, head)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const transport = new Transport(originOf(server), {
    connectTimeoutMs: LONG_MS,
    stallTimeoutMs: LONG_MS,
    keptConnections: 2,
    ...options,
  })
  t.after(async () => {
    await transport.close()
    for (const socket of connections) socket.destroy()
    server.close()
  })
  const defaults: OutgoingRequest = {
    method: 'GET',
    path: '/k',
    headers: ['host', 'h'],
    timeoutMs: LONG_MS,
  }
  return {
    transport,
    connections,
    requests,
    accepted: () => accepted,
    get: (signal, request) => transport.send({ ...defaults, ...request }, signal),
  }
}

export function originOf(server: net.Server): string {
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return `http://127.0.0.1:${address.port}`
}

function onHeads(socket: net.Socket, onHead: (head: string) => void): void {
  let text = ''
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      onHead(text.slice(0, end))
      text = text.slice(end + 4)
    }
  })
}

/** The head of an answer. */
export const head = (length: number, more = ''): string =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n${more}\r\n`
