// Whole lines to a file descriptor, behind the back of whoever says them. They are written in pieces:
// all that is said within one turn, or while a piece is on its way, goes with the next. Several threads
// may share a pipe, so that no piece is larger than what it takes at once, and each ends with a line. What
// cannot be written is lost: a full disk, or a reader that sleeps, must not cost an answer or the end of the
// program; how much is lost is said when there is somebody to say it to.

import { fstatSync, write, writeSync } from 'node:fs'

/** What the kernel writes to a pipe in one piece. */
const ATOMIC_BYTES = 4096
const PIECE_BYTES = 64 * 1024
/** What waits for a reader; what is said beyond is lost. */
const MOST_HELD = 4 * 1024 * 1024
const RETRY_MS = 20
/** How long the end waits for a reader. */
const PATIENCE_MS = 2000
const MOST_BYTES_A_UNIT = 3

interface Piece {
  readonly room: Buffer
  length: number
}

export class LineWriter {
  readonly #fd: number
  readonly #pieceBytes: number
  /** The last is being added to. */
  #pieces: Piece[] = []
  /** How many of them are taken: a long backlog is not moved for every piece. */
  #taken = 0
  #held = 0
  #lost = 0
  /** One is on its way, or will be within this turn. */
  #isBusy = false
  /** Used again, where it is as large as any. */
  #spare: Buffer | undefined
  #whenWritten: (() => void) | undefined
  #isClosed = false

  /** `isShared`: others write there, too. */
  constructor(fd: number, isShared: boolean) {
    this.#fd = fd
    this.#pieceBytes = isShared && isPipe(fd) ? ATOMIC_BYTES : PIECE_BYTES
  }

  /** `line` ends with its line end. */
  write(line: string): void {
    if (this.#isClosed) return
    if (this.#held > MOST_HELD) {
      this.#lost += 1
      return
    }
    this.#add(line)
    if (this.#isBusy) return
    this.#isBusy = true
    setImmediate(() => this.#next())
  }

  /** Resolves when all that was said is written, or lost to a reader that does not come. */
  async close(): Promise<void> {
    if (this.#isBusy) {
      await new Promise<void>((resolve) => {
        this.#whenWritten = resolve
        setTimeout(resolve, PATIENCE_MS).unref()
      })
    }
    this.#isClosed = true
  }

  /** For a sudden end: as much as goes without waiting. */
  flush(): void {
    try {
      for (let piece = this.#take(); piece !== undefined; piece = this.#take()) {
        writeSync(this.#fd, bytesOf(piece))
      }
    } catch {
      // The output is full or gone: there is nobody left to tell.
    }
  }

  #add(line: string): void {
    const last = this.#pieces.at(-1)
    const piece = last !== undefined && hasRoom(last, line) ? last : this.#begin(line)
    const bytes = piece.room.write(line, piece.length)
    piece.length += bytes
    this.#held += bytes
  }

  /** A line that is longer than a piece has one of its own. */
  #begin(line: string): Piece {
    const spare = this.#spare
    const piece = { room: spare ?? Buffer.allocUnsafeSlow(this.#pieceBytes), length: 0 }
    if (hasRoom(piece, line)) this.#spare = undefined
    else piece.room = Buffer.allocUnsafeSlow(Buffer.byteLength(line))
    this.#pieces.push(piece)
    return piece
  }

  #next(): void {
    const piece = this.#take()
    this.#isBusy = piece !== undefined
    if (piece !== undefined) this.#put(piece, bytesOf(piece))
    else this.#whenWritten?.()
  }

  #put(piece: Piece, bytes: Buffer): void {
    write(this.#fd, bytes, (error, written) => {
      if (this.#isClosed) return
      if (error?.code === 'EAGAIN') setTimeout(() => this.#put(piece, bytes), RETRY_MS)
      else if (error === null && written < bytes.byteLength) {
        this.#put(piece, bytes.subarray(written))
      } else {
        if (piece.room.byteLength === this.#pieceBytes) this.#spare = piece.room
        this.#next()
      }
    })
  }

  #take(): Piece | undefined {
    const piece = this.#pieces[this.#taken]
    this.#taken += 1
    this.#held -= piece?.length ?? 0
    if (this.#taken >= this.#pieces.length) this.#beginAnew()
    return piece
  }

  /** The backlog is gone; what it cost is said in its place. */
  #beginAnew(): void {
    this.#pieces = []
    this.#taken = 0
    if (this.#lost === 0) return
    const lost = this.#lost
    this.#lost = 0
    this.#add(`${JSON.stringify({ level: 'warn', event: 'lines-lost', lost })}\n`)
  }
}

function isPipe(fd: number): boolean {
  const stat = fstatSync(fd)
  return stat.isFIFO() || stat.isSocket()
}

function hasRoom({ room, length }: Piece, line: string): boolean {
  const left = room.byteLength - length
  return line.length * MOST_BYTES_A_UNIT <= left || Buffer.byteLength(line) <= left
}

function bytesOf({ room, length }: Piece): Buffer {
  return room.subarray(0, length)
}
