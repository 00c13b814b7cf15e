// How sockets to an endpoint are read: all of them into one room, which the next read overwrites.
// Left to itself Node makes 64 KiB anew for each read, however little comes, and what was read into
// them has the collector look through the whole heap ever so often. Heads are copied, because the
// client's parser keeps them from one read to the next; bodies of stated length pass by uncopied.

import type { Socket } from 'node:net'

const NOTHING = Buffer.alloc(0)
const ROOM_BYTES = 64 * 1024
/** More than a head and a small object take. */
const COPIED_BYTES = 16 * 1024

/** The room, and who is being read into it. */
export class Reading {
  readonly #room = Buffer.allocUnsafeSlow(ROOM_BYTES)
  readonly #sources = new WeakMap<object, SocketSource>()
  /** Whose bytes the parser has before it. */
  current: SocketSource | undefined

  /** For `net.connect` and `tls.connect`. */
  get onread(): { buffer: Uint8Array; callback: (bytes: number) => boolean } {
    const sources = this.#sources
    const room = this.#room
    return {
      buffer: room,
      callback(this: unknown, bytes) {
        const source = typeof this === 'object' && this !== null ? sources.get(this) : undefined
        return source?.receive(room.subarray(0, bytes)) ?? true
      },
    }
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
      // TLS may have told the end while what came before it still waits.
      return source.isHolding ? null : read(0)
    }
    socket.unshift = (bytes: Uint8Array) => source.putBack(bytes.byteLength)
    this.#sources.set(socket, source)
  }
}

export class SocketSource {
  /** The parser is in a body whose length is stated, so that it keeps nothing of what it is given. */
  isInBody = false
  readonly #socket: Socket
  readonly #reading: Reading
  readonly #readOn: () => void
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

  get isHolding(): boolean {
    return this.#at < this.#bytes.byteLength
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
      if (!this.#isReceiving) this.#readOn()
      return null
    }
    const isOwn = !this.#isReceiving
    this.#isLent = this.#isReceiving && this.isInBody
    const taken = isOwn || this.isInBody ? left : Math.min(left, COPIED_BYTES)
    const bytes = this.#bytes.subarray(this.#at, this.#at + taken)
    this.#at += taken
    this.#reading.current = this
    return isOwn || this.isInBody ? bytes : Buffer.from(bytes)
  }

  /** Of what was taken last. */
  putBack(bytes: number): void {
    this.#at -= bytes
  }
}
