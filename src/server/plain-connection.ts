// A connection of a client who asks plainly, one request after the other. The first thing that is not
// plain makes it Node's, for good.

import type { Socket } from 'node:net'

import { readBare } from './bare-reading.ts'
import type { Take } from './bare-reading.ts'
import { cutIfStalled, linger, lingerAtEnd, tellRunningAnswer } from './connections.ts'
import { handOn } from './hand-on.ts'
import { PlainRequests } from './plain-request.ts'
import type { PlainRequest } from './plain-request.ts'
import { PlainResponse } from './plain-response.ts'

export interface Terms {
  /** The lines of an answer after which more may be asked. */
  readonly keepAlive: string
  /** How long nothing may be asked. */
  readonly untilFirstMs: number
  readonly betweenMs: number
}

/** What a connection is told by the listener it belongs to. */
export interface Keeper {
  /** For those who come now; they are kept to it, whatever is said later. */
  readonly terms: Terms
  answer(request: PlainRequest, response: PlainResponse, socket: Socket): void
  /** To Node. */
  welcome(socket: Socket): void
  left(connection: PlainConnection): void
}

/** What comes before its turn is read for so long, so that the end of a connection is heard of. */
const MOST_EARLY_BYTES = 64 * 1024

export class PlainConnection {
  readonly #socket: Socket
  readonly #keeper: Keeper
  readonly #terms: Terms
  readonly #requests = new PlainRequests()
  /** Undefined: it is read as one from the start. */
  readonly #becomeStream: (() => void) | undefined
  #running: PlainResponse | undefined
  /** What came before the last answer had left. */
  #early: Buffer[] = []
  #earlyBytes = 0
  #hasAsked = false
  /** Since it was last looked at. */
  #hasMoved = true
  #quietSince = 0

  constructor(socket: Socket, keeper: Keeper) {
    this.#socket = socket
    this.#keeper = keeper
    this.#terms = keeper.terms
    tellRunningAnswer(socket, this)
    this.#becomeStream = readBare(socket, this.#take)
    this.#listen('on')
  }

  get running(): PlainResponse | undefined {
    return this.#running
  }

  /** It has had its answer, and asks nothing. */
  get isIdle(): boolean {
    return this.#hasAsked && this.#running === undefined && !this.#socket.writableEnded
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Ends it where nothing has been asked for so long; between two looks it may have moved. */
  look(at: number): void {
    if (this.#hasMoved || this.#running !== undefined) {
      this.#hasMoved = false
      this.#quietSince = at
      return
    }
    this.#requests.forget()
    const { untilFirstMs, betweenMs } = this.#terms
    const most = this.#hasAsked ? betweenMs : untilFirstMs
    if (at - this.#quietSince >= most) this.#socket.destroy()
  }

  readonly #take: Take = (room, bytes) => {
    // It has had its last answer, and nobody reads on.
    if (this.#socket.writableEnded) return
    if (this.#running !== undefined) {
      this.#early.push(copyOf(room, bytes))
      this.#earlyBytes += bytes
      if (this.#earlyBytes > MOST_EARLY_BYTES) this.#socket.pause()
      return
    }
    const request = this.#requests.read(room, bytes)
    if (request === undefined) {
      this.#handOn(copyOf(room, bytes))
      return
    }
    this.#hasAsked = true
    this.#hasMoved = true
    const { keepAlive } = this.#terms
    const manner = { isHead: request.method === 'HEAD', isLast: request.isLast, keepAlive }
    const response = new PlainResponse(this.#socket, manner, this.#ended)
    this.#running = response
    this.#keeper.answer(request, response, this.#socket)
  }

  readonly #takeChunk = (chunk: Buffer): void => this.#take(chunk, chunk.length)

  readonly #ended = (isLast: boolean): void => {
    const socket = this.#socket
    this.#running = undefined
    if (isLast) {
      socket.end()
      linger(socket)
      return
    }
    if (socket.timeout !== undefined && socket.timeout > 0) socket.setTimeout(0)
    if (this.#early.length > 0) this.#handOn(Buffer.concat(this.#early))
  }

  #handOn(bytes: Buffer): void {
    const socket = this.#socket
    this.#listen('off')
    this.#becomeStream?.()
    tellRunningAnswer(socket, undefined)
    lingerAtEnd(socket)
    this.#keeper.left(this)
    handOn(socket, bytes, () => {
      this.#keeper.welcome(socket)
      // Node's parser takes a connection of TLS for itself, and refuses what of it comes while it waits
      // with the next request. Where somebody else listens, too, it lets it flow.
      if ('encrypted' in socket) socket.on('data', ignore)
    })
  }

  #listen(turn: 'on' | 'off'): void {
    const socket = this.#socket
    if (this.#becomeStream === undefined) socket[turn]('data', this.#takeChunk)
    socket[turn]('end', this.#end)
    socket[turn]('drain', this.#drain)
    socket[turn]('timeout', this.#timeout)
    socket[turn]('error', ignore)
    socket[turn]('close', this.#close)
  }

  /** As Node has it: who says goodbye while waiting has left. */
  readonly #end = (): void => {
    this.#socket.end()
  }

  readonly #drain = (): void => this.#running?.drain()

  readonly #timeout = (): void => cutIfStalled(this.#socket)

  readonly #close = (): void => {
    this.#keeper.left(this)
    this.#running?.cut()
  }
}

function copyOf(room: Buffer, bytes: number): Buffer {
  return Buffer.from(room.subarray(0, bytes))
}

function ignore(): void {
  // Whoever waits learns of it by other ways: of an end by the close, of bytes as a listener, too.
}
