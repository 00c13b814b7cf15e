// A small HTTP client for tests. It sends a path exactly as given, keeps raw headers, and reports
// a body that broke off instead of throwing it away.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'

export type HeaderPairs = readonly (readonly [string, string])[]

export interface RequestOptions {
  readonly method?: string
  /** Pairs go out in this order and spelling, repeated names included. */
  readonly headers?: HeaderPairs | Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly agent?: http.Agent
  readonly rejectUnauthorized?: boolean
  readonly signal?: AbortSignal
}

export interface Head {
  readonly status: number
  readonly statusText: string
  readonly headers: http.IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
}

export interface Answer extends Head {
  readonly body: Buffer
  readonly text: string
  /** The connection broke before the body was complete; `error` says how. */
  readonly aborted: boolean
  readonly error: Error | undefined
}

export interface Download extends Head {
  readonly bytes: number
  readonly sha256: string
  readonly aborted: boolean
  readonly error: Error | undefined
}

export interface DownloadOptions extends RequestOptions {
  /** Awaited before the next chunk is read, so a slow one makes a slow reader. */
  readonly onChunk?: (chunk: Buffer, bytesBefore: number) => void | Promise<void>
  /** Leaves, without a goodbye, once this many bytes have come. */
  readonly abortAfter?: number
}

/** Rejects only when no answer came at all. */
export async function request(url: string, options: RequestOptions = {}): Promise<Answer> {
  const response = await send(url, options)
  const chunks: Buffer[] = []
  const error = await read(response, (chunk) => void chunks.push(chunk))
  const body = Buffer.concat(chunks)
  return { ...headOf(response), body, text: body.toString(), aborted: !response.complete, error }
}

/** Reads a body without keeping it. */
export async function download(url: string, options: DownloadOptions = {}): Promise<Download> {
  const response = await send(url, options)
  const hash = createHash('sha256')
  let bytes = 0
  const error = await read(response, async (chunk) => {
    hash.update(chunk)
    await options.onChunk?.(chunk, bytes)
    bytes += chunk.length
    if (bytes >= (options.abortAfter ?? Infinity)) response.destroy()
  })
  const aborted = !response.complete
  return { ...headOf(response), bytes, sha256: hash.digest('hex'), aborted, error }
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

export interface RawAnswer {
  /** Everything the server wrote, one character a byte. */
  readonly text: string
  readonly closed: boolean
}

/**
 * Writes bytes to a socket and gives what came back: when the server closes, when `until` has
 * appeared, or when `timeoutMs` is over, whichever is first.
 */
export async function rawExchange(
  port: number,
  bytes: string | Uint8Array,
  options: { until?: string; timeoutMs?: number } = {},
): Promise<RawAnswer> {
  const socket = net.connect(port, '127.0.0.1')
  let text = ''
  let closed = false
  const ended = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, options.timeoutMs ?? 5000)
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part
      if (options.until !== undefined && text.includes(options.until)) resolve()
    })
    socket.on('end', () => (closed = true))
    // A reset is one of the ways a server closes.
    socket.on('error', () => (closed = true))
    socket.on('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  await ended
  socket.destroy()
  return { text, closed }
}

async function send(url: string, options: RequestOptions): Promise<http.IncomingMessage> {
  const { isTls, host, path } = splitUrl(url)
  const { hostname, port } = new URL(`${isTls ? 'https' : 'http'}://${host}`)
  const outgoing = (isTls ? https : http).request({
    host: hostname.replaceAll(/[[\]]/g, ''),
    port: port === '' ? (isTls ? 443 : 80) : Number(port),
    path,
    method: options.method ?? 'GET',
    headers: headerList(options, host),
    agent: options.agent ?? false,
    ...(options.rejectUnauthorized !== undefined && {
      rejectUnauthorized: options.rejectUnauthorized,
    }),
    ...(options.signal && { signal: options.signal }),
  })
  const answered = once(outgoing, 'response')
  outgoing.end(options.body)
  const [response]: http.IncomingMessage[] = await answered
  if (response === undefined) throw new Error(`no answer from ${url}`)
  // The connection may break after the answer has begun; the reader of the body tells of it.
  outgoing.on('error', () => {})
  return response
}

/** By hand, since `new URL()` folds `x/../y` and re-encodes what a test wants sent as it is. */
function splitUrl(url: string): { isTls: boolean; host: string; path: string } {
  const match = /^(https?):\/\/([^/?]+)(.*)$/s.exec(url)
  if (match === null) throw new Error(`not an http(s) URL: ${url}`)
  const [, scheme, host = '', path = ''] = match
  return { isTls: scheme === 'https', host, path: path.startsWith('/') ? path : `/${path}` }
}

/** Node adds no headers of its own to a list, so the ones HTTP needs are added here. */
function headerList(options: RequestOptions, host: string): string[] {
  const given = options.headers ?? {}
  const pairs: [string, string][] = isPairs(given)
    ? given.map(([name, value]) => [name, value])
    : Object.entries(given)
  const has = (name: string): boolean => pairs.some(([key]) => key.toLowerCase() === name)
  if (!has('host')) pairs.unshift(['Host', host])
  if (options.body !== undefined && !has('content-length') && !has('transfer-encoding'))
    pairs.push(['Content-Length', String(Buffer.byteLength(options.body))])
  return pairs.flat()
}

function isPairs(headers: HeaderPairs | Readonly<Record<string, string>>): headers is HeaderPairs {
  return Array.isArray(headers)
}

/** Gives the error that broke the body, if one did; what `onChunk` throws is thrown on. */
async function read(
  response: http.IncomingMessage,
  onChunk: (chunk: Buffer) => void | Promise<void>,
): Promise<Error | undefined> {
  let broken: Error | undefined
  response.on('error', (error) => (broken = error))
  try {
    for await (const chunk of response) await onChunk(chunk)
  } catch (error) {
    if (error !== broken && !isPrematureClose(error)) throw error
    broken ??= error instanceof Error ? error : undefined
  }
  return broken
}

function isPrematureClose(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'
}

function headOf(response: http.IncomingMessage): Head {
  return {
    status: response.statusCode ?? 0,
    statusText: response.statusMessage ?? '',
    headers: response.headers,
    rawHeaders: response.rawHeaders,
  }
}
