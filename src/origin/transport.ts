// HTTP to one replica's endpoint: one attempt in, an answer or a failure out. Connections are
// pooled; a body waits for its reader and is cancelled with it. Knows nothing of S3.

import { buildConnector, Pool, type Dispatcher } from 'undici'

import type { CancelSignal } from '../primitives/cancel.ts'
import { failureFrom, OriginFailure } from './failure.ts'
import type { Flow, Sink, StreamBody } from '../exchange/body.ts'
import { LentCopies } from './lent-copies.ts'
import type { Copy } from './lent-copies.ts'
import { Reading } from './reading.ts'
import type { SocketSource } from './reading.ts'

export interface TransportOptions {
  readonly connectTimeoutMs: number
  readonly stallTimeoutMs: number
  /** Connections kept for reuse; beyond them, one is closed as soon as it has not been needed for a while. */
  readonly keptConnections: number
}

export interface OutgoingRequest {
  readonly method: 'GET' | 'HEAD'
  readonly path: string
  /** Flat name, value… */
  readonly headers: string[]
  /** To the first byte of the answer. */
  readonly timeoutMs: number
}

export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>

export interface Answer {
  readonly status: number
  readonly headers: AnswerHeaders
  readonly body: StreamBody
}

/** A body that ends within this many bytes is read away rather than paid for with a connection. */
const WORTH_DRAINING_BYTES = 64 * 1024
/** What is taken in before anybody reads: a small object arrives in one piece with its head. */
const EARLY_BYTES = 64 * 1024
/** How long a connection beyond those kept may lie idle: while many ask, few are opened anew. */
const PASSING_IDLE_MS = 1000

export class Transport {
  readonly #reading = new Reading()
  readonly #copies = new LentCopies()
  readonly #kept: Pool
  readonly #passing: Pool
  #keptConnections: number
  #busy = 0

  constructor(origin: string, options: TransportOptions) {
    const shared = {
      connect: this.#connector(options.connectTimeoutMs),
      // Attempts time themselves: the client's timer would not count the wait for a connection.
      headersTimeout: 0,
      bodyTimeout: options.stallTimeoutMs,
      maxHeaderSize: 64 * 1024,
      // The other parser looks into the socket's own buffer, which stays empty.
      useMilo: false,
      allowH2: false,
    }
    this.#keptConnections = options.keptConnections
    this.#kept = new Pool(origin, { ...shared, connections: options.keptConnections })
    this.#passing = new Pool(origin, {
      ...shared,
      keepAliveTimeout: PASSING_IDLE_MS,
      keepAliveMaxTimeout: PASSING_IDLE_MS,
    })
  }

  #connector(timeout: number): buildConnector.connector {
    const { onread } = this.#reading
    const connect = buildConnector({ timeout, allowH2: false, onread })
    return (to, done) => {
      connect(to, (...outcome) => {
        if (outcome[0] === null) this.#reading.adopt(outcome[1])
        done(...outcome)
      })
    }
  }

  send(request: OutgoingRequest, signal: CancelSignal | undefined): Promise<Answer> {
    if (signal?.isCancelled === true) return Promise.reject(cancelled())
    const isKept = this.#busy < this.#keptConnections
    if (isKept) this.#busy += 1
    const release = (): void => {
      if (isKept) this.#busy -= 1
    }
    return new Promise((resolve, reject) => {
      const reading = this.#reading
      const copies = this.#copies
      const attempt = new Attempt({ request, signal, release, reading, copies, resolve, reject })
      const { method, path, headers } = request
      const pool = isKept ? this.#kept : this.#passing
      // Left to itself the client closes the connection of a HEAD, lest a body should follow.
      const dispatched = { method, path, headers, ...(method === 'HEAD' ? { reset: false } : {}) }
      pool.dispatch(dispatched, attempt)
    })
  }

  async close(): Promise<void> {
    await Promise.all([this.#kept.destroy(), this.#passing.destroy()])
  }

  /** No connection is kept any more: what is under way ends in its time, and what comes late has its own. */
  retire(): void {
    if (this.#keptConnections === 0) return
    this.#keptConnections = 0
    // It settles when the last of them has ended, which may be cut by `close` meanwhile.
    this.#kept.close().catch(() => undefined)
  }
}

interface AttemptOptions {
  readonly request: OutgoingRequest
  readonly signal: CancelSignal | undefined
  readonly release: () => void
  readonly reading: Reading
  readonly copies: LentCopies
  readonly resolve: (answer: Answer) => void
  readonly reject: (failure: OriginFailure) => void
}

/** One request on the wire: the client's handler on one side, the answer's body on the other. */
class Attempt implements Dispatcher.DispatchHandler, StreamBody, Flow {
  readonly kind = 'stream'
  length: number | undefined
  readonly #options: AttemptOptions
  #controller: Dispatcher.DispatchController | undefined
  /** What the answer comes from. */
  #source: SocketSource | undefined
  #timer: NodeJS.Timeout | undefined
  #isAnswered = false
  #isOver = false
  #isResuming = false
  #failure: OriginFailure | undefined
  #sink: Sink | undefined
  /** What arrived before anybody wanted it. */
  #early: Copy[] = []
  #earlyBytes = 0

  constructor(options: AttemptOptions) {
    this.#options = options
    const { timeoutMs } = options.request
    this.#timer = setTimeout(() => {
      this.#abandon(new OriginFailure('timeout', `no answer within ${Math.round(timeoutMs)} ms`))
    }, timeoutMs)
    options.signal?.onCancel(this.#onCancel)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#failure !== undefined) controller.abort(this.#failure)
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: AnswerHeaders,
  ): void {
    // Views of the first 64 KiB that came, which would be kept for as long as the answer lasts.
    controller.rawHeaders = null
    if (status < 200 || this.#isAnswered || this.#failure !== undefined) return
    this.#isAnswered = true
    this.#disarm()
    this.length = contentLength(headers)
    this.#source = this.#options.reading.current
    if (this.length !== undefined) this.#source?.beginBody()
    this.#options.resolve({ status, headers, body: this })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    // What a full reader left of the early bytes goes before anything later.
    if (this.#sink !== undefined && this.#early.length === 0) {
      if (!this.#pass(chunk, this.#sink)) controller.pause()
      return
    }
    const { copies } = this.#options
    this.#early.push(this.#isLent() ? copies.of(chunk) : { bytes: chunk, loan: undefined })
    this.#earlyBytes += chunk.byteLength
    if (this.#sink !== undefined || this.#earlyBytes > EARLY_BYTES) controller.pause()
  }

  #pass(chunk: Uint8Array, sink: Sink): boolean {
    if (sink.keepsNothing === true || !this.#isLent()) return sink.write(chunk)
    const { bytes, loan } = this.#options.copies.of(chunk)
    return sink.write(bytes, loan)
  }

  #isLent(): boolean {
    return this.#source?.isLent === true
  }

  onResponseEnd(): void {
    if (this.#isOver) return
    this.#finish()
    if (this.#early.length === 0) this.#conclude()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#isOver) return
    this.#failure ??= failureFrom(error)
    this.#finish()
    if (!this.#isAnswered) this.#options.reject(this.#failure)
    else if (this.#early.length === 0) this.#conclude()
  }

  start(sink: Sink): Flow {
    this.#sink = sink
    this.resume()
    return this
  }

  resume(): void {
    while (this.#early.length > 0) {
      const copy = this.#early.shift()
      if (copy !== undefined && this.#sink !== undefined && !give(copy, this.#sink)) {
        this.#controller?.pause()
        return
      }
    }
    if (this.#isOver) this.#conclude()
    else this.#resumeSoon()
  }

  /** The client parses one connection at a time: none goes on from within the call of another. */
  #resumeSoon(): void {
    if (this.#controller?.paused !== true || this.#isResuming) return
    this.#isResuming = true
    queueMicrotask(() => {
      this.#isResuming = false
      if (!this.#isOver) this.#controller?.resume()
    })
  }

  stop(): void {
    this.#sink = silent
    for (const { loan } of this.#early) loan?.giveBack()
    this.#early = []
    if (!this.#isOver) this.#abandon(cancelled())
  }

  discard(): void {
    const isShort = this.length !== undefined && this.length <= WORTH_DRAINING_BYTES
    if (isShort && this.#failure === undefined) this.start(silent)
    else this.stop()
  }

  readonly #onCancel = (): void => {
    this.#abandon(cancelled())
  }

  #abandon(failure: OriginFailure): void {
    if (this.#isOver || this.#failure !== undefined) return
    this.#failure = failure
    if (this.#controller !== undefined) {
      this.#controller.abort(failure)
      return
    }
    // Still waiting for a connection: answered now, aborted when its turn comes.
    this.#disarm()
    this.#options.reject(failure)
  }

  /** Tells the sink how it ended, once: it may go on calling `resume`. */
  #conclude(): void {
    const sink = this.#sink
    if (sink === undefined) return
    this.#sink = silent
    if (this.#failure === undefined) sink.end()
    else sink.fail(this.#failure)
  }

  #finish(): void {
    this.#isOver = true
    this.#source?.endBody()
    this.#disarm()
    this.#options.release()
  }

  #disarm(): void {
    if (this.#timer === undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    // From here on the body is its reader's, who stops it by name.
    this.#options.signal?.offCancel(this.#onCancel)
  }
}

function give({ bytes, loan }: Copy, sink: Sink): boolean {
  if (sink.keepsNothing !== true) return sink.write(bytes, loan)
  const goOn = sink.write(bytes)
  loan?.giveBack()
  return goOn
}

const silent: Sink = {
  keepsNothing: true,
  write: () => true,
  end: () => undefined,
  fail: () => undefined,
}

function cancelled(): OriginFailure {
  return new OriginFailure('cancelled', 'the caller left')
}

function contentLength(headers: AnswerHeaders): number | undefined {
  const value = headers['content-length']
  return typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : undefined
}

/** A short body as text, for S3's error documents: what comes beyond the limits is not read. */
export function readText(
  body: StreamBody,
  { limitBytes, timeoutMs }: { limitBytes: number; timeoutMs: number },
): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = []
    let size = 0
    const finish = (): void => {
      clearTimeout(timer)
      resolve(Buffer.concat(chunks).toString('utf8'))
    }
    const stop = (): void => {
      flow.stop()
      finish()
    }
    const timer = setTimeout(stop, timeoutMs)
    const flow = body.start({
      write(chunk) {
        chunks.push(chunk)
        size += chunk.byteLength
        // Not from within the source's own call, which may not have returned its flow yet.
        if (size >= limitBytes) queueMicrotask(stop)
        return size < limitBytes
      },
      end: finish,
      fail: finish,
    })
  })
}
