// All tasks of fetching ahead, of all threads. They share the limits, and the finished ones are
// remembered for a while.

import { randomUUID } from 'node:crypto'

import type { PrewarmDesk, PrewarmOrder, PrewarmTask, PrewarmTotals } from '../admin/admin.ts'
import type { CacheConfig } from '../config/cache.ts'
import type { Config } from '../config/config.ts'
import type { Emit } from '../exchange/event.ts'
import { Refusal } from '../exchange/refusal.ts'
import { monotonic, now } from '../primitives/clock.ts'
import { createPace } from '../primitives/pace.ts'
import { Slots } from '../primitives/slots.ts'
import { PrewarmRun } from './prewarm-run.ts'
import type { RunWorld } from './prewarm-run.ts'
import type { WarmPart } from './warm-part.ts'

export interface PrewarmingOptions {
  readonly config: Config
  /** Of the threads that there are now. */
  readonly parts: () => readonly WarmPart[]
  readonly emit: Emit
}

const MAX_RUNNING = 100
const MAX_FINISHED = 100

export class Prewarming implements PrewarmDesk {
  #buckets: ReadonlySet<string> = new Set()
  #config: Pick<Config, 'cache' | 'buckets'>
  /** Its limits may change: what has a place among the last keeps it. */
  readonly #world: { -readonly [Name in keyof RunWorld]: RunWorld[Name] }
  readonly #emit: Emit
  /** In the order of their beginning. */
  readonly #running = new Map<string, PrewarmRun>()
  /** In the order of their end. */
  readonly #finished = new Map<string, PrewarmTask>()
  #ofFinished: PrewarmTotals = { objects: 0, bytes: 0 }
  #isClosed = false

  constructor({ config, parts, emit }: PrewarmingOptions) {
    const { cache } = config
    this.#config = config
    this.#emit = emit
    this.#world = {
      parts,
      slots: new Slots(slotsFor(cache)),
      pace: createPace(cache.warming.perSecond),
      now,
      monotonic,
      reportBug: (error) => emit({ kind: 'bug', error }),
    }
    this.use(config)
  }

  /** From now on, for tasks that run too. */
  use(config: Pick<Config, 'cache' | 'buckets'>): void {
    const { cache: last } = this.#config
    const { cache, buckets } = config
    this.#config = config
    const cached = cache.enabled ? buckets.filter((bucket) => bucket.cache.enabled) : []
    this.#buckets = new Set(cached.map(({ name }) => name))
    if (slotsFor(cache) !== slotsFor(last)) this.#world.slots = new Slots(slotsFor(cache))
    if (cache.warming.perSecond !== last.warming.perSecond) {
      this.#world.pace = createPace(cache.warming.perSecond)
    }
  }

  /** Those that are cached. */
  get buckets(): ReadonlySet<string> {
    return this.#buckets
  }

  get totals(): PrewarmTotals {
    let { objects, bytes } = this.#ofFinished
    for (const run of this.#running.values()) {
      const task = run.report()
      objects += task.objects.done
      bytes += task.bytes
    }
    return { objects, bytes }
  }

  begin(order: PrewarmOrder): string {
    if (this.#isClosed) throw new Refusal('draining')
    if (this.#running.size >= MAX_RUNNING) throw new Refusal('too_busy')
    const run = new PrewarmRun(randomUUID(), order, this.#world)
    this.#running.set(run.id, run)
    // Owned here: a run ends, and never rejects.
    void run.ended.then(() => this.#finish(run))
    return run.id
  }

  all(): readonly PrewarmTask[] {
    const running = [...this.#running.values()].map((run) => run.report())
    return [...this.#finished.values(), ...running].sort((a, b) => b.startedAt - a.startedAt)
  }

  find(id: string): PrewarmTask | undefined {
    return this.#running.get(id)?.report() ?? this.#finished.get(id)
  }

  async cancel(id: string): Promise<PrewarmTask | undefined> {
    await this.#running.get(id)?.cancel()
    return this.find(id)
  }

  /** Cancels what runs, and begins nothing more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#running.values()].map((run) => run.cancel()))
  }

  #finish(run: PrewarmRun): void {
    const task = run.report()
    this.#running.delete(run.id)
    this.#finished.set(run.id, task)
    for (const oldest of this.#finished.keys()) {
      if (this.#finished.size <= MAX_FINISHED) break
      this.#finished.delete(oldest)
    }
    const { objects, bytes, state, reason, order } = task
    const { done, failed } = objects
    const sum = this.#ofFinished
    this.#ofFinished = { objects: sum.objects + done, bytes: sum.bytes + bytes }
    const { bucket } = order
    const facts = { bucket, status: state, reason, done, failed, bytes }
    this.#emit({ kind: 'prewarm', task: run.id, ...facts })
  }
}

function slotsFor(cache: CacheConfig): number {
  return Math.min(cache.warming.concurrency, roomFor(cache))
}

/** More at once would push one another past the cache: each takes up to three slices on their way into it. */
function roomFor({ fillMemoryBytes, sliceBytes }: CacheConfig): number {
  return Math.max(1, Math.floor(fillMemoryBytes / (3 * sliceBytes)))
}
