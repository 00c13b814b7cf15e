// Spans on their way to whoever collects them: in batches, one at a time, never more than there is room
// for. A collector that is slow, hangs or is gone costs what it does not take, and one line in the log.

import type { SpanCounts } from '../exchange/counts.ts'
import type { Emit } from '../exchange/event.ts'
import type { Span } from './span.ts'

/** Rejects with the reason why they did not arrive. */
export type Export = (spans: readonly Span[]) => Promise<void>

export interface SpanQueueOptions {
  readonly send: Export
  readonly emit: Emit
  readonly monotonic: () => number
}

const MOST_SPANS = 4096
const BATCH = 512
/** How long one waits for others to go with. */
const DELAY_MS = 1000
/** How long one export may take, whatever limit it has of its own. */
const PATIENCE_MS = 5000
/** How long the end waits for what is left. */
const LAST_MS = 3000
/** A collector that comes and goes is told of so often at the most. */
const TOLD_EVERY_MS = 60_000

export class SpanQueue {
  readonly #options: SpanQueueOptions
  readonly counts: SpanCounts
  #spans: Span[] = []
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<boolean> | undefined
  /** The last export did. */
  #hasFailed = false
  /** That it does is told. */
  #isTold = false
  #isClosed = false
  #toldAt = Number.NEGATIVE_INFINITY

  /** Goes on with what was counted before. */
  constructor(options: SpanQueueOptions, counts: SpanCounts) {
    this.#options = options
    this.counts = counts
  }

  /** All of them or none: half an exchange misleads. */
  add(spans: readonly Span[]): void {
    if (this.#spans.length + spans.length > MOST_SPANS) {
      this.counts.dropped += spans.length
      return
    }
    this.#spans.push(...spans)
    if (this.#spans.length >= BATCH && !this.#hasFailed) this.#sendSoon()
    else this.#timer ??= setTimeout(() => this.#sendSoon(), DELAY_MS).unref()
  }

  /** What is left is sent, as far as it goes in a short time. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    let timer: NodeJS.Timeout | undefined
    const isLate = new Promise<void>((resolve) => (timer = setTimeout(resolve, LAST_MS)))
    await Promise.race([this.#drain(), isLate])
    clearTimeout(timer)
    this.counts.dropped += this.#spans.length
    this.#spans = []
  }

  async #drain(): Promise<void> {
    // Whoever does not take these will not take those behind them.
    let isTaken = (await this.#sending) ?? true
    while (isTaken && this.#spans.length > 0) isTaken = await this.#send()
  }

  #sendSoon(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#sending !== undefined || this.#isClosed) return
    this.#sending = this.#sendOne()
  }

  async #sendOne(): Promise<boolean> {
    const isTaken = await this.#send()
    this.#sending = undefined
    if (this.#spans.length > 0 && !this.#isClosed) {
      this.#timer ??= setTimeout(() => this.#sendSoon(), this.#wait()).unref()
    }
    return isTaken
  }

  #wait(): number {
    return !this.#hasFailed && this.#spans.length >= BATCH ? 0 : DELAY_MS
  }

  async #send(): Promise<boolean> {
    const batch = this.#spans.splice(0, BATCH)
    try {
      await inTime(this.#options.send(batch))
      this.counts.exported += batch.length
      this.#tell(false, 'they are taken')
      return true
    } catch (error) {
      this.counts.failed += batch.length
      this.#tell(true, error instanceof Error ? error.message : String(error))
      return false
    }
  }

  #tell(hasFailed: boolean, reason: string): void {
    this.#hasFailed = hasFailed
    if (hasFailed === this.#isTold) return
    const at = this.#options.monotonic()
    if (hasFailed && at - this.#toldAt < TOLD_EVERY_MS) return
    if (hasFailed) this.#toldAt = at
    this.#isTold = hasFailed
    const state = hasFailed ? 'aside' : 'back'
    this.#options.emit({ kind: 'tracing', state, reason: reason.slice(0, REASON) })
  }
}

/** Characters of what a collector has to say. */
const REASON = 300

function inTime(sending: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new Error(`no answer within ${PATIENCE_MS} ms`))
    const timer = setTimeout(late, PATIENCE_MS).unref()
    sending.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
