// One place that records go to: what waits for it, tried again until it has arrived, and never longer
// than the end allows. How they get there is the delivery's business.

import { setTimeout as after } from 'node:timers/promises'

import type { AuditOutput } from '../config/audit-log.ts'
import { backoffMs } from '../primitives/backoff.ts'
import { AuditBacklog } from './audit-backlog.ts'
import type { ChainedRecord, ChainHead } from './audit-chain.ts'
import type { Lost } from './audit-record.ts'
import type { AuditTrouble } from './audit-trouble.ts'

export interface Delivery {
  readonly batchBytes: number
  /** Made ready. Gives where the chain ended that is there already. */
  open(): Promise<ChainHead | undefined>
  /**
   * How many of them have arrived, from the first on; rejects where none has. The others are given
   * again.
   */
  deliver(records: readonly ChainedRecord[]): Promise<number>
  /** Rejects when the time is over before it is done. */
  close(deadline: AbortSignal): Promise<void>
}

export interface AuditCounts {
  written: number
  /** They will never arrive. */
  dropped: number
  /** In attempts that failed: they are tried again. */
  failed: number
}

export interface AuditSinkOptions {
  readonly name: AuditOutput
  readonly delivery: Delivery
  readonly bufferBytes: number
  readonly counts: AuditCounts
  readonly trouble: AuditTrouble
  readonly random: () => number
  /** What is delivered is only on its way yet, and the delivery counts what arrives. */
  readonly countsItself?: boolean
}

const BACKOFF = { initialBackoffMs: 200, maxBackoffMs: 5000 }

export class AuditSink {
  readonly #options: AuditSinkOptions
  readonly #backlog: AuditBacklog
  readonly #closing = new AbortController()
  #running: Promise<void> | undefined
  #isGivenUp = false

  constructor(options: AuditSinkOptions) {
    this.#options = options
    this.#backlog = new AuditBacklog(options.bufferBytes)
  }

  get name(): AuditOutput {
    return this.#options.name
  }

  /** Neither waits nor throws. */
  offer(record: ChainedRecord): void {
    if (!this.#backlog.push(record)) this.#drop(1)
    else this.#running ??= this.#run()
  }

  /** Of what could not be taken, and can be told of now. */
  takeGap(): Lost | undefined {
    const gap = this.#backlog.takeGap()
    return gap && { sink: this.name, ...gap }
  }

  /** Resolves when it can tell what it has lost, or when that may not be waited for any longer. */
  async whenRoom(deadline: AbortSignal): Promise<void> {
    if (this.#backlog.hasGap) await Promise.race([this.#running, aborted(deadline)])
  }

  /** What still waits when the deadline aborts is lost. */
  async close(deadline: AbortSignal): Promise<void> {
    this.#closing.abort()
    await Promise.race([this.#running, aborted(deadline)])
    this.#isGivenUp = true
    if (this.#backlog.length > 0) this.#drop(this.#backlog.length)
    await Promise.race([this.#options.delivery.close(deadline), aborted(deadline)]).catch(
      (error: unknown) => this.#options.trouble.failing(error),
    )
  }

  async #run(): Promise<void> {
    const { delivery, counts, trouble, random, countsItself = false } = this.#options
    // What comes in the same turn goes with it.
    await Promise.resolve()
    for (let failures = 0; this.#backlog.length > 0 && !this.#isGivenUp;) {
      const batch = this.#backlog.next(delivery.batchBytes)
      try {
        const arrived = await delivery.deliver(batch)
        if (this.#isGivenUp) return
        this.#backlog.remove(arrived)
        if (!countsItself) counts.written += arrived
        failures = 0
        trouble.well()
      } catch (error) {
        if (this.#isGivenUp) return
        counts.failed += batch.length
        trouble.failing(error)
        await this.#pause(backoffMs(BACKOFF, failures, random()))
        failures += 1
      }
    }
    this.#running = undefined
  }

  /** Shorter at the end: there is not much time left. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closing
    if (signal.aborted) await after(Math.min(ms, 250))
    else await after(ms, undefined, { signal }).catch(() => {})
  }

  #drop(count: number): void {
    this.#options.counts.dropped += count
    this.#options.trouble.lost(count)
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => whenAborted(signal, resolve))
}

export function whenAborted(signal: AbortSignal, act: () => void): void {
  if (signal.aborted) act()
  else signal.addEventListener('abort', act, { once: true })
}
