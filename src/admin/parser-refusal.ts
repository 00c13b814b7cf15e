// What Node's parser refuses never becomes a call: it is answered here in the same shape as every
// other no, straight onto the socket, and the connection is closed. The main port has headers and
// methods of its own, and so its own such file.

import { maxHeaderSize } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

import { Refusal } from '../exchange/refusal.ts'
import type { RefusalCode } from '../exchange/refusal.ts'
import { bareHead, STRANGE_METHOD } from '../http/bare-answer.ts'
import { refuse } from '../proxy/proxy.ts'

/** Bytes still arriving would turn the last answer into a reset: they are taken, for so long. */
const LINGER_MS = 1000

type ParserError = NodeJS.ErrnoException & { readonly rawPacket?: Uint8Array }

/** A call under way. */
export interface Running {
  readonly id: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

export class ParserRefusals {
  readonly #createId: () => string
  /** The last call of each connection that has one. */
  readonly #running = new WeakMap<Duplex, Running>()
  /** Those on which nothing follows the answer that is under way. */
  readonly #ending = new WeakSet<Duplex>()

  constructor(createId: () => string) {
    this.#createId = createId
  }

  begin(call: Running): void {
    const { socket } = call.request
    this.#running.set(socket, call)
    call.response.on('close', () => {
      if (this.#running.get(socket) === call) this.#running.delete(socket)
    })
  }

  /** Gives the code of the refusal, where one was answered that no call tells of. */
  answer(error: ParserError, socket: Duplex): RefusalCode | undefined {
    const isTimeout = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
    const isGone = error.code === 'ECONNRESET' || error.code === 'EPIPE'
    // Browsers connect before they ask, and would take a no for the answer to what they ask next.
    if (isGone || (isTimeout && !this.#running.has(socket))) {
      socket.destroy()
      return undefined
    }
    const start = Buffer.from(error.rawPacket ?? []).toString('latin1')
    const method = start.startsWith('HEAD ') ? 'HEAD' : 'GET'
    return this.refuse(socket, refusalOf(error.code, start), method)
  }

  /** The same for what arrives where no response object exists. */
  refuse(socket: Duplex, refusal: Refusal, method = 'GET'): RefusalCode | undefined {
    const running = this.#running.get(socket)
    if (running === undefined) {
      const isWritten = write(socket, refusal, { id: this.#createId(), method })
      return isWritten ? refusal.code : undefined
    }
    const { request, response, id } = running
    // It may wait for the rest of its body, which never comes: this is its answer, and the end of
    // the connection, which is the end of its body too.
    if (!request.complete && !response.headersSent) write(socket, refusal, { id, method })
    else if (!this.#ending.has(socket)) response.on('close', () => end(socket))
    // An answer under way is not followed by another: nobody knows whose it would be.
    this.#ending.add(socket)
    return undefined
  }
}

function write(
  socket: Duplex,
  refusal: Refusal,
  { id, method }: { readonly id: string; readonly method: string },
): boolean {
  if (!socket.writable) return false
  const { status, headers, body, statedLength } = refuse(refusal, {
    id,
    method,
    headers: {},
    query: '',
  })
  const own = ['X-Request-ID', id, 'Content-Length', String(statedLength), 'Connection', 'close']
  const head = bareHead(status, [...headers, ...own])
  end(socket, body.kind === 'bytes' ? Buffer.concat([head, body.bytes]) : head)
  return true
}

function end(socket: Duplex, last = Buffer.alloc(0)): void {
  socket.end(last)
  socket.resume()
  const patience = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(patience))
}

function refusalOf(code: string | undefined, start: string): Refusal {
  if (code === 'HPE_INVALID_METHOD' && STRANGE_METHOD.test(start)) {
    return methodNotAllowed()
  }
  if (code === 'HPE_INVALID_URL') return new Refusal('invalid_path')
  if (code !== 'HPE_HEADER_OVERFLOW') return new Refusal('invalid_request')
  const isTarget = !start.slice(0, maxHeaderSize).includes('\n')
  return new Refusal(isTarget ? 'uri_too_long' : 'headers_too_large')
}

export function methodNotAllowed(): Refusal {
  return new Refusal('method_not_allowed', { headers: ['Allow', 'GET, HEAD'] })
}
