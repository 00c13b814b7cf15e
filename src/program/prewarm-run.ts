// One task of fetching ahead, from its order to its end: it finds keys, begins each as the limits that
// all tasks share allow, and counts what becomes of them.

import { setTimeout as after } from 'node:timers/promises'

import type { PrewarmOrder, PrewarmProblem, PrewarmState, PrewarmTask } from '../admin/admin.ts'
import type { Warmed } from '../proxy/proxy.ts'
import { takePlace } from '../primitives/pace.ts'
import type { Pace } from '../primitives/pace.ts'
import type { Slots } from '../primitives/slots.ts'
import { keysOf, ListingFailed } from './prewarm-keys.ts'
import { LineClosed } from './thread-line.ts'
import type { WarmPart } from './warm-part.ts'

export interface RunWorld {
  /** Of the threads that there are now. */
  readonly parts: () => readonly WarmPart[]
  readonly slots: Slots
  readonly pace: Pace
  readonly now: () => number
  readonly monotonic: () => number
  /** Not what is expected to go wrong. */
  readonly reportBug: (error: unknown) => void
}

const KEPT_PROBLEMS = 10
/** A thread that hangs is not waited for by whoever cancels. */
const RELEASE_MS = 5000
/** Threads that end while they are at one object. */
const MAX_ENDINGS = 3

type Result = Warmed | { readonly kind: 'failed'; readonly reason: 'thread_ended' }

export class PrewarmRun {
  readonly id: string
  readonly order: PrewarmOrder
  /** Never rejects. */
  readonly ended: Promise<void>
  readonly #world: RunWorld
  readonly #startedAt: number
  readonly #cancelling = new AbortController()
  readonly #counts = { found: 0, done: 0, skipped: 0, unstored: 0, failed: 0 }
  readonly #problems: PrewarmProblem[] = []
  #bytes = 0
  #turn = 0
  #state: PrewarmState = 'running'
  #reason: string | undefined
  #endedAt: number | undefined

  constructor(id: string, order: PrewarmOrder, world: RunWorld) {
    this.id = id
    this.order = order
    this.#world = world
    this.#startedAt = world.now()
    this.ended = this.#run()
  }

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  report(): PrewarmTask {
    return {
      id: this.id,
      order: this.order,
      state: this.#state,
      reason: this.#reason,
      objects: { ...this.#counts },
      bytes: this.#bytes,
      startedAt: this.#startedAt,
      endedAt: this.#endedAt,
      problems: [...this.#problems],
    }
  }

  /** When nothing is under way for it any more, or a thread would not say so. */
  async cancel(): Promise<void> {
    if (!this.isRunning) return
    this.#end('cancelled')
    this.#cancelling.abort()
    const released = this.#world.parts().map((part) => part.release(this.id))
    const patience = new AbortController()
    const { signal } = patience
    await Promise.race([
      Promise.all([this.ended, Promise.allSettled(released)]),
      after(RELEASE_MS, undefined, { signal }).catch(() => undefined),
    ])
    patience.abort()
  }

  #end(state: PrewarmState, reason?: string): void {
    if (!this.isRunning) return
    this.#state = state
    this.#reason = reason
    this.#endedAt = this.#world.now()
  }

  async #run(): Promise<void> {
    try {
      const listingFailed = await this.#warmAll()
      const { found, failed } = this.#counts
      // To have tried is not enough, where nothing at all came of it.
      const reason = listingFailed ?? (found > 0 && failed === found ? 'all_failed' : undefined)
      this.#end(reason === undefined ? 'completed' : 'failed', reason)
    } catch (error) {
      this.#world.reportBug(error)
      this.#end('failed', 'internal_error')
    }
  }

  /** Gives the reason why not all could be found, once what was begun has ended. */
  async #warmAll(): Promise<string | undefined> {
    const underWay = new Set<Promise<void>>()
    try {
      for await (const keys of this.#keys()) {
        if (!this.isRunning) break
        this.#counts.found += keys.length
        for (const key of keys) {
          const release = await this.#world.slots.take(this.#cancelling.signal)
          if (release === undefined) return undefined
          const work = this.#warm(key).finally(() => {
            release()
            underWay.delete(work)
          })
          underWay.add(work)
        }
      }
    } catch (error) {
      if (!(error instanceof ListingFailed)) throw error
      return error.reason
    } finally {
      await Promise.all(underWay)
    }
    return undefined
  }

  #keys(): AsyncGenerator<readonly string[]> {
    const context = { task: this.id, bucket: this.order.bucket }
    return keysOf(this.order, async (question) => {
      const listed = await this.#withPart((part) => part.list(context, question))
      return listed ?? { kind: 'failed', reason: 'thread_ended' }
    })
  }

  async #warm(key: string): Promise<void> {
    const result = await this.#warmInOne(key).catch((error: unknown): Result => {
      this.#world.reportBug(error)
      return { kind: 'failed', reason: 'internal_error' }
    })
    if (this.isRunning) this.#count(key, result)
  }

  /** What one thread keeps, all can find. */
  async #warmInOne(key: string): Promise<Result> {
    const context = { task: this.id, bucket: this.order.bucket }
    const warmed = await this.#withPart(async (part): Promise<Result> => {
      await this.#waitForPlace()
      return this.isRunning ? part.warm(context, key) : THREAD_ENDED
    })
    return warmed ?? THREAD_ENDED
  }

  /** By the threads in turn; by another one where the first ends over it. */
  async #withPart<T>(ask: (part: WarmPart) => Promise<T>): Promise<T | undefined> {
    for (let ending = 0; ending < MAX_ENDINGS && this.isRunning; ending += 1) {
      const parts = this.#world.parts()
      const part = parts[this.#turn % parts.length]
      this.#turn += 1
      const answer = await (part && ask(part).catch(ifClosed))
      if (answer !== undefined) return answer
    }
    return undefined
  }

  async #waitForPlace(): Promise<void> {
    const { pace, monotonic } = this.#world
    const waitMs = takePlace(pace, monotonic())
    if (waitMs <= 0) return
    const { signal } = this.#cancelling
    await after(waitMs, undefined, { signal }).catch(() => undefined)
  }

  #count(key: string, result: Result): void {
    switch (result.kind) {
      case 'failed':
        this.#counts.failed += 1
        this.#note({ key, reason: result.reason })
        return
      case 'unstored':
        this.#counts.unstored += 1
        this.#note({ key, reason: 'not_stored' })
        return
      case 'done':
        this.#counts.done += 1
        this.#bytes += result.bytes
        return
      case 'skipped':
        this.#counts.skipped += 1
    }
  }

  #note(problem: PrewarmProblem): void {
    this.#problems.push(problem)
    if (this.#problems.length > KEPT_PROBLEMS) this.#problems.shift()
  }
}

const THREAD_ENDED: Result = { kind: 'failed', reason: 'thread_ended' }

function ifClosed(error: unknown): undefined {
  if (error instanceof LineClosed) return undefined
  throw error
}
