// A body read from slices: held ones from the tiers, arriving ones from their fill, missing ones by
// a fill of its own, and where there is no room to hold anything, straight from the origin. The
// reader's pace is its client's; a paused reader holds no slice that can be had again.

import { Cancellation } from '../primitives/cancel.ts'
import type { Flow, Loan, Sink, StreamBody } from '../exchange/body.ts'
import type { Fill, FillReader } from './fill.ts'
import type { ObjectSlices } from './object-slices.ts'
import { bytesFrom } from './tier.ts'
import type { SliceEntry } from './tier.ts'
import type { Found } from './tiers.ts'

export interface SliceRange {
  readonly first: number
  /** Inclusive. */
  readonly last: number
}

/**
 * What is written of an arriving slice at once: a client that is full keeps what it was given last,
 * and shall not keep a slice beyond the two that its fill has room for.
 */
const PIECE_BYTES = 512 * 1024
/** After so many bytes others have their turn, however fast these are taken. */
const TURN_BYTES = 4 * 1024 * 1024

export class SliceBody implements StreamBody, Flow, FillReader {
  readonly kind = 'stream'
  readonly length: number
  position: number
  readonly #object: ObjectSlices
  readonly #last: number
  readonly #ahead: Promise<Found | undefined> | undefined
  #sink: Sink | undefined
  #fill: Fill | undefined
  #slice: SliceEntry | undefined
  #sliceLoan: Loan | undefined
  #sliceIndex = -1
  /** Bytes that pass by the cache: wanted, and on their way. */
  #leaving: Cancellation | undefined
  #passing: Flow | undefined
  #isPaused = false
  #isWaiting = false
  #isPumping = false
  #turnBytes = 0
  #isOver = false

  /** `ahead` is the slice of the first byte, where it is being looked for already. */
  constructor(
    object: ObjectSlices,
    { first, last }: SliceRange,
    ahead?: Promise<Found | undefined>,
  ) {
    this.#object = object
    this.#ahead = ahead
    this.length = last - first + 1
    this.position = first
    this.#last = last
    // At once: what is arriving would be let go if nobody followed it.
    this.#follow(object.arriving(object.indexAt(first)))
  }

  /** Whether the first bytes are on their way already, for somebody else. */
  get isFollowing(): boolean {
    return this.#fill !== undefined
  }

  /** Looks for the first bytes before the start: true when they are held, else they are asked for. */
  prepare(): boolean | Promise<boolean> {
    if (this.#fill !== undefined) return false
    const index = this.#object.indexAt(this.position)
    const held = this.#ahead ?? this.#object.held(index)
    if (!(held instanceof Promise)) return this.#prepared(held, index)
    return held.then((found) => this.#prepared(found, index))
  }

  start(sink: Sink): Flow {
    this.#sink = sink
    this.#pump()
    return this
  }

  resume(): void {
    this.#isPaused = false
    if (this.#passing !== undefined) this.#passing.resume()
    else this.#pump()
  }

  stop(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#leaveFill()
    this.#dropSlice()
    this.#passing?.stop()
    this.#leaving?.cancel()
  }

  discard(): void {
    this.stop()
  }

  /** The fill has more, or has ended. */
  advance(): void {
    if (this.#isPaused) this.#spareFill()
    else this.#pump()
  }

  #prepared(held: Found | undefined, index: number): boolean {
    if (this.#isOver) return false
    if (this.#keep(held, index)) return true
    this.#seekFill(index)
    return false
  }

  #pump(): void {
    if (this.#isPumping || this.#sink === undefined) return
    this.#isPumping = true
    while (this.#canMove()) {
      const bytes = this.#bytesHere()
      if (bytes === undefined) break
      this.#write(bytes)
    }
    this.#isPumping = false
  }

  #canMove(): boolean {
    return !this.#isPaused && !this.#isWaiting && !this.#isOver && this.#leaving === undefined
  }

  #write(bytes: Uint8Array): void {
    const wanted = bytes.subarray(0, this.#last + 1 - this.position)
    const loan = this.#slice?.lender?.lend() ?? this.#fill?.lend(this.position)
    this.position += wanted.byteLength
    if (this.#sink?.write(wanted, loan) === false) this.#pause()
    this.#fill?.readerMoved()
    this.#turnBytes += wanted.byteLength
    if (this.position > this.#last) this.#finish()
    else if (this.#turnBytes >= TURN_BYTES) this.#giveTurn()
  }

  #giveTurn(): void {
    this.#turnBytes = 0
    this.#isWaiting = true
    setImmediate(() => {
      this.#isWaiting = false
      this.#pump()
    })
  }

  #pause(): void {
    this.#isPaused = true
    this.#dropSlice()
    this.#spareFill()
  }

  /** What has ended costs room for as long as somebody holds it. */
  #spareFill(): void {
    if (this.#fill?.isEnded !== true) return
    if (this.#object.isHeld(this.#object.indexAt(this.position))) this.#leaveFill()
  }

  #finish(): void {
    if (this.#isOver) return
    this.stop()
    this.#sink?.end()
  }

  /** The next bytes, if they are here; else whatever is needed to get them has been set going. */
  #bytesHere(): Uint8Array | undefined {
    const arriving = this.#bytesOfFill()
    if (arriving !== undefined || this.#fill !== undefined || this.#isOver) return arriving
    const index = this.#object.indexAt(this.position)
    if (this.#slice !== undefined && this.#sliceIndex === index) return this.#rest(this.#slice)
    const held = this.#object.held(index)
    if (!(held instanceof Promise)) return this.#use(held, index)
    this.#await(held, index)
    return undefined
  }

  #bytesOfFill(): Uint8Array | undefined {
    const fill = this.#fill
    if (fill === undefined) return undefined
    const view = fill.view(this.position)
    if (view !== undefined && view.byteLength > 0) return view.subarray(0, PIECE_BYTES)
    if (view !== undefined && !fill.isEnded) return undefined
    // It has moved on without us, or ended: what it leaves undone is another's to fetch.
    this.#leaveFill()
    if (fill.failure !== undefined && !fill.isPast(this.position)) this.#fail(fill.failure)
    return undefined
  }

  #use(held: Found | undefined, index: number): Uint8Array | undefined {
    const slice = this.#keep(held, index)
    if (slice !== undefined) return this.#rest(slice)
    this.#seekFill(index)
    if (this.#fill === undefined) this.#passThrough()
    return this.#bytesOfFill()
  }

  #keep(held: Found | undefined, index: number): SliceEntry | undefined {
    if (held?.entry.kind !== 'slice') return undefined
    this.#dropSlice()
    this.#slice = held.entry
    this.#sliceLoan = held.entry.lender?.lend()
    this.#sliceIndex = index
    return held.entry
  }

  #dropSlice(): void {
    this.#slice = undefined
    this.#sliceLoan?.giveBack()
    this.#sliceLoan = undefined
  }

  #seekFill(index: number): void {
    const object = this.#object
    this.#dropSlice()
    this.#follow(object.arriving(index) ?? object.fill(index, object.indexAt(this.#last)))
  }

  #rest(slice: SliceEntry): Uint8Array {
    return bytesFrom(slice, this.position - this.#sliceIndex * this.#object.sliceBytes)
  }

  #await(held: Promise<Found | undefined>, index: number): void {
    this.#isWaiting = true
    // Owned here: the tiers never fail, they only do not have it.
    void held.then((found) => this.#goOn(found, index))
  }

  #goOn(held: Found | undefined, index: number): void {
    this.#isWaiting = false
    if (this.#isOver) return
    const bytes = this.#use(held, index)
    if (bytes !== undefined && !this.#isPaused) this.#write(bytes)
    this.#pump()
  }

  /** To the end of the span: by then there may be room again. */
  #passThrough(): void {
    const leaving = new Cancellation()
    this.#leaving = leaving
    this.#object.passThrough(this.position, this.#last, leaving).then(
      (body) => this.#pass(body),
      (error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error))),
    )
  }

  #pass(body: StreamBody): void {
    if (this.#isOver) {
      body.discard()
      return
    }
    const passing = body.start({
      write: (chunk, loan) => this.#passOn(chunk, loan),
      end: () => this.#passed(),
      fail: (reason) => this.#fail(reason),
    })
    // It may have been stopped, or have ended, while it was only starting.
    if (this.#isOver) passing.stop()
    else if (this.#leaving !== undefined) this.#passing = passing
  }

  #passOn(chunk: Uint8Array, loan: Loan | undefined): boolean {
    if (this.#isOver) {
      loan?.giveBack()
      return true
    }
    this.position += chunk.byteLength
    const goOn = this.#sink?.write(chunk, loan) ?? true
    if (!goOn) this.#isPaused = true
    return goOn
  }

  #passed(): void {
    this.#passing = undefined
    this.#leaving = undefined
    if (this.position > this.#last) this.#finish()
    else this.#pump()
  }

  #follow(fill: Fill | undefined): void {
    this.#fill = fill
    fill?.attach(this)
  }

  #leaveFill(): void {
    const fill = this.#fill
    this.#fill = undefined
    fill?.detach(this)
  }

  #fail(reason: Error): void {
    if (this.#isOver) return
    this.stop()
    this.#sink?.fail(reason)
  }
}
