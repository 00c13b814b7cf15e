// Slow and silent peers. A transfer may take as long as it likes while it moves; a peer that takes
// nothing for the stall timeout, while bytes wait for it, is cut off.

import { ServerResponse } from 'node:http'
import type { Http2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

const HTTP2_CANCEL = 8
/** How often in a stall timeout a stream is looked at. */
const LOOKS = 4
/** How long a peer may take to close its side. */
const LINGER_MS = 1000

export interface PeerTimeouts {
  readonly headerTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  readonly stallTimeoutMs: number
}

/**
 * Has Node time the connections of HTTP/1 on which bytes wait for their client, and only those: a
 * timer on every connection would be set anew for every read and write there is.
 */
export class StallWatch {
  #stallTimeoutMs = 0
  readonly #sockets = new Set<Socket>()
  #looks: NodeJS.Timeout | undefined

  constructor(timeouts: PeerTimeouts) {
    this.resize(timeouts)
  }

  /** From the next look on; whoever is timed already is timed as before. */
  resize({ stallTimeoutMs }: PeerTimeouts): void {
    clearInterval(this.#looks)
    this.#stallTimeoutMs = stallTimeoutMs
    this.#looks = setInterval(() => this.#look(), stallTimeoutMs / LOOKS).unref()
  }

  /** Until it is deleted. */
  watch(socket: Socket): void {
    this.#sockets.add(socket)
  }

  delete(socket: Socket): void {
    this.#sockets.delete(socket)
  }

  end(): void {
    clearInterval(this.#looks)
  }

  #look(): void {
    for (const socket of this.#sockets) {
      const isWaiting = (runningAnswer(socket)?.writableLength ?? 0) > 0
      if (isWaiting && (socket.timeout ?? 0) === 0) socket.setTimeout(this.#stallTimeoutMs)
    }
  }
}

/**
 * Called when nothing has moved on a connection: Node restarts a socket's timer whenever bytes move
 * either way and also while its write queue shrinks. Without bytes waiting it is the origin we wait
 * for, and not the peer; without an answer under way the connection is idle.
 */
export function cutIfStalled(socket: Duplex): void {
  const answer = runningAnswer(socket)
  if (answer === undefined) socket.destroy()
  else if (answer.writableLength > 0) answer.destroy()
}

/** An answer under way. */
export interface Answering {
  readonly writableLength: number
  destroy(): unknown
  on(event: 'close', listener: () => void): unknown
}

/** Connections that are not Node's. */
const own = new WeakMap<Duplex, { readonly running: Answering | undefined }>()

/** From now on, or until `undefined` is told. */
export function tellRunningAnswer(
  socket: Duplex,
  connection: { readonly running: Answering | undefined } | undefined,
): void {
  if (connection === undefined) own.delete(socket)
  else own.set(socket, connection)
}

/** On a connection of HTTP/1. Node itself decides by this field. */
export function runningAnswer(socket: Duplex): Answering | undefined {
  const connection = own.get(socket)
  if (connection !== undefined) return connection.running
  const running = '_httpMessage' in socket ? socket._httpMessage : undefined
  return running instanceof ServerResponse ? running : undefined
}

/** Bytes still arriving would turn the last answer into a reset: they are taken, for a while. */
export function linger(socket: Duplex): void {
  socket.resume()
  const end = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(end))
}

/** Node's end of a connection is a close, whatever the client is still sending. */
export function lingerAtEnd(socket: Socket): void {
  socket.destroySoon = () => {
    socket.end()
    linger(socket)
  }
}

/**
 * HTTP/2: streams stall each for itself, and a session that asks nothing is idle. Node's own timers
 * are not used: to them a PING or a piece of a request is activity, and so is another stream's.
 */
export function timeHttp2Session(session: Http2Session, limits: PeerTimeouts): void {
  const stalls = new StreamStalls()
  const looks = setInterval(() => stalls.look(), limits.stallTimeoutMs / LOOKS)
  let idle = setTimeout(endSession, limits.headerTimeoutMs, session)
  session.removeAllListeners('timeout')
  session.on('stream', (stream: ServerHttp2Stream) => {
    clearTimeout(idle)
    stalls.watch(stream)
    stream.on('close', () => {
      if (!stalls.forget(stream)) idle = setTimeout(endSession, limits.keepAliveTimeoutMs, session)
    })
  })
  session.on('close', () => {
    clearTimeout(idle)
    clearInterval(looks)
  })
}

/** In good order, and whether or not the peer closes its side too. */
export function endSession(session: Http2Session): void {
  if (session.destroyed) return
  const { destroySoon } = session.socket
  session.close()
  session.once('close', () => clearTimeout(linger))
  const linger = setTimeout(() => {
    if (session.destroyed) destroySoon()
  }, LINGER_MS)
}

class StreamStalls {
  /** How many looks in a row found bytes that wait and none that moved. */
  readonly #unmoved = new Map<ServerHttp2Stream, number>()

  watch(stream: ServerHttp2Stream): void {
    this.#unmoved.set(stream, 0)
    stream.on('drain', () => this.#unmoved.set(stream, 0))
  }

  /** Returns whether others are left. */
  forget(stream: ServerHttp2Stream): boolean {
    this.#unmoved.delete(stream)
    return this.#unmoved.size > 0
  }

  look(): void {
    for (const [stream, looks] of this.#unmoved) {
      if (looks >= LOOKS) stream.close(HTTP2_CANCEL)
      this.#unmoved.set(stream, stream.writableLength > 0 ? looks + 1 : 0)
    }
  }
}
