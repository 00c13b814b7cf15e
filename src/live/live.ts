// The configuration that is in force, and the change to another: what the next one needs is made ready
// beside the one that serves, which one assignment then replaces; exchanges that have begun keep what
// they began with, and the last of them takes it away.

import { watchLoop } from '../primitives/loop-delay.ts'
import { openCache } from '../cache/cache.ts'
import type { Cache, CacheChange, CacheUse } from '../cache/cache.ts'
import type { Config } from '../config/config.ts'
import type { LimitCount, LoadCounts, OriginCounts, PolicyCounts } from '../exchange/counts.ts'
import type { Emit } from '../exchange/event.ts'
import type { Refreshed } from '../access/access.ts'
import type { Backends, Snapshot } from '../proxy/proxy.ts'
import { describeRoute } from './describe.ts'
import type { RouteDescription } from './describe.ts'
import { Generation } from './generation.ts'
import type { LimitReport } from './limits.ts'
import type { Shared, SharedMemory } from './shared.ts'
import { LiveStore } from './store.ts'

export type { RouteDescription } from './describe.ts'
export type { LimitAccount, LimitReport } from './limits.ts'
export { backendsIn, createSharedMemory, forgetThread, nextSharedMemory, Shared } from './shared.ts'
export type { SharedMemory } from './shared.ts'
export { restartProblems } from './restart.ts'

export interface LiveOptions {
  readonly config: Config
  readonly generation: number
  /** A number in [0, 1). */
  readonly random: () => number
  readonly emit: Emit
  /** What counts in all threads. */
  readonly shared: Shared
}

/** What is to be in force next. */
export interface NextConfig {
  readonly config: Config
  readonly generation: number
  readonly memory: SharedMemory
}

/** It is ready: nothing can go wrong any more, and nobody has noticed yet. */
export interface Readied {
  /** In one turn of the event loop. */
  swap(): void
  /** It is not to be. */
  abandon(): void
}

export class Live {
  readonly #store: LiveStore
  readonly #watch: { close(): void }
  readonly #options: LiveOptions
  #current: Generation
  #snapshot: Snapshot
  /** Others that somebody is still served under. */
  readonly #leaving = new Set<Generation>()
  #cache: Cache | undefined

  constructor(options: LiveOptions) {
    const { config, generation } = options
    this.#options = options
    this.#store = new LiveStore(options)
    const { guard } = this.#store
    guard.follow(config.server.limits)
    this.#watch = watchLoop((look) => guard.look(look))
    this.#cache = config.cache.enabled
      ? openCache(config.cache, this.#useOf(config), options.emit)
      : undefined
    this.#current = this.#compile(config, generation, this.#cache)
    this.#snapshot = this.#current.snapshot
    if (this.#cache !== undefined) this.#cache.serving = this.#current.routeCaches
    void this.#current.probe()
  }

  /** Undefined: nothing was ever cached. */
  get cache(): Cache | undefined {
    return this.#cache
  }

  get config(): Config {
    return this.#current.config
  }

  get generation(): number {
    return this.#current.number
  }

  current(): Snapshot {
    return this.#snapshot
  }

  /** Rejects with what is wrong; then all is as it was. One at a time. */
  async prepare({ config, generation, memory }: NextConfig): Promise<Readied> {
    const { shared, emit } = this.#options
    // It has all that the one before has.
    shared.adopt(memory)
    const known = this.#cache
    const opened =
      known === undefined && config.cache.enabled
        ? openCache(config.cache, this.#useOf(config), emit)
        : undefined
    const cache = known ?? opened
    let next: Generation
    try {
      next = this.#compile(config, generation, config.cache.enabled ? cache : undefined)
    } catch (error) {
      await opened?.close()
      throw error
    }
    const [change] = await Promise.all([
      known?.prepare(config.cache, this.#useOf(config)),
      next.probe(),
    ])
    return {
      swap: () => this.#swap(next, cache, change),
      abandon: () => {
        change?.abandon()
        next.leaveProbingTo(this.#current)
        next.retire()
        void opened?.close()
      },
    }
  }

  #swap(next: Generation, cache: Cache | undefined, change: CacheChange | undefined): void {
    const last = this.#current
    change?.apply()
    this.#cache = cache
    if (cache !== undefined) cache.serving = next.routeCaches
    this.#options.shared.adjust(next.config)
    this.#store.guard.follow(next.config.server.limits)
    this.#current = next
    this.#snapshot = next.snapshot
    last.leaveProbingTo(next)
    void this.#retire(last)
  }

  async #retire(generation: Generation): Promise<void> {
    this.#leaving.add(generation)
    await generation.unused()
    if (this.#leaving.delete(generation)) generation.retire()
  }

  backends(): Backends {
    const backends: Record<string, ReturnType<Live['backends']>[string]> = {}
    for (const [bucket, origin] of this.#current.origins) backends[bucket] = origin.health()
    return backends
  }

  describe(): readonly RouteDescription[] {
    const { config, snapshot } = this.#current
    return config.buckets.flatMap((bucket) => {
      const route = snapshot.byBucket.get(bucket.name)
      return route === undefined ? [] : [describeRoute(bucket, route)]
    })
  }

  originCounts(): readonly OriginCounts[] {
    return this.#store.originCounts(this.#current.origins)
  }

  policyCounts(): PolicyCounts {
    return this.#store.policyTally.counts()
  }

  loadCounts(): LoadCounts {
    return this.#store.guard.counts()
  }

  limitCounts(): readonly LimitCount[] {
    return this.#store.limits.tally.read()
  }

  /** What came of each time an issuer was asked for its keys. */
  get keyRefreshes(): ReadonlyMap<Refreshed, number> {
    return this.#store.keyRefreshes
  }

  get refreshed(): (outcome: Refreshed) => void {
    return this.#store.refreshed
  }

  /** Undefined where there are no limits. */
  limitReport(isToLook: boolean): LimitReport | undefined {
    return this.#current.limits?.report(isToLook)
  }

  async close(): Promise<void> {
    this.#watch.close()
    const all = [this.#current, ...this.#leaving]
    this.#leaving.clear()
    await Promise.all(all.map((generation) => generation.close()))
    await this.#cache?.close()
  }

  #useOf(config: Config): CacheUse {
    const { redisNews } = this.#store
    const { cache: sharedMemory, leases: threadLeases } = this.#options.shared
    const limits = { softMs: softMsOf(config), maxBytesOf: maxBytesOf(config) }
    return { ...limits, redisNews, sharedMemory, threadLeases }
  }

  #compile(config: Config, number: number, cache: Cache | undefined): Generation {
    return new Generation({ ...this.#options, config, number, cache, store: this.#store })
  }
}

function maxBytesOf({ buckets }: Config): (bucket: string) => number | undefined {
  const most = new Map(buckets.map(({ name, cache }) => [name, cache.maxBytes]))
  return (bucket) => most.get(bucket)
}

const DAY_MS = 86_400_000

/** What is stale is served in place of an error for so long, where the origin says nothing else. */
function softMsOf({ buckets }: Config): number {
  const windows = buckets.map(({ cache }) =>
    Math.max(cache.staleIfErrorMs, cache.staleWhileRevalidateMs),
  )
  return Math.max(DAY_MS, ...windows)
}
