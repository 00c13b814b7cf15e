// The answer to a plain request, written straight onto its connection. It ends in the same turn in which
// the kernel has taken its last byte, without a tick in between.

import type { Socket } from 'node:net'

import type { AnswerHead } from '../exchange/answer-head.ts'
import type { Response } from '../proxy/proxy.ts'
import { headText } from './head-text.ts'

export interface PlainManner {
  readonly isHead: boolean
  /** Nothing more is asked on the connection. */
  readonly isLast: boolean
  /** Where more may be. */
  readonly keepAlive: string
}

type Listener = () => void

const NOBODY: readonly Listener[] = []
const HTTP_1_1 = { httpVersionMajor: 1, httpVersionMinor: 1 } as const
const CLOSE = 'Connection: close\r\n'
const CHUNKED = 'Transfer-Encoding: chunked\r\n'
const LAST_CHUNK = '0\r\n\r\n'
/** No field may hold it; only what good answers hold is known not to. */
const NOT_IN_A_FIELD = /[^\t\x20-\x7e\x80-\xff]/

export class PlainResponse implements Response {
  readonly req = HTTP_1_1
  readonly socket: Socket
  destroyed = false
  writableFinished = false
  readonly #manner: PlainManner
  readonly #ended: (isLast: boolean) => void
  /** What goes before the next bytes. */
  #head = ''
  #isLast: boolean
  #hasBody = false
  #isChunked = false
  #closed = NOBODY
  #drained = NOBODY

  /** `ended` is called when all of it has left. */
  constructor(socket: Socket, manner: PlainManner, ended: (isLast: boolean) => void) {
    this.socket = socket
    this.#manner = manner
    this.#isLast = manner.isLast
    this.#ended = ended
  }

  get writableLength(): number {
    return this.socket.writableLength
  }

  writeHead(status: number, fields: readonly string[]): void {
    this.writeAnswerHead({ status, block: undefined, told: undefined, fields })
  }

  writeAnswerHead(answerHead: AnswerHead): void {
    const { status, fields } = answerHead
    if (status !== 200 && status !== 206) checkFields(fields)
    const { isHead, keepAlive } = this.#manner
    const { text, hasLength, isLast } = headText(answerHead)
    this.#hasBody = !isHead && status !== 204 && status !== 304
    this.#isChunked = this.#hasBody && !hasLength
    let head = text
    if (isLast) this.#isLast = true
    else head += this.#isLast ? CLOSE : keepAlive
    if (this.#isChunked) head += CHUNKED
    this.#head = `${head}\r\n`
  }

  write(chunk: Uint8Array): boolean {
    const { socket } = this
    if (!this.#hasBody || chunk.byteLength === 0) return true
    socket.cork()
    this.#writeText(this.#takeHead() + this.#opened(chunk.byteLength))
    const goOn = socket.write(chunk)
    if (this.#isChunked) this.#writeText('\r\n')
    socket.uncork()
    // A large piece is said to be too much, though the kernel may have taken all of it.
    return goOn || (socket.writableLength === 0 && !socket.destroyed)
  }

  end(last?: Uint8Array | string): void {
    const { socket } = this
    if (typeof last === 'string') {
      const chunk = this.#hasBody ? this.#opened(last.length) + last : ''
      this.#writeText(this.#takeHead() + chunk + this.#closing(last.length))
    } else if (last === undefined || !this.#hasBody) {
      this.#writeText(this.#takeHead() + this.#closing(0))
    } else {
      socket.cork()
      this.#writeText(this.#takeHead() + this.#opened(last.byteLength))
      socket.write(last)
      this.#writeText(this.#closing(last.byteLength))
      socket.uncork()
    }
    if (socket.writableLength === 0) this.#finish()
    else socket.write('', () => this.#finish())
  }

  destroy(): void {
    this.socket.destroy()
  }

  on(event: 'drain' | 'close', listener: Listener): void {
    if (event === 'close') this.#closed = withOne(this.#closed, listener)
    else this.#drained = withOne(this.#drained, listener)
  }

  off(event: 'drain' | 'close', listener: Listener): void {
    const others = (one: Listener): boolean => one !== listener
    if (event === 'close') this.#closed = this.#closed.filter(others)
    else this.#drained = this.#drained.filter(others)
  }

  /** The connection takes more. */
  drain(): void {
    for (const listener of this.#drained) listener()
  }

  /** The connection has gone, and what has not left never will. */
  cut(): void {
    this.destroyed = true
    this.#close()
  }

  #finish(): void {
    // What could not be written is told of by the end of the connection.
    if (this.destroyed || this.socket.destroyed || this.socket.errored !== null) return
    this.writableFinished = true
    this.#close()
    this.#ended(this.#isLast)
  }

  #close(): void {
    for (const listener of this.#closed) listener()
  }

  #takeHead(): string {
    const head = this.#head
    this.#head = ''
    return head
  }

  #opened(bytes: number): string {
    return this.#isChunked && bytes > 0 ? `${bytes.toString(16)}\r\n` : ''
  }

  #closing(bytes: number): string {
    if (!this.#isChunked) return ''
    return bytes > 0 ? `\r\n${LAST_CHUNK}` : LAST_CHUNK
  }

  #writeText(text: string): void {
    if (text !== '') this.socket.write(text, 'latin1')
  }
}

function withOne(listeners: readonly Listener[], one: Listener): readonly Listener[] {
  return listeners.length === 0 ? [one] : [...listeners, one]
}

function checkFields(fields: readonly string[]): void {
  for (const field of fields) {
    if (NOT_IN_A_FIELD.test(field))
      throw new TypeError(`not for a header: ${JSON.stringify(field)}`)
  }
}
