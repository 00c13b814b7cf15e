// Several worker threads, each a complete proxy on the one port. A thread that dies is replaced
// and counted; at the end all of them drain. What a thread does is its own business.

import { setTimeout as after } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'

import type { Address } from '../config/server.ts'
import type { Emit } from '../exchange/event.ts'
import { monotonic } from '../primitives/clock.ts'

/** What a thread tells its supervisor. */
export type FromThread =
  | { readonly kind: 'listening'; readonly address: Address }
  | { readonly kind: 'drained'; readonly cut: number }

/** What it is told. */
export type ToThread =
  { readonly kind: 'drain'; readonly times: DrainTimes } | { readonly kind: 'cut' }

export interface DrainTimes {
  readonly lameDuckMs: number
  readonly drainMs: number
}

export interface ThreadsOptions {
  readonly count: number
  /** A thread that will listen on the port; 0 leaves the choice to the first. */
  readonly spawn: (port: number, index: number) => Worker
  /** A thread has ended, and does nothing more. */
  readonly onEnd: (index: number) => void
  readonly port: number
  readonly emit: Emit
}

interface Thread {
  readonly worker: Worker
  readonly startedAt: number
  readonly drained: Promise<number>
}

const MAX_RESTART_DELAY_MS = 5000
const STEADY_AFTER_MS = 60_000

export class Threads {
  readonly #options: ThreadsOptions
  readonly #threads: (Thread | undefined)[]
  #address: Address | undefined
  #deaths = 0
  #quickDeaths = 0
  #isDraining = false

  constructor(options: ThreadsOptions) {
    this.#options = options
    this.#threads = Array.from({ length: options.count }, () => undefined)
  }

  /** Resolves when all threads listen; rejects when one of the first cannot. */
  async start(): Promise<Address> {
    try {
      const address = await this.#begin(0)
      const others = this.#threads.map((_thread, index) => index).slice(1)
      await Promise.all(others.map((index) => this.#begin(index)))
      return address
    } catch (error) {
      this.#isDraining = true
      await Promise.all(this.#running().map(({ worker }) => worker.terminate()))
      throw error
    }
  }

  /** What still runs when `impatience` aborts is cut. */
  async drain(times: DrainTimes, impatience: AbortSignal): Promise<number> {
    this.#isDraining = true
    const running = this.#running()
    const tell = (message: ToThread): void => {
      for (const { worker } of running) worker.postMessage(message)
    }
    tell({ kind: 'drain', times })
    impatience.addEventListener('abort', () => tell({ kind: 'cut' }))
    const cuts = await Promise.all(running.map(({ drained }) => drained))
    // One that was only starting may not have heard, and would keep the process.
    await Promise.all(running.map(({ worker }) => worker.terminate()))
    return cuts.reduce((sum, cut) => sum + cut, 0)
  }

  #running(): Thread[] {
    return this.#threads.filter((thread) => thread !== undefined)
  }

  #begin(index: number): Promise<Address> {
    const worker = this.#options.spawn(this.#address?.port ?? this.#options.port, index)
    return new Promise((resolve, reject) => {
      let isListening = false
      let failure: unknown = new Error('it ended')
      const thread: Thread = {
        worker,
        startedAt: monotonic(),
        drained: new Promise((done) => {
          worker.on('message', (message: FromThread) => {
            if (message.kind === 'drained') done(message.cut)
          })
          worker.on('exit', () => done(0))
        }),
      }
      this.#threads[index] = thread
      worker.on('message', (message: FromThread) => {
        if (message.kind !== 'listening') return
        isListening = true
        this.#address ??= message.address
        resolve(message.address)
      })
      worker.on('error', (error) => (failure = error))
      worker.on('exit', () => {
        this.#options.onEnd(index)
        if (isListening) void this.#replace(index, thread.startedAt, failure)
        else reject(failure instanceof Error ? failure : new Error(String(failure)))
      })
    })
  }

  async #replace(index: number, startedAt: number, failure: unknown): Promise<void> {
    this.#threads[index] = undefined
    if (this.#isDraining) return
    this.#deaths += 1
    const wasSteady = monotonic() - startedAt > STEADY_AFTER_MS
    this.#quickDeaths = wasSteady ? 0 : this.#quickDeaths + 1
    this.#announce(index, failure)
    // One that dies as soon as it starts must not keep the machine busy with being born.
    await after(Math.min(MAX_RESTART_DELAY_MS, 25 * 2 ** this.#quickDeaths))
    if (this.#isDraining) return
    const bornAt = monotonic()
    await this.#begin(index).catch((error: unknown) => this.#replace(index, bornAt, error))
  }

  #announce(index: number, failure: unknown): void {
    const error = failure instanceof Error ? (failure.stack ?? failure.message) : String(failure)
    this.#options.emit({ kind: 'worker-died', worker: index, deaths: this.#deaths, error })
  }
}
