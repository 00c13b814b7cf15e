// The listener that clients reach: HTTP/1 and, with TLS, HTTP/2 on one port; its limits and
// timeouts; and its end, in which running transfers finish. What a request means is not known
// here.

import { createServer } from 'node:http'
import type {
  IncomingMessage,
  Server as HttpServer,
  ServerOptions as HttpServerOptions,
  ServerResponse,
} from 'node:http'
import { createSecureServer } from 'node:http2'
import type { Http2SecureServer, Http2Session } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import type { Address, ServerConfig } from '../config/server.ts'
import type { Emit } from '../exchange/event.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Proxy, RawRequest, Response } from '../proxy/proxy.ts'
import { cutIfStalled, timeHttp2Session } from './connections.ts'
import { answerParserError, writeRefusal } from './parser-refusal.ts'
import { readCertificate, watchCertificate } from './tls.ts'

export { usableCores } from './cpus.ts'
export { Threads } from './threads.ts'
export type { FromThread, ToThread } from './threads.ts'

export interface ServerOptions {
  readonly config: ServerConfig
  readonly proxy: Proxy
  /** Several threads listen on the one port. */
  readonly isShared: boolean
  readonly createId: () => string
  readonly emit: Emit
}

type AnyServer = HttpServer | Http2SecureServer

export class Server {
  readonly #options: ServerOptions
  readonly #server: AnyServer
  readonly #sessions = new Set<Http2Session>()
  readonly #sockets = new Set<Socket>()
  #watch: { close(): void } | undefined

  constructor(options: ServerOptions) {
    this.#options = options
    this.#server = createListener(options.config)
    this.#listenTo()
  }

  get scheme(): 'http' | 'https' {
    return this.#options.config.https === undefined ? 'http' : 'https'
  }

  async listen(): Promise<Address> {
    const { address, https } = this.#options.config
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(
        { ...address, backlog: BACKLOG, reusePort: this.#options.isShared },
        () => {
          this.#server.off('error', reject)
          resolve()
        },
      )
    })
    if (https !== undefined) this.#watchCertificate()
    return boundAddress(this.#server.address())
  }

  /** Takes no new connections, lets transfers finish until the signal, and cuts what is left. */
  async drain(signal: AbortSignal): Promise<number> {
    this.#watch?.close()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const session of this.#sessions) session.close()
    const sweep = setInterval(() => this.#closeIdle(), SWEEP_MS)
    this.#closeIdle()
    await Promise.race([closed, aborted(signal)])
    clearInterval(sweep)
    const left = this.#sockets.size
    for (const socket of this.#sockets) socket.destroy()
    await closed
    return left
  }

  #listenTo(): void {
    // The two kinds of server emit the same events here, but are typed apart.
    const server = this.#server as HttpServer
    const { createId, config } = this.#options
    const { maxUriLength } = config.limits
    server.on('request', this.#answer)
    // The body that a client asks leave to send is not wanted: the answer is given at once.
    server.on('checkContinue', this.#answer)
    server.on('checkExpectation', this.#answer)
    server.on('clientError', (error, socket) => {
      answerParserError(error, socket, { id: createId(), maxUriLength })
    })
    server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
      const headers = ['Allow', 'GET, HEAD, OPTIONS']
      writeRefusal(socket, new Refusal('method_not_allowed', { headers }), createId())
    })
    const track = (socket: Socket): void => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    }
    server.on('connection', track)
    this.#server.on('session', (session: Http2Session) => {
      this.#sessions.add(session)
      session.on('close', () => this.#sessions.delete(session))
      timeHttp2Session(session, config.limits)
    })
  }

  readonly #answer = (request: IncomingMessage, response: ServerResponse): void => {
    const client = request.socket.remoteAddress ?? ''
    // HTTP/2 reports a cancelled stream as an error of the request; its response closes too.
    request.on('error', ignore)
    response.on('timeout', () => cutIfStalled(response))
    const raw: RawRequest = request
    const written: Response = response
    void this.#options.proxy(raw, written, client)
  }

  #watchCertificate(): void {
    const { config, emit } = this.#options
    const server = this.#server
    if (config.https === undefined || !('setSecureContext' in server)) return
    this.#watch = watchCertificate(
      config.https,
      (options) => server.setSecureContext(options),
      emit,
    )
  }

  #closeIdle(): void {
    if ('closeIdleConnections' in this.#server) this.#server.closeIdleConnections()
  }
}

function createListener({ limits, https, http2 }: ServerConfig): AnyServer {
  // A target that is too long has a code of its own, so the parser must let it through.
  const maxHeaderSize = limits.maxHeaderBytes + limits.maxUriLength + 1024
  const http = {
    maxHeaderSize,
    requireHostHeader: false,
    connectionsCheckingInterval: Math.min(500, limits.headerTimeoutMs / 2),
    headersTimeout: limits.headerTimeoutMs,
    requestTimeout: limits.headerTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    noDelay: true,
  }
  const server = createAny(http, { limits, https, http2 })
  // Sockets of HTTP/1; HTTP/2 sessions get timers of their own. Missing from one of the types.
  Object.assign(server, { timeout: limits.stallTimeoutMs })
  // Bounded by their size; a bound by number would drop the rest in silence.
  if ('maxHeadersCount' in server) server.maxHeadersCount = 0
  return server
}

function createAny(
  http: HttpServerOptions,
  { limits, https, http2 }: Pick<ServerConfig, 'limits' | 'https' | 'http2'>,
): AnyServer {
  if (https === undefined) return createServer(http)
  const tls = { ...readCertificate(https), handshakeTimeout: limits.headerTimeoutMs }
  if (!http2) return createHttpsServer({ ...http, ...tls })
  const { maxHeaderSize = 0 } = http
  const settings = { maxHeaderListSize: maxHeaderSize }
  return createSecureServer({ ...http, ...tls, allowHTTP1: true, settings })
}

const BACKLOG = 4096
const SWEEP_MS = 100

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
