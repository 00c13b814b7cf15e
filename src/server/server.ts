// The listener that clients reach: what becomes of its connections, and its end, in which running
// transfers finish. What a request means is not known here.

import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import type { Http2Session } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import type { Address, HttpsConfig, ServerConfig } from '../config/server.ts'
import { countUp } from '../exchange/counts.ts'
import type { ServerCounts } from '../exchange/counts.ts'
import type { Emit } from '../exchange/event.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { RefusalCode } from '../exchange/refusal.ts'
import type { Proxy, RawRequest, Response } from '../proxy/proxy.ts'
import { cutIfStalled, endSession, StallWatch, timeHttp2Session } from './connections.ts'
import { createListener, retuneListener } from './listener.ts'
import type { Listener } from './listener.ts'
import { answerParserError, answerRefusal, writeRefusal } from './parser-refusal.ts'
import { ProxyGreeting } from './proxy-greeting.ts'
import { ShortWay } from './short-way.ts'
import { readCertificate, watchCertificate } from './tls.ts'

export { usableCores } from './cpus.ts'
export { Threads } from './threads.ts'
export type { DrainTimes, FromThread, ToThread } from './threads.ts'

export interface ServerOptions {
  readonly config: ServerConfig
  readonly proxy: Proxy
  /** Several threads listen on the one port. */
  readonly isShared: boolean
  readonly createId: () => string
  readonly emit: Emit
  /** Told of what was refused and never became an exchange. */
  readonly unheard: (refused: Unheard) => void
}

export interface Unheard {
  readonly requestId: string
  readonly clientIp: string
  readonly code: RefusalCode
  readonly status: number
}

const BACKLOG = 4096
const SWEEP_MS = 100
/** How long, at the end, a new connection may take to ask something, and a cut one to be noted. */
const LAST_CALL_MS = 1000

export class Server {
  readonly #options: ServerOptions
  readonly #listener: Listener
  readonly #sessions = new Set<Http2Session>()
  readonly #sockets = new Set<Socket>()
  /** Those that have not asked anything yet. */
  readonly #unasked = new Set<Duplex>()
  #config: ServerConfig
  readonly #stalls: StallWatch
  /** Undefined where connections begin with what the client says. */
  readonly #greeting: ProxyGreeting | undefined
  readonly #shortWay: ShortWay
  readonly #refusals = new Map<RefusalCode, number>()
  /** One for all connections, most of which are idle. */
  readonly #forget: (this: Socket) => void
  #running = 0
  #lastEnded: (() => void) | undefined
  #isDraining = false
  #watch: { close(): void } | undefined

  constructor(options: ServerOptions) {
    this.#options = options
    this.#config = options.config
    this.#stalls = new StallWatch(options.config.limits)
    this.#listener = createListener(options.config)
    this.#forget = forgetIn([this.#sockets, this.#unasked, this.#stalls])
    this.#greeting = greetingFor(options)
    this.#shortWay = new ShortWay(options.config.limits, (request, response, socket) => {
      this.#unasked.delete(socket)
      this.#run(request, response, this.#clientOf(socket))
    })
    this.#shortWay.guard(this.#listener, asking(options.config))
    this.#greeting?.guard(this.#listener)
    this.#listenTo()
  }

  async listen(): Promise<Address> {
    const { address, https } = this.#options.config
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('error', reject)
      this.#listener.listen(
        { ...address, backlog: BACKLOG, reusePort: this.#options.isShared },
        () => {
          this.#listener.off('error', reject)
          resolve()
        },
      )
    })
    if (https !== undefined) this.#watchCertificate(https)
    return boundAddress(this.#listener.address())
  }

  /** Makes ready what another configuration needs, and throws where that cannot be; what is given puts it in force. */
  prepare(config: ServerConfig): () => void {
    const { https } = config
    const certificate = https && readCertificate(https)
    return () => {
      const listener = this.#listener
      this.#config = config
      retuneListener(listener, config.limits)
      this.#stalls.resize(config.limits)
      this.#shortWay.retune(config.limits)
      if (config.proxyProtocol !== undefined) {
        this.#greeting?.retune(config.proxyProtocol, config.limits.headerTimeoutMs)
      }
      if (https === undefined || certificate === undefined) return
      if ('setSecureContext' in listener) listener.setSecureContext(certificate)
      this.#watchCertificate(https)
    }
  }

  counts(): ServerCounts {
    return {
      running: this.#running,
      connections: this.#sockets.size,
      refusals: this.#refusals,
    }
  }

  /** Takes no new connections, lets transfers finish until the signal, and cuts what is left. */
  async drain(signal: AbortSignal): Promise<number> {
    this.#isDraining = true
    this.#watch?.close()
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()))
    for (const session of this.#sessions) endSession(session)
    const sweep = setInterval(() => this.#closeIdle(), SWEEP_MS)
    const lastCall = setTimeout(() => destroyAll(this.#unasked), LAST_CALL_MS)
    await Promise.race([closed, aborted(signal)])
    clearInterval(sweep)
    clearTimeout(lastCall)
    const left = [...this.#sockets].filter((socket) => !socket.destroyed)
    destroyAll(left)
    await closed
    await this.#exchangesEnded()
    this.#stalls.end()
    this.#shortWay.end()
    return left.length
  }

  /** Their last facts are noted after their connections have closed. */
  async #exchangesEnded(): Promise<void> {
    if (this.#running === 0) return
    const ended = new Promise<void>((resolve) => (this.#lastEnded = resolve))
    await Promise.race([ended, aborted(AbortSignal.timeout(LAST_CALL_MS))])
  }

  #listenTo(): void {
    // The kinds of server emit the same events here, but are typed apart.
    const listener = this.#listener as HttpServer
    const { createId, config } = this.#options
    listener.on('request', this.#answer)
    // The body that a client asks leave to send is not wanted: the answer is given at once.
    listener.on('checkContinue', this.#answer)
    listener.on('checkExpectation', this.#answer)
    listener.on('clientError', (error, socket) => {
      const id = createId()
      const { maxUriLength } = this.#config.limits
      this.#refused(answerParserError(error, socket, { id, maxUriLength }), id, socket)
    })
    listener.on('connect', this.#refuseConnect)
    listener.on('timeout', cutIfStalled)
    listener.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', this.#forget)
    })
    const asks = asking(config)
    listener.on(asks, (socket: Socket) => {
      if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') return
      this.#unasked.add(socket)
      this.#stalls.watch(socket)
      // Of a plain connection that is the same event again.
      if (asks === 'secureConnection') socket.on('close', this.#forget)
    })
    this.#listener.on('session', (session: Http2Session) => this.#welcome(session))
  }

  #welcome(session: Http2Session): void {
    this.#sessions.add(session)
    session.on('close', () => this.#sessions.delete(session))
    timeHttp2Session(session, this.#config.limits)
    if (this.#isDraining) endSession(session)
  }

  readonly #answer = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request
    this.#unasked.delete(socket)
    if ('stream' in response) {
      // HTTP/2 reports a cancelled stream as an error of the request; its response closes too.
      request.on('error', ignore)
    }
    if (request.httpVersionMajor !== 1 && !('stream' in response)) {
      // Node takes 'HTTP/2.0' on a request line of HTTP/1.
      const id = this.#options.createId()
      answerRefusal(response, new Refusal('invalid_request'), id)
      this.#refused('invalid_request', id, socket)
      return
    }
    this.#run(request, response, this.#clientOf(socket))
  }

  #clientOf(socket: Socket): string {
    const greeting = this.#greeting
    const peer = greeting === undefined ? socket.remoteAddress : greeting.clientOf(socket)
    return peer ?? ''
  }

  #run(raw: RawRequest, response: Response, client: string): void {
    this.#running += 1
    this.#options.proxy(raw, response, client, this.#ended)
  }

  readonly #ended = (): void => {
    this.#running -= 1
    if (this.#running === 0) this.#lastEnded?.()
  }

  /** HTTP/2 hands over a response where HTTP/1 hands over the socket. */
  readonly #refuseConnect = (request: IncomingMessage, to: Duplex | ServerResponse): void => {
    if ('writeHead' in to) {
      this.#answer(request, to)
      return
    }
    // Node listens to it no more, and an error that nobody listens to ends the process.
    to.on('error', () => to.destroy())
    const headers = ['Allow', 'GET, HEAD, OPTIONS']
    const refusal = new Refusal('method_not_allowed', { headers })
    const id = this.#options.createId()
    this.#refused(writeRefusal(to, refusal, id), id, to)
  }

  /** What never became an exchange. */
  #refused(code: RefusalCode | undefined, requestId: string, socket: Duplex): void {
    if (code === undefined) return
    countUp(this.#refusals, code)
    const { status } = new Refusal(code)
    // The types say Duplex of every socket there is.
    const clientIp = this.#clientOf(socket as Socket)
    this.#options.unheard({ requestId, clientIp, code, status })
  }

  #closeIdle(): void {
    this.#shortWay.closeIdle()
    // The types do not know it of HTTP/2, which has it for the HTTP/1 on its port.
    if ('closeIdleConnections' in this.#listener) this.#listener.closeIdleConnections()
  }

  #watchCertificate(https: HttpsConfig): void {
    this.#watch?.close()
    const { emit } = this.#options
    const listener = this.#listener
    if (!('setSecureContext' in listener) || this.#isDraining) return
    this.#watch = watchCertificate(https, (options) => listener.setSecureContext(options), emit)
  }
}

/** The event after which a client may ask. */
function asking({ https }: ServerConfig): 'connection' | 'secureConnection' {
  return https === undefined ? 'connection' : 'secureConnection'
}

function greetingFor({ config, emit }: ServerOptions): ProxyGreeting | undefined {
  const { proxyProtocol, limits } = config
  if (proxyProtocol === undefined) return undefined
  return new ProxyGreeting({ config: proxyProtocol, timeoutMs: limits.headerTimeoutMs, emit })
}

/** Of the socket that it is called for. */
function forgetIn(places: readonly { delete(socket: Socket): unknown }[]): (this: Socket) => void {
  return function forget() {
    for (const place of places) place.delete(this)
  }
}

function destroyAll(sockets: Iterable<Duplex>): void {
  for (const socket of sockets) socket.destroy()
}

function ignore(): void {
  // Nothing to do: whoever waits for the answer learns of it from the response.
}

function boundAddress(address: string | AddressInfo | null): Address {
  if (address === null || typeof address === 'string') return { host: '', port: 0 }
  return { host: address.address, port: address.port }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
