// A body of untold length, taken in until it has ended or there is too much of it: then its length is
// known before anybody reads it. What was taken in is read from here, and what comes behind it goes
// through.

import { createHash, getFips } from 'node:crypto'

import type { CancelSignal } from '../primitives/cancel.ts'
import type { Flow, Sink, StreamBody } from '../exchange/body.ts'
import { OriginFailure } from './failure.ts'

/** What all such bodies hold together is bounded. */
export interface ByteRoom {
  /** A release, to be called once; undefined where there is no room. */
  reserve(bytes: number): (() => void) | undefined
}

export interface MeasureLimits {
  readonly room: ByteRoom
  readonly limitBytes: number
  readonly limitMs: number
  readonly signal: CancelSignal | undefined
}

interface Block {
  readonly bytes: Buffer
  used: number
  readonly release: () => void
}

/** Taken in block by block, so that many small chunks do not cost more than their bytes. */
const BLOCK_BYTES = 64 * 1024

export class MeasuredBody implements StreamBody, Flow, Sink {
  readonly kind = 'stream'
  /** Settles when it has ended, or is not to be taken in any further; fails when it breaks before. */
  readonly taken: Promise<void>
  #bytes = 0
  #hasEnded = false
  #isWhole = false
  #failure: Error | undefined
  #isTaking = true
  readonly #limits: MeasureLimits
  readonly #settle: PromiseWithResolvers<void>
  readonly #timer: NodeJS.Timeout
  readonly #flow: Flow
  #blocks: Block[] = []
  /** Came when there was no room for it. */
  #rest: Uint8Array | undefined
  #reader: Sink | undefined
  #isOver = false

  constructor(source: StreamBody, limits: MeasureLimits) {
    const { limitMs, signal } = limits
    this.#limits = limits
    this.#settle = Promise.withResolvers()
    this.taken = this.#settle.promise
    this.#timer = setTimeout(() => this.#takeNoMore(), limitMs)
    this.#flow = source.start(this)
    if (signal?.isCancelled === true) this.#leave()
    else if (this.#isTaking) signal?.onCancel(this.#leave)
  }

  /** Undefined where it goes on beyond what was taken in. */
  get length(): number | undefined {
    return this.#isWhole ? this.#bytes : undefined
  }

  /** Before anybody reads it. */
  md5(): string | undefined {
    // No such digest is to be had where only approved ones are.
    if (getFips() === 1) return undefined
    const hash = createHash('md5')
    for (const { bytes, used } of this.#blocks) hash.update(bytes.subarray(0, used))
    return hash.digest('hex')
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isOver) return true
    if (this.#isTaking && this.#takeIn(chunk)) return true
    this.#takeNoMore()
    if (this.#reader !== undefined && !this.#isHolding()) return this.#reader.write(chunk)
    // A source that is slow to hold may bring more than one.
    this.#rest = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    return false
  }

  end(): void {
    this.#hasEnded = true
    this.#isWhole = this.#isTaking
    this.#takeNoMore()
    if (this.#reader !== undefined && !this.#isHolding()) this.#conclude(this.#reader)
  }

  fail(reason: Error): void {
    this.#failure = reason
    if (this.#isTaking) {
      this.#giveUp(reason)
      return
    }
    if (this.#reader !== undefined && !this.#isHolding()) this.#conclude(this.#reader)
  }

  start(sink: Sink): Flow {
    this.#reader = sink
    this.resume()
    return this
  }

  resume(): void {
    const reader = this.#reader
    if (reader === undefined || this.#isOver) return
    for (let chunk = this.#next(); chunk !== undefined; chunk = this.#next()) {
      if (!reader.write(chunk) || this.#isOver) return
    }
    if (this.#hasEnded || this.#failure !== undefined) this.#conclude(reader)
    else this.#flow.resume()
  }

  stop(): void {
    if (this.#isOver) return
    this.#letGo()
    if (!this.#hasEnded && this.#failure === undefined) this.#flow.stop()
  }

  discard(): void {
    this.stop()
  }

  readonly #leave = (): void => {
    if (!this.#isTaking) return
    this.#giveUp(new OriginFailure('cancelled', 'the caller left'))
    this.#flow.stop()
  }

  /** False where it is more than may be held. */
  #takeIn(chunk: Uint8Array): boolean {
    if (this.#bytes + chunk.byteLength > this.#limits.limitBytes) return false
    const free = this.#blocks.length * BLOCK_BYTES - this.#bytes
    for (let lacking = chunk.byteLength - free; lacking > 0; lacking -= BLOCK_BYTES) {
      if (!this.#addBlock()) return false
    }
    for (let at = 0; at < chunk.byteLength;) {
      const block = this.#blocks[Math.floor(this.#bytes / BLOCK_BYTES)]
      if (block === undefined) throw new Error('there is no room for what has room')
      const part = chunk.subarray(at, at + BLOCK_BYTES - block.used)
      block.bytes.set(part, block.used)
      block.used += part.byteLength
      this.#bytes += part.byteLength
      at += part.byteLength
    }
    return true
  }

  #addBlock(): boolean {
    const release = this.#limits.room.reserve(BLOCK_BYTES)
    if (release === undefined) return false
    this.#blocks.push({ bytes: Buffer.allocUnsafeSlow(BLOCK_BYTES), used: 0, release })
    return true
  }

  #takeNoMore(): void {
    if (!this.#isTaking) return
    this.#isTaking = false
    this.#disarm()
    this.#settle.resolve()
  }

  #giveUp(reason: Error): void {
    this.#isTaking = false
    this.#disarm()
    this.#letGo()
    this.#settle.reject(reason)
  }

  #disarm(): void {
    clearTimeout(this.#timer)
    this.#limits.signal?.offCancel(this.#leave)
  }

  #isHolding(): boolean {
    return this.#blocks.length > 0 || this.#rest !== undefined
  }

  #next(): Uint8Array | undefined {
    for (let block = this.#blocks.shift(); block !== undefined; block = this.#blocks.shift()) {
      block.release()
      if (block.used > 0) return block.bytes.subarray(0, block.used)
    }
    const rest = this.#rest
    this.#rest = undefined
    return rest
  }

  #conclude(reader: Sink): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#failure === undefined) reader.end()
    else reader.fail(this.#failure)
  }

  #letGo(): void {
    this.#isOver = true
    for (const { release } of this.#blocks) release()
    this.#blocks = []
    this.#rest = undefined
  }
}
