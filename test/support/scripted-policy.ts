// A policy server that answers as a test says, and keeps what it was asked.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type {
  IncomingHttpHeaders,
  IncomingMessage,
  RequestListener,
  ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

import type { Certificate } from './certificates.ts'
import { readPolicyRequest } from './opa-request.ts'
import type { PolicyInput } from './opa-request.ts'

export type Answering = (input: PolicyInput, outgoing: ServerResponse) => void

export interface ScriptedPolicy extends AsyncDisposable {
  readonly url: string
  /** In the order in which they came. */
  readonly asked: PolicyInput[]
  /** What was not of the shape that it must have. */
  readonly faults: string[]
  readonly paths: string[]
  readonly headers: IncomingHttpHeaders[]
  /** Connections that were ever made, and questions whose asker left before the answer. */
  readonly seen: { connections: number; left: number }
  answer: Answering
}

/** The whole body. */
export function saying(body: unknown, status = 200): Answering {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return (_, outgoing) =>
    void outgoing.writeHead(status, { 'content-type': 'application/json' }).end(text)
}

export async function openScriptedPolicy(
  answer: Answering = saying({ result: true }),
  certificate?: Certificate,
): Promise<ScriptedPolicy> {
  const seen = { connections: 0, left: 0 }
  const listener: RequestListener = (incoming, outgoing) => {
    scripted.paths.push(incoming.url ?? '')
    scripted.headers.push(incoming.headers)
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) seen.left += 1
    })
    void take(incoming, outgoing)
  }
  const server =
    certificate === undefined
      ? createServer(listener)
      : createTlsServer(
          { cert: readFileSync(certificate.certPath), key: readFileSync(certificate.keyPath) },
          listener,
        )
  server.on('connection', () => (seen.connections += 1))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  const take = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    try {
      const input = await readPolicyRequest(incoming)
      scripted.asked.push(input)
      scripted.answer(input, outgoing)
    } catch (error) {
      scripted.faults.push(String(error))
      outgoing.writeHead(400).end()
    }
  }
  const scripted: ScriptedPolicy = {
    url: certificate === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    asked: [],
    faults: [],
    paths: [],
    headers: [],
    seen,
    answer,
    [Symbol.asyncDispose]: close,
  }
  return scripted
}
