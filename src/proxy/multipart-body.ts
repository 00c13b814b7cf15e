// A multipart/byteranges body put together from one stream after the other: S3 gives one range at
// a time. The length is known before the first byte.

import { randomBytes } from 'node:crypto'

import type { Flow, Sink, StreamBody } from '../exchange/body.ts'
import { multipartFraming } from '../http/multipart.ts'
import type { MultipartFraming } from '../http/multipart.ts'
import type { ByteRange } from '../http/range.ts'

export interface MultipartOptions {
  readonly ranges: readonly ByteRange[]
  readonly size: number
  readonly contentType: string | undefined
  /** The body of the first range. */
  readonly first: StreamBody
  /** Gets the body of each further one, when its turn comes. */
  readonly open: (range: ByteRange) => Promise<StreamBody>
}

export interface MultipartBody extends StreamBody {
  readonly contentType: string
}

export function multipartBody(options: MultipartOptions): MultipartBody {
  const { ranges, size, contentType, first } = options
  const framing = multipartFraming(ranges, size, contentType, randomBytes(18).toString('hex'))
  return {
    kind: 'stream',
    contentType: framing.contentType,
    length: framing.length,
    start: (sink) => {
      const assembly = new Assembly(options, framing, sink)
      assembly.begin(first)
      return assembly
    },
    discard: () => first.discard(),
  }
}

class Assembly implements Flow {
  readonly #options: MultipartOptions
  readonly #framing: MultipartFraming
  readonly #sink: Sink
  /** Of the part that flows. */
  #index = 0
  #flow: Flow | undefined
  #isStopped = false

  constructor(options: MultipartOptions, framing: MultipartFraming, sink: Sink) {
    this.#options = options
    this.#framing = framing
    this.#sink = sink
  }

  begin(part: StreamBody): void {
    const head = this.#framing.heads[this.#index]
    // A reader that is full takes these few bytes all the same; the part itself waits for it.
    if (head !== undefined) this.#sink.write(head)
    const flow = part.start({
      write: (chunk, loan) => this.#sink.write(chunk, loan),
      end: () => this.#ended(),
      fail: (reason) => this.#sink.fail(reason),
    })
    this.#flow = flow
    // The reader may have left while the part was only starting.
    if (this.#isStopped) flow.stop()
  }

  resume(): void {
    this.#flow?.resume()
  }

  stop(): void {
    this.#isStopped = true
    this.#flow?.stop()
  }

  #ended(): void {
    if (this.#isStopped) return
    this.#index += 1
    const range = this.#options.ranges[this.#index]
    if (range === undefined) {
      this.#sink.write(this.#framing.tail)
      this.#sink.end()
      return
    }
    // Owned here: a part that cannot be had fails the sink.
    void this.#continue(range)
  }

  async #continue(range: ByteRange): Promise<void> {
    try {
      const part = await this.#options.open(range)
      if (this.#isStopped) part.discard()
      else this.begin(part)
    } catch (error) {
      if (this.#isStopped) return
      this.#sink.fail(error instanceof Error ? error : new Error(String(error)))
    }
  }
}
