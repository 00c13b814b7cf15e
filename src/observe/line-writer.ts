// Whole lines to a file descriptor, behind the back of whoever says them. Several threads share the
// one output, so a write never carries part of a line. What cannot be written is lost: a full disk,
// or a reader that sleeps, must not cost an answer or the end of the program; how much is lost is said
// when there is somebody to say it to.

import { write, writeSync } from 'node:fs'

/** What the kernel writes to a pipe in one piece. */
const ATOMIC_BYTES = 4096
/** Characters that wait for a reader; what is said beyond is lost. */
const MOST_HELD = 4 * 1024 * 1024
const RETRY_MS = 20
/** How long the end waits for a reader. */
const PATIENCE_MS = 2000

export class LineWriter {
  readonly #fd: number
  #lines: string[] = []
  /** How many of them are taken: a long backlog is not moved for every piece. */
  #taken = 0
  #held = 0
  #lost = 0
  /** Under way. */
  #piece: Buffer | undefined
  #whenWritten: (() => void) | undefined
  #isClosed = false

  constructor(fd: number) {
    this.#fd = fd
  }

  /** `line` ends with its line end. */
  write(line: string): void {
    if (this.#isClosed) return
    if (this.#held > MOST_HELD) {
      this.#lost += 1
      return
    }
    this.#lines.push(line)
    this.#held += line.length
    if (this.#piece === undefined) this.#next()
  }

  /** Resolves when all that was said is written, or lost to a reader that does not come. */
  async close(): Promise<void> {
    if (this.#piece === undefined) return
    await new Promise<void>((resolve) => {
      this.#whenWritten = resolve
      setTimeout(resolve, PATIENCE_MS).unref()
    })
    this.#isClosed = true
  }

  /** For a sudden end: as much as goes without waiting. */
  flush(): void {
    try {
      for (let piece = this.#take(); piece.byteLength > 0; piece = this.#take()) {
        writeSync(this.#fd, piece)
      }
    } catch {
      // The output is full or gone: there is nobody left to tell.
    }
  }

  #next(): void {
    const piece = this.#take()
    this.#piece = piece.byteLength > 0 ? piece : undefined
    if (this.#piece !== undefined) this.#put(this.#piece)
    else this.#whenWritten?.()
  }

  #put(piece: Buffer): void {
    write(this.#fd, piece, (error, bytes) => {
      if (this.#isClosed) return
      if (error?.code === 'EAGAIN') setTimeout(() => this.#put(piece), RETRY_MS)
      else if (error === null && bytes < piece.byteLength) this.#put(piece.subarray(bytes))
      else this.#next()
    })
  }

  /** As many whole lines as one write may carry, and one at least. */
  #take(): Buffer {
    const lines = this.#lines
    let bytes = 0
    let end = this.#taken
    while (end < lines.length) {
      bytes += Buffer.byteLength(lines[end] ?? '')
      if (end > this.#taken && bytes > ATOMIC_BYTES) break
      end += 1
    }
    const text = lines.slice(this.#taken, end).join('')
    this.#taken = end
    this.#held -= text.length
    if (end === lines.length) this.#begin()
    return Buffer.from(text)
  }

  /** The backlog is gone; what it cost is said in its place. */
  #begin(): void {
    this.#lines = []
    this.#taken = 0
    if (this.#lost === 0) return
    const line = `${JSON.stringify({ level: 'warn', event: 'lines-lost', lost: this.#lost })}\n`
    this.#lost = 0
    this.#lines.push(line)
    this.#held += line.length
  }
}
