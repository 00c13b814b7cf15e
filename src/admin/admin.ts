// The operations listener: for operators and orchestrators, on an address of its own. What it
// reports and what it is told to do is handed to it; it knows no bucket and no proxy state.

import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'

import type { Address } from '../config/server.ts'
import { bytesBody, noBody } from '../exchange/body.ts'
import type { Emit } from '../exchange/event.ts'
import { countUp } from '../exchange/counts.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { RefusalCode } from '../exchange/refusal.ts'
import type { Reply } from '../exchange/reply.ts'
import { clientAddress } from '../http/forwarded.ts'
import { acceptRequestId } from '../http/request-id.ts'
import { AddressSet } from '../primitives/cidr.ts'
import type { Cidr } from '../primitives/cidr.ts'
import { answerStatus, refuse } from '../proxy/proxy.ts'
import { answerCall } from './calls.ts'
import type { Desks } from './calls.ts'
import { CallRegister } from './call-register.ts'
import { Console, isConsole } from './console.ts'
import { methodNotAllowed, ParserRefusals } from './parser-refusal.ts'

export type { CacheDesk, Purged } from './cache-desk.ts'
export type { Explain, LimitsDesk } from './calls.ts'
export type {
  PrewarmDesk,
  PrewarmProblem,
  PrewarmState,
  PrewarmTask,
  PrewarmTotals,
} from './prewarm-desk.ts'
export type { PrewarmListing, PrewarmOrder } from './prewarm-order.ts'
export type { PurgeOrder } from './purge-order.ts'
export type { LoggingDesk } from './logging-desk.ts'
export { openGate } from './gate.ts'
export type { Gate } from './gate.ts'
export type { Introspection } from './introspection.ts'
export { createPurging } from './purging.ts'
export type { TrafficDesk } from './traffic.ts'
export type { Reload, ReloadDesk, ReloadProblem, ReloadState } from './reload-desk.ts'

/** What may change is looked at for each request. */
export interface AdminOptions extends Desks {
  readonly address: Address
  readonly createId: () => string
  /** Whose word on where a call came from is taken. */
  readonly trustedProxies: readonly Cidr[]
  readonly emit: Emit
  /** Undefined: there are none. */
  readonly metrics: ((accept: string | undefined) => Promise<MetricsText>) | undefined
}

export interface MetricsText {
  readonly contentType: string
  readonly text: string
}

export class Admin {
  readonly #options: AdminOptions
  readonly #register: CallRegister
  /** Whose word is taken, and the settings that say so. */
  #trusted: { readonly by: readonly Cidr[]; readonly set: AddressSet }
  readonly #refusals = new Map<RefusalCode, number>()
  readonly #parserRefusals: ParserRefusals
  readonly #server: Server
  /** Read from its files when somebody first asks for it. */
  #console: Console | undefined

  constructor(options: AdminOptions) {
    this.#options = options
    this.#register = new CallRegister(options.emit)
    this.#trusted = { by: [], set: new AddressSet([]) }
    this.#parserRefusals = new ParserRefusals(options.createId)
    // Without a Host it is refused here, and not by Node.
    const settings = { headersTimeout: 10_000, requestTimeout: 10_000, requireHostHeader: false }
    this.#server = createServer(settings)
    this.#listenTo(this.#server)
  }

  listen(): Promise<Address> {
    const { host, port } = this.#options.address
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject)
        const bound = this.#server.address()
        resolve(
          typeof bound === 'object' && bound !== null ? { host, port: bound.port } : { host, port },
        )
      })
    })
  }

  /** How often it said no, by the code of the answer. */
  get refusals(): ReadonlyMap<string, number> {
    return this.#refusals
  }

  async close(): Promise<void> {
    this.#register.close()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #listenTo(server: Server): void {
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      void this.#answer(request, response)
    }
    server.on('request', answer)
    server.on('checkExpectation', answer)
    server.on('clientError', (error, socket) => {
      this.#count(this.#parserRefusals.answer(error, socket))
    })
    server.on('connect', (_, socket) => {
      // Node listens to it no more, and an error that nobody listens to ends the process.
      socket.on('error', () => socket.destroy())
      this.#count(this.#parserRefusals.refuse(socket, methodNotAllowed()))
    })
  }

  #count(code: RefusalCode | undefined): void {
    if (code !== undefined) countUp(this.#refusals, code)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = request.headers['x-request-id']
    const own = typeof asked === 'string' ? acceptRequestId(asked) : undefined
    const id = own ?? this.#options.createId()
    this.#parserRefusals.begin({ id, request, response })
    const reply = await this.#replyTo(request, id).catch((error: unknown) => {
      const refusal = error instanceof Refusal ? error : this.#bug(error, id)
      this.#count(refusal.code)
      const { method = '', headers } = request
      return refuse(refusal, { id, method, headers, query: '' })
    })
    const length = reply.statedLength ?? 0
    const headers = [...reply.headers, 'X-Request-ID', id, 'Content-Length', String(length)]
    // What was not read of an order is not waited for.
    if (!request.complete || !isOneRequest(request)) headers.push('Connection', 'close')
    response.writeHead(reply.status, headers)
    response.end(reply.body.kind === 'bytes' ? reply.body.bytes : undefined)
  }

  async #replyTo(request: IncomingMessage, id: string): Promise<Reply> {
    if (!isOneRequest(request)) throw new Refusal('invalid_request')
    const { method = '', url = '' } = request
    const path = url.split('?', 1)[0] ?? ''
    if (path.startsWith('/admin/')) return this.#call(request, id)
    // Where nobody could sign in there is none, as there is no /admin.
    if (isConsole(path) && this.#options.gate !== undefined) {
      this.#console ??= new Console()
      return this.#console.answer(method, path, request.headers)
    }
    const isRead = method === 'GET' || method === 'HEAD'
    const known = isRead ? answerStatus({ method, path }, this.#options.status) : undefined
    if (known !== undefined) return known
    const { metrics } = this.#options
    if (isRead && path === '/metrics' && metrics !== undefined) {
      return metricsReply(await metrics(request.headers.accept), method)
    }
    if (isRead) throw new Refusal('no_route')
    throw methodNotAllowed()
  }

  #call(request: IncomingMessage, requestId: string): Promise<Reply> {
    const { remoteAddress = '' } = request.socket
    const clientIp = clientAddress(remoteAddress, request.headers, this.#trustedNow())
    return answerCall(request, { clientIp, requestId }, this.#options, this.#register)
  }

  #trustedNow(): AddressSet {
    const { trustedProxies: by } = this.#options
    if (this.#trusted.by !== by) this.#trusted = { by, set: new AddressSet(by) }
    return this.#trusted.set
  }

  #bug(error: unknown, requestId: string): Refusal {
    this.#options.emit({ kind: 'bug', error, requestId })
    return new Refusal('internal_error', { cause: error })
  }
}

// Two hosts are one request to us and another to whoever stands before us. Node lets them through, and
// takes 'HTTP/2.0' on a request line of HTTP/1.
function isOneRequest({
  rawHeaders,
  httpVersionMajor,
  httpVersionMinor,
}: IncomingMessage): boolean {
  if (httpVersionMajor !== 1) return false
  const names = rawHeaders.filter((_, index) => index % 2 === 0)
  const hosts = names.filter((name) => name.toLowerCase() === 'host').length
  return hosts === 1 || (hosts === 0 && httpVersionMinor === 0)
}

function metricsReply({ contentType, text }: MetricsText, method: string): Reply {
  const bytes = Buffer.from(text)
  const headers = ['Content-Type', contentType, 'Cache-Control', 'no-store']
  const body = method === 'HEAD' ? noBody : bytesBody(bytes)
  return { status: 200, headers, body, statedLength: bytes.byteLength }
}
