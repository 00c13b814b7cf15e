// Requests that need no parser: a whole head in one piece, for GET or HEAD, in the one way nearly every
// client writes it, with nothing in it that changes how a message is read. Whatever is written in any
// other way, lawful or not, is not read here at all: Node's parser reads it.

import type { IncomingHttpHeaders } from 'node:http'

import type { RawRequest } from '../proxy/proxy.ts'

export interface PlainRequest extends RawRequest {
  readonly method: 'GET' | 'HEAD'
  readonly url: string
  /** The client asks nothing more on the connection. */
  readonly isLast: boolean
}

interface Fields {
  /** As they came. */
  readonly text: string
  readonly rawHeaders: readonly string[]
  readonly headers: IncomingHttpHeaders
  readonly isLast: boolean
}

/** Longer heads are rare enough. */
const MOST_BYTES = 8 * 1024
const VERSION = ' HTTP/1.1\r\n'
const FIELD = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e]*)\r\n/y
/** With these there may be a body, an answer of another kind, or a list where others are texts. */
const LEFT_TO_NODE = new Set([
  'content-length',
  'transfer-encoding',
  'expect',
  'upgrade',
  'set-cookie',
  '__proto__',
])

/** Of one connection, whose client nearly always sends the same fields again. */
export class PlainRequests {
  #last: Fields | undefined

  /** Of what lies at the beginning of a room. Undefined: for Node's parser. */
  read(room: Buffer, bytes = room.length): PlainRequest | undefined {
    if (bytes > MOST_BYTES) return undefined
    const text = room.toString('latin1', 0, bytes)
    const method = methodOf(text)
    if (method === undefined) return undefined
    const from = method.length + 1
    const to = text.indexOf(' ', from)
    if (to < 0 || !text.startsWith(VERSION, to) || !isPlainTarget(text, from, to)) return undefined
    const fields = this.#fieldsOf(text.slice(to + VERSION.length))
    if (fields === undefined) return undefined
    const { rawHeaders, headers, isLast } = fields
    // A text of its own: what is kept under it must not keep the whole head.
    const url = room.toString('latin1', from, to)
    return { method, url, rawHeaders, headers, isLast, httpVersionMajor: 1, httpVersionMinor: 1 }
  }

  forget(): void {
    this.#last = undefined
  }

  #fieldsOf(text: string): Fields | undefined {
    if (this.#last?.text !== text) this.#last = readFields(text)
    return this.#last
  }
}

function methodOf(text: string): PlainRequest['method'] | undefined {
  if (text.startsWith('GET /')) return 'GET'
  return text.startsWith('HEAD /') ? 'HEAD' : undefined
}

function isPlainTarget(text: string, from: number, to: number): boolean {
  for (let index = from; index < to; index += 1) {
    const code = text.charCodeAt(index)
    if (code <= 0x20 || code >= 0x7f) return false
  }
  return true
}

/** Undefined unless all of it is fields, each there once, and the empty line after them. */
function readFields(text: string): Fields | undefined {
  const rawHeaders: string[] = []
  const headers: IncomingHttpHeaders = {}
  let at = 0
  while (at < text.length - 2) {
    FIELD.lastIndex = at
    const [line, name, value] = FIELD.exec(text) ?? []
    if (line === undefined || name === undefined || value === undefined) return undefined
    at += line.length
    const key = name.toLowerCase()
    if (LEFT_TO_NODE.has(key) || headers[key] !== undefined) return undefined
    const trimmed = value.trim()
    rawHeaders.push(name, trimmed)
    headers[key] = trimmed
  }
  if (at !== text.length - 2 || !text.endsWith('\r\n') || headers.host === undefined)
    return undefined
  const goesOn = headers.connection?.toLowerCase() ?? 'keep-alive'
  if (goesOn !== 'keep-alive' && goesOn !== 'close') return undefined
  return { text, rawHeaders, headers, isLast: goesOn === 'close' }
}
