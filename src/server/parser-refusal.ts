// What Node's parser refuses never becomes a request: it is answered here in the same shape as
// every other no, straight onto the socket, and the connection is closed.

import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

import { Refusal } from '../exchange/refusal.ts'
import type { RefusalCode } from '../exchange/refusal.ts'
import { bareHead, STRANGE_METHOD } from '../http/bare-answer.ts'
import { BYPASS, formatCacheStatus, xCache } from '../http/cache-status.ts'
import { refuse } from '../proxy/proxy.ts'
import { linger, runningAnswer } from './connections.ts'
import type { Answering } from './connections.ts'

const PAST_THE_CACHE = ['Cache-Status', formatCacheStatus(BYPASS), 'X-Cache', xCache(BYPASS)]
const ALLOW = ['Allow', 'GET, HEAD, OPTIONS']

type ParserError = NodeJS.ErrnoException & { readonly rawPacket?: Uint8Array }

/** Gives the code of the refusal, where one was answered. */
export function answerParserError(
  error: ParserError,
  socket: Duplex,
  options: { readonly id: string; readonly maxUriLength: number },
): RefusalCode | undefined {
  const isTimeout = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const running = runningAnswer(socket)
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') {
    socket.destroy()
  } else if (running !== undefined) {
    // A body that never comes is not waited for: the answer to its request ends the connection.
    if (!isTimeout) closeAfter(running, socket)
  } else if (isTimeout) {
    // Browsers connect before they ask, and would take a no for the answer to what they ask next.
    socket.destroy()
  } else {
    const isHead = textOf(error).startsWith('HEAD ')
    return writeRefusal(socket, refusalOf(error, options.maxUriLength), options.id, isHead)
  }
  return undefined
}

/** For what arrives where no response object exists. Gives the code, where it was answered. */
export function writeRefusal(
  socket: Duplex,
  refusal: Refusal,
  id: string,
  isHead = false,
): RefusalCode | undefined {
  const running = runningAnswer(socket)
  if (running !== undefined) {
    closeAfter(running, socket)
    return undefined
  }
  if (!socket.writable) return undefined
  const { status, headers, body } = refusalParts(refusal, id)
  const head = bareHead(status, headers)
  socket.end(isHead ? head : Buffer.concat([head, body]))
  linger(socket)
  return refusal.code
}

/** For a request that Node let through and that nobody should read. */
export function answerRefusal(response: ServerResponse, refusal: Refusal, id: string): void {
  const { status, headers, body } = refusalParts(refusal, id)
  response.writeHead(status, headers)
  response.end(body)
}

function refusalParts(refusal: Refusal, id: string): RefusalParts {
  const { status, headers, body } = refuse(refusal, { id, method: 'GET', headers: {}, query: '' })
  const bytes = body.kind === 'bytes' ? body.bytes : Buffer.alloc(0)
  const length = String(bytes.byteLength)
  const own = ['X-Request-ID', id, ...PAST_THE_CACHE, 'Accept-Ranges', 'bytes']
  const all = [...headers, ...own, 'Content-Length', length, 'Connection', 'close']
  return { status, headers: all, body: bytes }
}

interface RefusalParts {
  readonly status: number
  readonly headers: string[]
  readonly body: Uint8Array
}

/** An answer under way is not followed by another: nobody knows whose it would be. */
function closeAfter(running: Answering, socket: Duplex): void {
  running.on('close', () => {
    const next = runningAnswer(socket)
    if (next === undefined) socket.end()
    else closeAfter(next, socket)
  })
}

function refusalOf(error: ParserError, maxUriLength: number): Refusal {
  if (error.code === 'HPE_INVALID_METHOD' && STRANGE_METHOD.test(textOf(error))) {
    return new Refusal('method_not_allowed', { headers: ALLOW })
  }
  return new Refusal(codeFor(error, maxUriLength))
}

/** What the parser read last. */
function textOf({ rawPacket }: ParserError): string {
  return Buffer.from(rawPacket ?? []).toString('latin1')
}

function codeFor(error: ParserError, maxUriLength: number): RefusalCode {
  if (error.code === 'HPE_INVALID_URL') return 'invalid_path'
  if (error.code !== 'HPE_HEADER_OVERFLOW') return 'invalid_request'
  const start = Buffer.from(error.rawPacket ?? []).subarray(0, maxUriLength + 32)
  return start.includes(0x0a) ? 'headers_too_large' : 'uri_too_long'
}
