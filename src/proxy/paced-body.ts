// A body that leaves no faster than it may: its source is held meanwhile, as by a client that is full,
// and of what it brought nothing is copied. The pace is one answer's own, or what all answers to one
// client share, or both.

import { BytePace } from '../primitives/byte-pace.ts'
import type { ByteRate, PaceName, SharedPaces } from '../primitives/byte-pace.ts'
import { sharedMonotonic } from '../primitives/clock.ts'
import { bodyLength, discardBody } from '../exchange/body.ts'
import type { Body, Flow, Loan, Sink, StreamBody } from '../exchange/body.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Reply } from '../exchange/reply.ts'

/** How often in a second something leaves, as far as the pieces are neither tiny nor huge. */
const PIECES_PER_SECOND = 20
const LEAST_PIECE_BYTES = 512
const MOST_PIECE_BYTES = 64 * 1024

export interface BandwidthOptions {
  readonly bucket: string
  readonly perRequest: ByteRate | undefined
  readonly perClient: ByteRate | undefined
  /** Undefined where no client is paced. */
  readonly paces: SharedPaces | undefined
}

/** Of one bucket. */
export class Bandwidth {
  readonly perRequest: ByteRate | undefined
  readonly perClient: ByteRate | undefined
  readonly pieceBytes: number
  readonly #bucket: string
  readonly #paces: SharedPaces | undefined

  constructor({ bucket, perRequest, perClient, paces }: BandwidthOptions) {
    this.perRequest = perRequest
    this.perClient = perClient
    this.#bucket = bucket
    this.#paces = paces
    const rates = [perRequest, perClient].flatMap((rate) => rate?.bytesPerSecond ?? [])
    const piece = Math.floor(Math.min(...rates) / PIECES_PER_SECOND)
    this.pieceBytes = Math.min(MOST_PIECE_BYTES, Math.max(LEAST_PIECE_BYTES, piece))
  }

  paceFor(client: string): Pace {
    const own = this.perRequest && new BytePace(this.perRequest)
    const paces = this.#paces
    const rate = this.perClient
    const name = rate && paces?.nameOf(`${this.#bucket}\n${client}`)
    return new Pace(own, paces && rate && name !== undefined ? { paces, rate, name } : undefined)
  }
}

interface ClientPace {
  readonly paces: SharedPaces
  readonly rate: ByteRate
  readonly name: PaceName
}

class Pace {
  readonly #own: BytePace | undefined
  readonly #client: ClientPace | undefined
  /** All the waits there were. */
  heldMs = 0

  constructor(own: BytePace | undefined, client: ClientPace | undefined) {
    this.#own = own
    this.#client = client
  }

  /** Takes so many bytes, and says how long it is until they may leave, in ms. */
  take(bytes: number): number {
    const now = sharedMonotonic()
    const ownMs = this.#own?.take(bytes, now) ?? 0
    const client = this.#client
    const clientMs = client?.paces.take(client.name, client.rate, bytes, now) ?? 0
    const waitMs = Math.max(ownMs, clientMs)
    this.heldMs += Math.max(0, waitMs)
    return waitMs
  }
}

/** Who is known is one client wherever they come from; anybody else is their address. */
function clientOf({ arrival, facts }: Exchange): string {
  const user = facts.access?.user
  return user === undefined ? `address ${arrival.clientAddress}` : `user ${user}`
}

export function atPace(
  reply: Reply,
  exchange: Exchange,
  snapshot: { readonly bandwidth: ReadonlyMap<string, Bandwidth> },
): Reply {
  const { body } = reply
  const { route, refusal } = exchange.facts
  // What says no, or a HEAD's nothing, takes up no bandwidth.
  if (bodyLength(body) === 0 || route === undefined || refusal !== undefined) return reply
  const bandwidth = snapshot.bandwidth.get(route.bucket)
  if (bandwidth === undefined) return reply
  const pace = bandwidth.paceFor(clientOf(exchange))
  exchange.pacing = pace
  const source = body.kind === 'stream' ? body : heldBody(body)
  return { ...reply, body: new PacedBody(source, pace, bandwidth.pieceBytes) }
}

/** What is all here already, as a source. */
function heldBody(body: Exclude<Body, StreamBody>): StreamBody {
  const { bytes, loan } = body.kind === 'bytes' ? body : { bytes: NOTHING, loan: undefined }
  return {
    kind: 'stream',
    length: bytes.byteLength,
    start: (sink) => {
      sink.write(bytes, loan)
      sink.end()
      return { resume: () => undefined, stop: () => undefined }
    },
    discard: () => discardBody(body),
  }
}

const NOTHING = new Uint8Array(0)

export class PacedBody implements StreamBody, Flow, Sink {
  readonly kind = 'stream'
  readonly length: number | undefined
  readonly #source: StreamBody
  readonly #pace: { take(bytes: number): number }
  readonly #pieceBytes: number
  #sink: Sink | undefined
  #flow: Flow | undefined
  /** What the source brought and may not leave yet. */
  #rest: Uint8Array = NOTHING
  #restLoan: Loan | undefined
  /** Of the rest, what the pace has been asked for. */
  #takenBytes = 0
  #timer: NodeJS.Timeout | undefined
  #isFull = false
  #isSourceHeld = false
  #isSourceEnded = false
  #isOver = false

  constructor(source: StreamBody, pace: { take(bytes: number): number }, pieceBytes: number) {
    this.length = source.length
    this.#source = source
    this.#pace = pace
    this.#pieceBytes = pieceBytes
  }

  start(sink: Sink): Flow {
    this.#sink = sink
    const flow = this.#source.start(this)
    this.#flow = flow
    if (this.#isOver) flow.stop()
    return this
  }

  discard(): void {
    this.#source.discard()
  }

  /** From the sink. */
  resume(): void {
    this.#isFull = false
    this.#move()
  }

  stop(): void {
    if (this.#isOver) return
    this.#conclude()
    this.#flow?.stop()
  }

  /** From the source, as are `end` and `fail`. */
  write(chunk: Uint8Array, loan?: Loan): boolean {
    if (this.#isOver) {
      loan?.giveBack()
      return true
    }
    this.#keep(chunk, loan)
    this.#isSourceHeld = true
    this.#advance()
    this.#isSourceHeld = !this.#isOver && (this.#isFull || this.#rest.byteLength > 0)
    return !this.#isSourceHeld
  }

  end(): void {
    this.#isSourceEnded = true
    if (this.#rest.byteLength === 0) this.#finish()
  }

  fail(reason: Error): void {
    if (this.#isOver) return
    this.#conclude()
    this.#sink?.fail(reason)
  }

  /** On, and then for more. */
  #move(): void {
    this.#advance()
    if (this.#isOver || this.#isFull || this.#rest.byteLength > 0) return
    if (this.#isSourceEnded) this.#finish()
    else if (this.#isSourceHeld) {
      this.#isSourceHeld = false
      this.#flow?.resume()
    }
  }

  /** As far as the pace and the sink allow now. */
  #advance(): void {
    while (!this.#isOver && !this.#isFull && this.#rest.byteLength > 0) {
      if (this.#timer !== undefined || !this.#isPaid()) return
      const piece = this.#rest.subarray(0, this.#takenBytes)
      this.#rest = this.#rest.subarray(this.#takenBytes)
      this.#takenBytes = 0
      if (this.#sink?.write(piece, this.#restLoan?.lend()) === false) this.#isFull = true
    }
    if (this.#rest.byteLength === 0) this.#keep(NOTHING, undefined)
  }

  #keep(chunk: Uint8Array, loan: Loan | undefined): void {
    const isAlone = this.#rest.byteLength === 0
    this.#rest = isAlone ? chunk : Buffer.concat([this.#rest, chunk])
    this.#restLoan?.giveBack()
    this.#restLoan = isAlone ? loan : undefined
    if (!isAlone) loan?.giveBack()
  }

  /** Of the next piece; where it has to wait, it goes on by itself. */
  #isPaid(): boolean {
    if (this.#takenBytes > 0) return true
    this.#takenBytes = Math.min(this.#rest.byteLength, this.#pieceBytes)
    const waitMs = this.#pace.take(this.#takenBytes)
    if (waitMs <= 0) return true
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#move()
    }, Math.ceil(waitMs))
    return false
  }

  #finish(): void {
    if (this.#isOver) return
    this.#conclude()
    this.#sink?.end()
  }

  #conclude(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#rest = NOTHING
    this.#keep(NOTHING, undefined)
  }
}
