// How sockets to an endpoint are read: all of them into one room, which the next read overwrites, and
// those that are fast into more of it.
// Left to itself Node makes 64 KiB anew for each read, however little comes, and what was read into
// them has the collector look through the whole heap ever so often. Heads are copied, because the
// client's parser keeps them from one read to the next; bodies of stated length pass by uncopied.

import type { Socket } from 'node:net'

const NOTHING = Buffer.alloc(0)
export const READ_BYTES = 64 * 1024
/** Of a body that is taken as fast as it comes: a read and a write cost more than the bytes they move. */
export const MOST_READ_BYTES = 512 * 1024
/** Who has let so much pass without holding it, and has more waiting, is fast. */
const FAST_BYTES = 256 * 1024
/** For one that is to hold after all, a copy of what was read last is kept: so many at a time. */
const MOST_FAST = 32
/** What is read of one at a time, where others wait. */
const TURN_BYTES = 1024 * 1024
/** More than a head and a small object take. */
const COPIED_BYTES = 16 * 1024

interface OnRead {
  readonly buffer: () => Uint8Array
  readonly callback: (bytes: number, room: Uint8Array) => boolean
}

/** The room, and who is being read into it. */
export class Reading {
  /** What no read has come to yet is not had from the system. */
  readonly #room = Buffer.allocUnsafeSlow(MOST_READ_BYTES)
  readonly #part: Buffer<ArrayBuffer> = this.#room.subarray(0, READ_BYTES)
  readonly #sources = new WeakMap<object, SocketSource>()
  /** They have the whole room. */
  readonly #fast = new Set<SocketSource>()
  #next = this.#part
  /** Whose bytes the parser has before it. */
  current: SocketSource | undefined

  /** For `net.connect` and `tls.connect`. */
  get onread(): OnRead {
    const sources = this.#sources
    const read = this.#read.bind(this)
    return {
      // Asked for when a socket begins, and after each call of the other.
      buffer: () => {
        const next = this.#next
        this.#next = this.#part
        return next
      },
      callback(this: unknown, bytes, room) {
        const source = typeof this === 'object' && this !== null ? sources.get(this) : undefined
        return source === undefined || read(source, bytes, room.byteLength)
      },
    }
  }

  #read(source: SocketSource, bytes: number, roomBytes: number): boolean {
    // A copy of a large read that somebody was to hold is gone when more is read.
    if (roomBytes < MOST_READ_BYTES) this.#fast.delete(source)
    const goOn = source.receive(this.#room.subarray(0, bytes))
    source.unheldBytes = goOn && source.isInBody ? source.unheldBytes + bytes : 0
    if (this.#isFast(source, bytes === roomBytes)) this.#next = this.#room
    return goOn && this.#isTurnOf(source, bytes)
  }

  #isFast(source: SocketSource, isFull: boolean): boolean {
    if (source.unheldBytes < FAST_BYTES) return false
    if (isFull && this.#fast.size < MOST_FAST) this.#fast.add(source)
    return this.#fast.has(source)
  }

  /** Others wait meanwhile: it goes on when they have had their turn. */
  #isTurnOf(source: SocketSource, bytes: number): boolean {
    source.turnBytes += bytes
    if (source.turnBytes < TURN_BYTES) return true
    source.turnBytes = 0
    setImmediate(() => source.readOn())
    return false
  }

  /** It reads no body any more. */
  leave(source: SocketSource): void {
    this.#fast.delete(source)
  }

  /** From here on it gives what came by `read`. When it has just connected. */
  adopt(socket: Socket): void {
    const read = socket.read.bind(socket)
    const source = new SocketSource(socket, this, () => {
      // Of no bytes: Node's own way to tell the end.
      read(0)
      if (!socket.destroyed && !socket.readableEnded) socket._read(0)
    })
    socket.read = (size?: number): unknown => {
      if (size !== 0) return source.take()
      // TLS may have told the end while what came before it still waits, or the parser does.
      return source.isWaiting ? null : read(0)
    }
    socket.unshift = (bytes: Uint8Array) => source.putBack(bytes.byteLength)
    this.#sources.set(socket, source)
  }
}

export class SocketSource {
  /** Of this body, since its reader last asked to hold. */
  unheldBytes = 0
  /** Since others had their turn. */
  turnBytes = 0
  readonly #socket: Socket
  readonly #reading: Reading
  readonly #readOn: () => void
  #isInBody = false
  #bytes: Buffer = NOTHING
  #at = 0
  #isReceiving = false
  /** The parser asked for more than there was. */
  #isWanted = true
  #isLent = false

  constructor(socket: Socket, reading: Reading, readOn: () => void) {
    this.#socket = socket
    this.#reading = reading
    this.#readOn = readOn
  }

  /** The parser is in a body whose length is stated, so that it keeps nothing of what it is given. */
  get isInBody(): boolean {
    return this.#isInBody
  }

  beginBody(): void {
    this.#isInBody = true
  }

  endBody(): void {
    this.#isInBody = false
    this.#reading.leave(this)
  }

  /** For the parser, with bytes or without: an answer has ended when it has gone on. */
  get isWaiting(): boolean {
    return !this.#isWanted
  }

  /** Unless something has come meanwhile that waits. */
  readOn(): void {
    if (this.#isWanted) this.#readOn()
  }

  /** Whether what was taken last will be overwritten when the parser is done with it. */
  get isLent(): boolean {
    return this.#isLent
  }

  /** False: nothing more is to be read until it is asked for. */
  receive(bytes: Buffer): boolean {
    if (!this.#isWanted) {
      // TLS gives all that it has deciphered, whatever it was told.
      this.#hold(Buffer.concat([this.#bytes.subarray(this.#at), bytes]))
      return false
    }
    this.#hold(bytes)
    this.#isWanted = false
    this.#isReceiving = true
    this.#socket.emit('readable')
    this.#isReceiving = false
    this.#hold(this.#at < bytes.byteLength ? Buffer.from(bytes.subarray(this.#at)) : NOTHING)
    return this.#isWanted
  }

  #hold(bytes: Buffer): void {
    this.#bytes = bytes
    this.#at = 0
  }

  take(): Buffer | null {
    const left = this.#bytes.byteLength - this.#at
    if (left === 0) {
      this.#isWanted = true
      if (!this.#isReceiving) this.readOn()
      return null
    }
    const isOwn = !this.#isReceiving
    this.#isLent = this.#isReceiving && this.#isInBody
    const taken = isOwn || this.#isInBody ? left : Math.min(left, COPIED_BYTES)
    const bytes = this.#bytes.subarray(this.#at, this.#at + taken)
    this.#at += taken
    this.#reading.current = this
    return isOwn || this.#isInBody ? bytes : Buffer.from(bytes)
  }

  /** Of what was taken last. */
  putBack(bytes: number): void {
    this.#at -= bytes
  }
}
