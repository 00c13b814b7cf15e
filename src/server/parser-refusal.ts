// What Node's parser refuses never becomes a request: it is answered here in the same shape as
// every other no, straight onto the socket, and the connection is closed.

import type { Duplex } from 'node:stream'

import { STATUS_CODES } from 'node:http'

import { bodyLength } from '../exchange/body.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { RefusalCode } from '../exchange/refusal.ts'
import { refuse } from '../proxy/proxy.ts'

export function answerParserError(
  error: NodeJS.ErrnoException & { readonly rawPacket?: Uint8Array },
  socket: Duplex,
  options: { readonly id: string; readonly maxUriLength: number },
): void {
  const isReset = error.code === 'ECONNRESET' || error.code === 'EPIPE'
  if (isReset || !socket.writable || bytesWritten(socket) > 0) {
    // Nobody to answer, or an answer already under way that must not be continued with another.
    socket.destroy()
    return
  }
  writeRefusal(socket, new Refusal(codeFor(error, options.maxUriLength)), options.id)
}

/** For what arrives where no response object exists. */
export function writeRefusal(socket: Duplex, refusal: Refusal, id: string): void {
  const reply = refuse(refusal, { id, method: 'GET', headers: {}, query: '' })
  const lines = [`HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? ''}`]
  const length = String(bodyLength(reply.body) ?? 0)
  const headers = [...reply.headers, 'X-Request-ID', id, 'Content-Length', length]
  headers.push('Connection', 'close')
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`)
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  const body = reply.body.kind === 'bytes' ? reply.body.bytes : Buffer.alloc(0)
  socket.end(Buffer.concat([head, body]))
  // Bytes still arriving would otherwise turn the answer into a reset.
  socket.resume()
  const linger = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(linger))
  linger.unref()
}

const LINGER_MS = 1000

function codeFor(
  error: NodeJS.ErrnoException & { readonly rawPacket?: Uint8Array },
  maxUriLength: number,
): RefusalCode {
  if (error.code !== 'HPE_HEADER_OVERFLOW') return 'invalid_request'
  const start = Buffer.from(error.rawPacket ?? []).subarray(0, maxUriLength + 32)
  return start.includes(0x0a) ? 'headers_too_large' : 'uri_too_long'
}

function bytesWritten(socket: Duplex): number {
  return 'bytesWritten' in socket && typeof socket.bytesWritten === 'number'
    ? socket.bytesWritten
    : 0
}
