// The operations listener: for operators and orchestrators, on an address of its own. What it
// reports is handed to it; it knows no bucket and no proxy state.

import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'

import type { Address } from '../config/server.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Reply } from '../exchange/reply.ts'
import { acceptRequestId } from '../http/request-id.ts'
import { answerStatus, refuse } from '../proxy/proxy.ts'
import type { Status } from '../proxy/proxy.ts'

export interface AdminOptions {
  readonly address: Address
  readonly status: Status
  readonly createId: () => string
}

export class Admin {
  readonly #options: AdminOptions
  readonly #server: Server

  constructor(options: AdminOptions) {
    this.#options = options
    this.#server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000 }, this.#answer)
  }

  listen(): Promise<Address> {
    const { host, port } = this.#options.address
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject)
        const bound = this.#server.address()
        resolve(
          typeof bound === 'object' && bound !== null ? { host, port: bound.port } : { host, port },
        )
      })
    })
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  readonly #answer = (request: IncomingMessage, response: ServerResponse): void => {
    const asked = request.headers['x-request-id']
    const own = typeof asked === 'string' ? acceptRequestId(asked) : undefined
    const id = own ?? this.#options.createId()
    const reply = this.#replyTo(request, id)
    const length = reply.statedLength ?? 0
    const headers = [...reply.headers, 'X-Request-ID', id, 'Content-Length', String(length)]
    response.writeHead(reply.status, headers)
    response.end(reply.body.kind === 'bytes' ? reply.body.bytes : undefined)
  }

  #replyTo({ method = '', url = '', headers }: IncomingMessage, id: string): Reply {
    const path = url.split('?', 1)[0] ?? ''
    const isRead = method === 'GET' || method === 'HEAD'
    const known = isRead ? answerStatus({ method, path }, this.#options.status) : undefined
    if (known !== undefined) return known
    const refusal = isRead
      ? new Refusal('no_route')
      : new Refusal('method_not_allowed', { headers: ['Allow', 'GET, HEAD'] })
    return refuse(refusal, { id, method, headers, query: '' })
  }
}
