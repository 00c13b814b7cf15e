// A multipart/byteranges body put together from one stream after the other: S3 gives one range at
// a time. The length is known before the first byte.

import { randomBytes } from 'node:crypto'

import type { Flow, Sink, StreamBody } from '../exchange/body.ts'
import { multipartFraming } from '../http/multipart.ts'
import type { MultipartFraming } from '../http/multipart.ts'
import type { ByteRange } from '../http/range.ts'

type OpenPart = (range: ByteRange) => Promise<StreamBody>

export interface MultipartBody extends StreamBody {
  readonly contentType: string
}

export function multipartBody(
  ranges: readonly ByteRange[],
  size: number,
  contentType: string | undefined,
  open: OpenPart,
): MultipartBody {
  const framing = multipartFraming(ranges, size, contentType, randomBytes(18).toString('hex'))
  return {
    kind: 'stream',
    contentType: framing.contentType,
    length: framing.length,
    start: (sink) => new Assembly(ranges, framing, open, sink),
    discard: () => undefined,
  }
}

class Assembly implements Flow {
  readonly #ranges: readonly ByteRange[]
  readonly #framing: MultipartFraming
  readonly #open: OpenPart
  readonly #sink: Sink
  #index = 0
  #flow: Flow | undefined
  #isStopped = false

  constructor(ranges: readonly ByteRange[], framing: MultipartFraming, open: OpenPart, sink: Sink) {
    this.#ranges = ranges
    this.#framing = framing
    this.#open = open
    this.#sink = sink
    // Owned here: a part that cannot be had fails the sink.
    void this.#next()
  }

  resume(): void {
    this.#flow?.resume()
  }

  stop(): void {
    this.#isStopped = true
    this.#flow?.stop()
  }

  async #next(): Promise<void> {
    const range = this.#ranges[this.#index]
    const head = this.#framing.heads[this.#index]
    if (range === undefined || head === undefined) {
      this.#sink.write(this.#framing.tail)
      this.#sink.end()
      return
    }
    this.#index += 1
    try {
      const part = await this.#open(range)
      if (this.#isStopped) part.discard()
      else this.#begin(part, head)
    } catch (error) {
      if (!this.#isStopped)
        this.#sink.fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #begin(part: StreamBody, head: Uint8Array): void {
    // A reader that is full takes these few bytes all the same; the part itself waits for it.
    this.#sink.write(head)
    this.#flow = part.start({
      write: (chunk) => this.#sink.write(chunk),
      end: () => {
        if (!this.#isStopped) void this.#next()
      },
      fail: (reason) => this.#sink.fail(reason),
    })
  }
}
