// A run of slices still arriving: one source, many readers, owned by no client. Each finished slice
// goes to the tiers; the one in progress and the one before it are held here, so that readers can
// follow live. No slice is begun before the fastest reader has come to the one before it.

import type { Flow, Loan, Sink, StreamBody } from '../exchange/body.ts'
import type { FillBuffer, FillBuffers } from './fill-buffer.ts'

export interface FillReader {
  /** Absolute position of the next byte it wants. */
  readonly position: number
  /** There is more to read, or the fill has ended. */
  advance(): void
}

export interface FillOptions {
  readonly sliceBytes: number
  readonly buffers: FillBuffers
  /** Of the whole object. */
  readonly size: number
  /** The run, inclusive. */
  readonly firstIndex: number
  readonly lastIndex: number
  readonly onSlice: (index: number, slice: FillBuffer) => void
  /** Already kept, or on its way elsewhere: there is no need to fetch it again. */
  readonly isHeld: (index: number) => boolean
  /** No more comes. Cut off: the source had more to give. */
  readonly onEnd: (isCutOff: boolean) => void
  /** It has ended and its last reader has left: it holds nothing any more. */
  readonly onFree: () => void
}

const NOTHING_YET = new Uint8Array(0)

export class Fill implements Sink {
  readonly keepsNothing = true
  readonly #options: FillOptions
  readonly #readers = new Set<FillReader>()
  #lastIndex: number
  #flow: Flow | undefined
  #index: number
  #current: FillBuffer
  #filled = 0
  #previous: FillBuffer | undefined
  /** What came before there was room for it. */
  #rest: Uint8Array = NOTHING_YET
  #isEnded = false
  #isPaused = false
  #isSourceEnded = false
  #isFree = false
  #failure: Error | undefined

  constructor(options: FillOptions) {
    this.#options = options
    this.#index = options.firstIndex
    this.#lastIndex = options.lastIndex
    this.#current = options.buffers.take(this.#lengthOf(options.firstIndex))
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Why it broke, if it did. */
  get failure(): Error | undefined {
    return this.#failure
  }

  get isRead(): boolean {
    return this.#readers.size > 0
  }

  /** From this slice on the run is left to others. Before it has started. */
  endBefore(index: number): void {
    if (this.#isEnded) return
    if (index > this.#index) this.#lastIndex = Math.min(this.#lastIndex, index - 1)
    else this.#end(true)
  }

  /** Begins to take the run's bytes. */
  start(source: StreamBody): void {
    if (this.#isEnded) {
      source.discard()
      return
    }
    this.#flow = source.start(this)
    // Both may have come about while the source was only starting.
    if (this.#isEnded) this.#flow.stop()
    else this.#release()
  }

  /** Whether a reader at this slice is served from here now or soon: not where it may wait long. */
  covers(index: number): boolean {
    const firstHere = this.#previous === undefined ? this.#index : this.#index - 1
    if (index < firstHere) return false
    // What has ended is still here for as long as somebody reads it.
    if (this.#isEnded) return index < this.#index || (index === this.#index && this.#isFull())
    return index <= Math.min(this.#index + 1, this.#lastIndex)
  }

  attach(reader: FillReader): void {
    this.#readers.add(reader)
    this.#release()
  }

  /** Nobody else follows: it goes on only to finish its last slice. */
  detach(reader: FillReader): void {
    this.#readers.delete(reader)
    if (this.#isEnded) this.#freeIfLeft()
    else if (this.#readers.size === 0 && this.#index < this.#lastIndex) this.#end(true)
    else this.#release()
  }

  /** What is here from a position on, to the end of its slice; undefined when it left for the tiers. */
  view(position: number): Uint8Array | undefined {
    if (this.#isFree) return undefined
    const { sliceBytes } = this.#options
    const index = Math.floor(position / sliceBytes)
    const offset = position - index * sliceBytes
    if (index === this.#index) {
      return this.#current.bytes.subarray(offset, Math.max(offset, this.#filled))
    }
    if (index === this.#index - 1) return this.#previous?.bytes.subarray(offset)
    // Still to come: nothing yet.
    return index > this.#index && !this.#isEnded ? NOTHING_YET : undefined
  }

  /** For whoever was given what is here from a position on, in the same turn. */
  lend(position: number): Loan | undefined {
    const index = Math.floor(position / this.#options.sliceBytes)
    return (index === this.#index ? this.#current : this.#previous)?.lend()
  }

  /** Whether a position lies before what is arriving: its slice was finished. */
  isPast(position: number): boolean {
    return Math.floor(position / this.#options.sliceBytes) < this.#index
  }

  /** A reader has moved: there may be room for more. */
  readerMoved(): void {
    this.#release()
  }

  write(chunk: Uint8Array): boolean {
    // Another source that goes on where one broke does not know that it is to hold.
    this.#rest = this.#rest.byteLength === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    this.#takeIn()
    // What there is no room for yet is kept after all.
    if (this.#rest.byteLength > 0) this.#rest = Buffer.from(this.#rest)
    return !this.#isPaused
  }

  /** What came before there was room for it may be all that is missing. */
  end(): void {
    this.#isSourceEnded = true
    if (this.#rest.byteLength > 0) return
    this.fail(new Error('the source ended before the run of slices'))
  }

  fail(reason: Error): void {
    if (this.#isEnded) return
    this.#failure = reason
    this.#end(false)
  }

  #takeIn(): void {
    while (this.#rest.byteLength > 0 && !this.#isEnded && !this.#mustWait()) {
      if (this.#isFull()) this.#beginSlice()
      const { bytes } = this.#current
      const part = this.#rest.subarray(0, bytes.byteLength - this.#filled)
      bytes.set(part, this.#filled)
      this.#filled += part.byteLength
      this.#rest = this.#rest.subarray(part.byteLength)
      if (this.#isFull()) this.#completeSlice()
      this.#tellReaders()
    }
    this.#isPaused = !this.#isEnded && this.#mustWait()
  }

  #isFull(): boolean {
    return this.#filled === this.#current.bytes.byteLength
  }

  #completeSlice(): void {
    this.#options.onSlice(this.#index, this.#current)
    const isLast = this.#index === this.#lastIndex
    if (isLast || this.#options.isHeld(this.#index + 1)) this.#end(!isLast)
  }

  #beginSlice(): void {
    this.#previous?.giveBack()
    this.#previous = this.#current
    this.#index += 1
    this.#current = this.#options.buffers.take(this.#lengthOf(this.#index))
    this.#filled = 0
  }

  #lengthOf(index: number): number {
    const { sliceBytes, size } = this.#options
    return Math.min(sliceBytes, size - index * sliceBytes)
  }

  /** A slice is finished that nobody has come to yet. */
  #mustWait(): boolean {
    if (!this.#isFull()) return false
    const reached = this.#index * this.#options.sliceBytes
    for (const reader of this.#readers) if (reader.position >= reached) return false
    return this.#readers.size > 0
  }

  #release(): void {
    if (!this.#isPaused || this.#flow === undefined || this.#isEnded || this.#mustWait()) return
    this.#isPaused = false
    this.#takeIn()
    if (this.#isPaused || this.#isEnded) return
    if (this.#isSourceEnded) this.end()
    else this.#flow.resume()
  }

  #tellReaders(): void {
    for (const reader of this.#readers) reader.advance()
  }

  #end(isCutOff: boolean): void {
    this.#isEnded = true
    if (isCutOff) this.#flow?.stop()
    this.#options.onEnd(isCutOff)
    this.#tellReaders()
    this.#freeIfLeft()
  }

  #freeIfLeft(): void {
    if (this.#readers.size > 0 || this.#isFree) return
    this.#isFree = true
    this.#current.giveBack()
    this.#previous?.giveBack()
    this.#options.onFree()
  }
}
