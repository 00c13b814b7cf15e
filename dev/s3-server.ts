// A folder, and whatever a test puts beside it, served over S3's REST API on a loopback port: the
// origin of `npm start` and of the behaviour tests. It is strict where a real S3 is strict, and it
// fails on request. It is for development: nothing below `src/` may know of it, nor it of `src/`.

import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Socket } from 'node:net'

import { Buckets } from './buckets.ts'
import type { BucketOptions } from './buckets.ts'
import { Faults } from './faults.ts'
import type { Fault, FaultRule } from './faults.ts'
import { Folder } from './folder.ts'
import type { PutBody, PutOptions } from './objects.ts'
import type { Quirks } from './quirks.ts'
import { RequestLog } from './request-log.ts'
import type { LoggedRequest } from './request-log.ts'
import { serve } from './serve.ts'
import type { Origin } from './serve.ts'
import type { Credential } from './verify-sigv4.ts'

export type { BucketOptions, Credential, Fault, FaultRule, LoggedRequest, PutBody, PutOptions }
export { generateBytes } from './object-bytes.ts'

export interface S3ServerOptions {
  /** Its folders are buckets. */
  readonly root?: string
  readonly credentials: readonly Credential[]
  /** 0 picks a free one. */
  readonly port?: number
  readonly host?: string
  readonly region?: string
  /** With `s3.localhost`, a request to the host `b.s3.localhost` is for the bucket `b`. */
  readonly virtualHostSuffix?: string
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
  readonly clock?: () => number
  readonly quirks?: Quirks
}

export async function openS3Server(options: S3ServerOptions): Promise<S3Server> {
  const server = new S3Server(options)
  await server.restart()
  return server
}

export class S3Server {
  readonly #options: S3ServerOptions
  readonly #server: Server
  readonly #buckets: Buckets
  readonly #faults = new Faults()
  readonly #log = new RequestLog()
  /** As they were accepted, under TLS too, by the port of the other end. */
  readonly #sockets = new Map<number, Socket>()
  #port = 0

  /** Not listening yet: use `openS3Server`. */
  constructor(options: S3ServerOptions) {
    this.#options = options
    this.#port = options.port ?? 0
    const region = options.region ?? 'us-east-1'
    const folder = options.root === undefined ? undefined : new Folder(options.root)
    this.#buckets = new Buckets(folder, region)
    const origin: Origin = {
      buckets: this.#buckets,
      faults: this.#faults,
      log: this.#log,
      credentials: options.credentials,
      region,
      quirks: options.quirks ?? 'aws',
      virtualHostSuffix: options.virtualHostSuffix,
      now: () => this.#now(),
      socketOf: ({ socket }) => this.#sockets.get(socket.remotePort ?? 0) ?? socket,
    }
    const limits = { requireHostHeader: false, maxHeaderSize: 65536, keepAliveTimeout: 60_000 }
    const listener: RequestListener = (request, response) => void serve(request, response, origin)
    this.#server =
      options.tls === undefined
        ? createHttpServer(limits, listener)
        : createHttpsServer({ ...limits, ...options.tls }, listener)
    this.#server.on('connection', (socket: Socket) => this.#welcome(socket))
  }

  get port(): number {
    return this.#port
  }

  get endpoint(): string {
    const scheme = this.#options.tls === undefined ? 'http' : 'https'
    return `${scheme}://${this.#host}:${this.#port}`
  }

  /** The last ten thousand requests; an entry goes on changing until its answer is over. */
  get requests(): readonly LoggedRequest[] {
    return this.#log.entries
  }

  get openConnections(): number {
    return this.#sockets.size
  }

  createBucket(name: string, options: BucketOptions = {}): void {
    this.#buckets.create(name, options)
  }

  /** Creates the bucket where there is none. `etag` comes back with its quotes. */
  putObject(
    bucket: string,
    key: string,
    body: PutBody | string,
    options: PutOptions = {},
  ): { readonly etag: string; readonly versionId: string } {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    return this.#buckets.put(bucket, key, bytes, options, this.#now())
  }

  /** In a versioned bucket leaves a delete marker, unless the version is named. */
  removeObject(bucket: string, key: string, versionId?: string): void {
    this.#buckets.remove(bucket, key, versionId, this.#now())
  }

  fault(rule: FaultRule): Fault {
    return this.#faults.add(rule)
  }

  clearFaults(): void {
    this.#faults.clear()
  }

  clearRequests(): void {
    this.#log.clear()
  }

  /** Stops listening and drops every connection at once, as a process that dies would. */
  async kill(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets.values()) socket.destroy()
    await closed
  }

  /** Listens again, on the port it had; objects, faults and the log are as they were. */
  async restart(): Promise<void> {
    this.#server.listen(this.#port, this.#host)
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (address !== null && typeof address === 'object') this.#port = address.port
  }

  async close(): Promise<void> {
    this.#faults.clear()
    await this.kill()
  }

  get #host(): string {
    return this.#options.host ?? '127.0.0.1'
  }

  #now(): number {
    return (this.#options.clock ?? Date.now)()
  }

  #welcome(socket: Socket): void {
    if (this.#faults.takeConnection()) {
      socket.destroy()
      return
    }
    const port = socket.remotePort ?? 0
    this.#sockets.set(port, socket)
    socket.once('close', () => {
      if (this.#sockets.get(port) === socket) this.#sockets.delete(port)
    })
  }
}
