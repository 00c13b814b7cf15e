// Node's response with a shorter way to write the head of a good answer. Node looks at every name
// and value again for what our own lists never hold (what comes from S3 and from an operator has been
// looked at where it came in), and that is a tenth of what a cache hit costs.

import { ServerResponse, STATUS_CODES } from 'node:http'
import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'

import { now } from '../primitives/clock.ts'
import { formatHttpDate } from '../http/date.ts'

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[]

export class HeadedResponse<Request extends IncomingMessage> extends ServerResponse<Request> {
  /** The head as Node is going to send it, before the first bytes of the body. */
  declare _header: string | null
  declare _keepAliveTimeout: number
  declare _expect_continue?: boolean

  override writeHead(status: number, reason?: string | Headers, headers?: Headers): this {
    if (typeof reason === 'string') return super.writeHead(status, reason, headers)
    const head = Array.isArray(reason) ? this.#headOf(status, reason) : undefined
    if (head === undefined) return super.writeHead(status, reason)
    this.statusCode = status
    this._header = head
    return this
  }

  /** One that still waits for its turn on the connection takes that with it then: Node forgets to. */
  override destroy(error?: Error): this {
    if (this.socket === null) this.once('socket', (socket: Socket) => socket.destroy())
    return super.destroy(error)
  }

  /** Undefined for all but an answer with a body of known length, after which more may be asked. */
  #headOf(status: number, headers: OutgoingHttpHeader[]): string | undefined {
    if (status !== 200 && status !== 206) return undefined
    if (!this.shouldKeepAlive || this._expect_continue === true) return undefined
    if (this._keepAliveTimeout === 0) return undefined
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`
    let hasDate = false
    let hasLength = false
    for (let index = 0; index < headers.length; index += 2) {
      const name = headers[index]
      if (name === 'Connection') return undefined
      if (name === 'Date') hasDate = true
      else if (name === 'Content-Length') hasLength = true
      head += `${String(name)}: ${String(headers[index + 1])}\r\n`
    }
    if (!hasLength) return undefined
    if (!hasDate) head += `Date: ${formatHttpDate(now())}\r\n`
    const seconds = Math.floor(this._keepAliveTimeout / 1000)
    return `${head}Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n\r\n`
  }
}
