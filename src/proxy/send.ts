// The only writer of the socket. Head and first bytes leave together; the source is held while
// the client is full, and let go when the client leaves. A body that breaks takes the connection
// with it: it is never ended as if it were whole.

import { Socket } from 'node:net'

import { monotonic } from '../primitives/clock.ts'
import { discardBody } from '../exchange/body.ts'
import type { Flow, Loan, Sink, StreamBody } from '../exchange/body.ts'
import { flatFields } from '../exchange/answer-head.ts'
import type { AnswerHead, Told } from '../exchange/answer-head.ts'
import type { Sent } from '../exchange/exchange.ts'
import type { Reply } from '../exchange/reply.ts'

/** The part of Node's two responses, of HTTP/1 and of HTTP/2, that is written to. */
export interface Response {
  readonly req: { readonly httpVersionMajor: number; readonly httpVersionMinor: number }
  readonly socket?: unknown
  readonly writableFinished: boolean
  readonly writableLength: number
  readonly destroyed?: boolean
  /** HTTP/2 alone. */
  readonly stream?: { readonly destroyed: boolean; close(code: number): void }
  writeHead(status: number, headers: string[]): unknown
  /** HTTP/1 alone: the same, of what is written already. */
  writeAnswerHead?(head: AnswerHead): void
  write(chunk: Uint8Array): boolean
  end(): unknown
  end(last: Uint8Array): unknown
  end(last: string, encoding: 'latin1'): unknown
  destroy(): unknown
  on(event: 'drain' | 'close', listener: () => void): unknown
  off(event: 'drain' | 'close', listener: () => void): unknown
}

/** What goes with every answer, whatever it is. */
export interface Manner {
  readonly told?: Told | undefined
  readonly headers: readonly string[]
  /** The connection is not to be used again after this answer. */
  readonly close: boolean
}

const NO_LOANS: readonly Loan[] = []
const HTTP2_INTERNAL_ERROR = 2
/** Up to here it costs less to copy a body behind its head than to write the two side by side. */
const ONE_PIECE_BYTES = 4096

/** The body broke before a byte of the answer left: there is still time for a proper no. */
export interface Unsent {
  readonly kind: 'unsent'
  readonly reason: Error
}

export type Sending = (Sent & { readonly kind: 'sent' }) | Unsent

/** `done` is called once: when everything has been written, or nothing can be any more. */
export function send(
  reply: Reply,
  response: Response,
  manner: Manner,
  done: (sending: Sending) => void,
): void {
  new Transmission(reply, response, manner, done).begin()
}

class Transmission implements Sink {
  readonly #reply: Reply
  readonly #response: Response
  readonly #manner: Manner
  readonly #done: (sending: Sending) => void
  #flow: Flow | undefined
  #isHeadOut = false
  #isEnded = false
  #isAwaitingDrain = false
  /** What the socket may still be reading from. */
  #loans: readonly Loan[] = NO_LOANS
  #bytes = 0
  #firstByteAt: number | undefined
  #broken: Error | undefined
  /** Since when the client has been waited for, and for how long before that. */
  #stalledAt: number | undefined
  #stalledMs = 0

  constructor(reply: Reply, response: Response, manner: Manner, done: (sending: Sending) => void) {
    this.#reply = reply
    this.#response = response
    this.#manner = manner
    this.#done = done
  }

  begin(): void {
    try {
      this.#begin()
    } catch (error) {
      this.#abandon()
      throw error
    }
  }

  #begin(): void {
    const { body } = this.#reply
    if (isGone(this.#response)) {
      discardBody(body)
      this.#report(false)
      return
    }
    this.#response.on('close', this.#onClose)
    if (body.kind === 'stream') {
      this.#stream(body)
      return
    }
    const bytes = body.kind === 'bytes' ? this.#borrow(body.bytes, body.loan) : undefined
    this.#writeHead()
    this.#finish(bytes)
  }

  write(given: Uint8Array, loan?: Loan): boolean {
    if (this.#isEnded) {
      loan?.giveBack()
      return true
    }
    this.#giveBackSent()
    const chunk = this.#borrow(given, loan)
    this.#writeHead()
    // The last bytes are known as such by the stated length: one write with the end.
    if (this.#bytes + chunk.byteLength === this.#reply.statedLength) {
      this.#finish(chunk)
      return true
    }
    this.#bytes += chunk.byteLength
    const goOn = this.#response.write(chunk)
    if (goOn) this.#giveBackSent()
    else this.#awaitDrain()
    return goOn
  }

  end(): void {
    if (this.#isEnded) return
    this.#writeHead()
    const { statedLength } = this.#reply
    if (statedLength !== undefined && statedLength !== this.#bytes) {
      this.fail(new Error('the body is not as long as stated'))
      return
    }
    this.#finish()
  }

  fail(reason: Error): void {
    if (this.#isEnded) return
    if (!this.#isHeadOut) {
      this.#isEnded = true
      this.#response.off('close', this.#onClose)
      this.#done({ kind: 'unsent', reason })
      return
    }
    this.#broken = reason
    this.#cutOff()
  }

  /** It cannot be written, which is a bug: whoever called hears of it, once, and nothing stays borrowed. */
  #abandon(): void {
    const { body } = this.#reply
    this.#isEnded = true
    this.#response.off('close', this.#onClose)
    if (body.kind === 'stream') body.discard()
    this.#giveBack()
  }

  #cutOff(): void {
    const { stream, req, socket } = this.#response
    if (stream !== undefined) stream.close(HTTP2_INTERNAL_ERROR)
    // HTTP/1.0 ends a body of untold length with the connection: only a reset says it is broken.
    else if (req.httpVersionMinor === 0 && socket instanceof Socket && !isTls(socket)) {
      socket.resetAndDestroy()
    } else this.#response.destroy()
  }

  #stream(body: StreamBody): void {
    this.#flow = body.start(this)
    // The client may have gone while the source was only starting.
    if (isGone(this.#response)) this.#flow.stop()
  }

  #awaitDrain(): void {
    this.#stalledAt ??= monotonic()
    if (this.#isAwaitingDrain) return
    this.#isAwaitingDrain = true
    this.#response.on('drain', this.#onDrain)
  }

  #writeHead(): void {
    if (this.#isHeadOut) return
    this.#isHeadOut = true
    this.#firstByteAt = monotonic()
    const { status, block, headers, statedLength } = this.#reply
    const { told, headers: common, close } = this.#manner
    let fields = common.length === 0 ? headers : [...headers, ...common]
    // Last: behind a Content-Length, Node takes a Content-Disposition for UTF-8.
    if (statedLength !== undefined) fields = [...fields, 'Content-Length', String(statedLength)]
    if (close && this.#isHttp1()) fields = [...fields, 'Connection', 'close']
    const head = { status, block, told, fields }
    const response = this.#response
    if (response.writeAnswerHead !== undefined) response.writeAnswerHead(head)
    else response.writeHead(status, flatFields(head))
  }

  #finish(last?: Uint8Array): void {
    this.#isEnded = true
    // From here on it is the client that is waited for.
    this.#stalledAt ??= this.#bytes === 0 ? this.#firstByteAt : monotonic()
    if (last === undefined) {
      this.#response.end()
      return
    }
    const isAllOfIt = this.#bytes === 0
    this.#bytes += last.byteLength
    if (isAllOfIt && last.byteLength <= ONE_PIECE_BYTES && this.#isHttp1()) {
      this.#response.end(latin1(last), 'latin1')
      this.#giveBack()
    } else this.#response.end(last)
  }

  /** HTTP/2 may read on after its stream was closed, so that it is given a copy. */
  #borrow(bytes: Uint8Array, loan: Loan | undefined): Uint8Array {
    if (loan === undefined) return bytes
    if (this.#isHttp1()) {
      this.#loans = this.#loans.length === 0 ? [loan] : [...this.#loans, loan]
      return bytes
    }
    const copy = Buffer.from(bytes)
    loan.giveBack()
    return copy
  }

  /** A client who is never full, or whose answer waits behind another, tells of it only so. */
  #giveBackSent(): void {
    if (this.#loans.length > 0 && this.#response.writableLength === 0) this.#giveBack()
  }

  #giveBack(): void {
    for (const loan of this.#loans) loan.giveBack()
    this.#loans = NO_LOANS
  }

  #isHttp1(): boolean {
    return this.#response.req.httpVersionMajor === 1
  }

  readonly #onDrain = (): void => {
    // Some releases of Node say so while an answer that waited behind another is only on its way.
    this.#giveBackSent()
    this.#goOn()
    this.#flow?.resume()
  }

  readonly #onClose = (): void => {
    if (this.#isAwaitingDrain) this.#response.off('drain', this.#onDrain)
    const isWhole = this.#isEnded && this.#response.writableFinished
    if (!isWhole) this.#flow?.stop()
    this.#isEnded = true
    this.#giveBack()
    this.#report(isWhole)
  }

  /** The client takes more. */
  #goOn(): void {
    if (this.#stalledAt === undefined || this.#isEnded) return
    this.#stalledMs += monotonic() - this.#stalledAt
    this.#stalledAt = undefined
  }

  #report(isWhole: boolean): void {
    const pending = isWhole ? 0 : this.#response.writableLength
    const endedAt = monotonic()
    this.#done({
      kind: 'sent',
      status: this.#isHeadOut ? this.#reply.status : 0,
      bytes: Math.max(0, this.#bytes - pending),
      isWhole,
      firstByteAt: this.#firstByteAt,
      endedAt,
      stalledMs: this.#stalledMs + endedAt - (this.#stalledAt ?? endedAt),
      broken: this.#broken,
    })
  }
}

/** The bytes as a string, which Node writes in one piece with the head. */
function latin1(bytes: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = bytes
  const same = bytes instanceof Buffer ? bytes : Buffer.from(buffer, byteOffset, byteLength)
  return same.toString('latin1')
}

/** Its end is announced within TLS, so that a mere close is no end. */
function isTls(socket: Socket): boolean {
  return 'encrypted' in socket
}

function isGone(response: Response): boolean {
  return response.destroyed === true || response.stream?.destroyed === true
}
