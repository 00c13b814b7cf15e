// An origin in the shape of S3 whose answers a test dictates, one after the other: for what no S3
// says of itself, and a cache has to understand.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

export interface Dictated {
  /** 200 unless said; a 200 to a request with a Range becomes the 206 that belongs to it. */
  readonly status?: number
  /** As they are; an array is several lines. A function is given the instant of the answer. */
  readonly headers?: Readonly<Record<string, string | string[] | ((now: number) => string)>>
  readonly body?: string
  /** 304 when the request's If-None-Match or If-Modified-Since says that it is the same. */
  readonly isConditional?: boolean
  /**
   * Tells no length, and sends the whole whatever is asked: in chunks, or up to where it closes the
   * connection; `cut` closes it before the last chunk.
   */
  readonly untold?: 'chunked' | 'until-closed' | 'cut'
  /** A HEAD tells the length all the same. */
  readonly isToldByHead?: boolean
}

export interface Asked {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly status: number
}

export interface DictatedOrigin extends AsyncDisposable {
  readonly endpoint: string
  /** The last answer is given to all further requests too. */
  dictate(key: string, answers: readonly Dictated[]): void
  asked(key: string): readonly Asked[]
}

export async function openDictatedOrigin(): Promise<DictatedOrigin> {
  const scripts = new Map<string, Dictated[]>()
  const log = new Map<string, Asked[]>()
  const server = createServer((request, response) => {
    const key = decodeURIComponent(
      (request.url ?? '').split('/').slice(2).join('/').split('?')[0] ?? '',
    )
    const script = scripts.get(key) ?? []
    const dictated = (script.length > 1 ? script.shift() : script[0]) ?? { status: 404 }
    const status = answer(dictated, request, response)
    const asked = log.get(key) ?? []
    log.set(key, asked)
    asked.push({ method: request.method ?? '', headers: request.headers, status })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    endpoint: `http://127.0.0.1:${port}`,
    dictate: (key, answers) => {
      scripts.set(key, [...answers])
      log.set(key, [])
    },
    asked: (key) => log.get(key) ?? [],
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function answer(dictated: Dictated, request: IncomingMessage, response: ServerResponse): number {
  const { status = 200, headers = {}, body = 'the body', isConditional = false } = dictated
  const now = Date.now()
  for (const [name, value] of Object.entries(headers)) {
    response.setHeader(name, typeof value === 'function' ? value(now) : value)
  }
  if (isConditional && isUnchanged(request, response)) return end(response, 304)
  if (status !== 200) return end(response, status)
  if (dictated.untold !== undefined) return answerUntold(dictated, request, response)
  const part = partOf(request.headers.range, body)
  response.setHeader('Content-Length', Buffer.byteLength(part.text))
  if (part.label !== undefined) response.setHeader('Content-Range', part.label)
  return end(response, part.status, request.method === 'HEAD' ? undefined : part.text)
}

function answerUntold(
  { untold, body = 'the body', isToldByHead = false }: Dictated,
  { method }: IncomingMessage,
  response: ServerResponse,
): number {
  if (method === 'HEAD') {
    if (isToldByHead) response.setHeader('Content-Length', Buffer.byteLength(body))
    return end(response, 200)
  }
  // Node sends a Transfer-Encoding unless it is told to send none.
  if (untold === 'until-closed') response.removeHeader('Transfer-Encoding')
  response.write(body)
  if (untold === 'cut') response.socket?.destroySoon()
  else response.end()
  return 200
}

function end(response: ServerResponse, status: number, text?: string): number {
  response.statusCode = status
  response.end(text)
  return status
}

function isUnchanged({ headers }: IncomingMessage, response: ServerResponse): boolean {
  const tag = headers['if-none-match']
  if (tag !== undefined) return tag === response.getHeader('ETag')
  const since = headers['if-modified-since']
  return since !== undefined && since === response.getHeader('Last-Modified')
}

interface Part {
  readonly status: number
  readonly text: string
  readonly label?: string
}

function partOf(range: string | undefined, body: string): Part {
  const match = /^bytes=(\d+)-(\d*)$/.exec(range ?? '')
  if (match === null) return { status: 200, text: body }
  const first = Number(match[1])
  const last = Math.min(match[2] === '' ? Infinity : Number(match[2]), body.length - 1)
  if (first > last) return { status: 416, text: '', label: `bytes */${body.length}` }
  const label = `bytes ${first}-${last}/${body.length}`
  return { status: 206, text: body.slice(first, last + 1), label }
}

/** A date so many seconds from the answer. */
export function secondsFromNow(seconds: number): (now: number) => string {
  return (now) => new Date(now + seconds * 1000).toUTCString()
}
