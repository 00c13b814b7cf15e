// The configuration that is in force: compiled once, started, handed to every exchange, and
// released at the end.

import { PolicyTally } from '../access/access.ts'
import type { Refreshed } from '../access/access.ts'
import { openCache } from '../cache/cache.ts'
import type { Cache } from '../cache/cache.ts'
import type { Config } from '../config/config.ts'
import { countUp } from '../exchange/counts.ts'
import type { LimitCount, OriginCounts, PolicyCounts } from '../exchange/counts.ts'
import type { Emit } from '../exchange/event.ts'
import { OriginTally } from '../origin/origin.ts'
import type { Backends, Snapshot } from '../proxy/proxy.ts'
import { compile } from './compile.ts'
import type { Compiled } from './compile.ts'
import { describeRoute } from './describe.ts'
import type { RouteDescription } from './describe.ts'
import { LiveLimits } from './limits.ts'
import type { LimitReport } from './limits.ts'
import type { Shared } from './shared.ts'

export type { RouteDescription } from './describe.ts'
export type { LimitAccount, LimitReport } from './limits.ts'
export { createSharedMemory, forgetThread, Shared } from './shared.ts'
export type { SharedMemory } from './shared.ts'

export interface LiveOptions {
  readonly config: Config
  /** A number in [0, 1). */
  readonly random: () => number
  readonly emit: Emit
  /** What counts in all threads. */
  readonly shared: Shared
}

export class Live {
  readonly #config: Config
  readonly #cache: Cache | undefined
  readonly #compiled: Compiled
  readonly #limits: LiveLimits | undefined
  /** By bucket; what was counted is not forgotten with the configuration it was counted under. */
  readonly #tallies = new Map<string, OriginTally>()
  readonly #policies = new PolicyTally()

  readonly #tallyOf = (bucket: string): OriginTally => {
    const tally = this.#tallies.get(bucket) ?? new OriginTally()
    this.#tallies.set(bucket, tally)
    return tally
  }

  /** What came of each time an issuer was asked for its keys. */
  readonly keyRefreshes = new Map<Refreshed, number>()
  readonly refreshed = (outcome: Refreshed): void => countUp(this.keyRefreshes, outcome)

  constructor({ config, random, emit, shared }: LiveOptions) {
    const { spent } = shared
    const limits = spent && new LiveLimits({ config, memory: spent, random, emit })
    this.#config = config
    this.#limits = limits
    this.#cache = config.cache.enabled
      ? openCache(config.cache, { softMs: softMsOf(config), maxBytesOf: maxBytesOf(config) }, emit)
      : undefined
    this.#compiled = compile({
      config,
      cache: this.#cache,
      random,
      emit,
      limits,
      shared,
      tallyOf: this.#tallyOf,
      policyTally: this.#policies,
      refreshed: this.refreshed,
    })
    for (const origin of this.#compiled.origins.values()) origin.start()
    for (const authenticator of this.#compiled.authenticators) authenticator.start()
  }

  /** Undefined: nothing is cached. */
  get cache(): Cache | undefined {
    return this.#cache
  }

  current(): Snapshot {
    return this.#compiled.snapshot
  }

  backends(): Backends {
    const backends: Record<string, ReturnType<Live['backends']>[string]> = {}
    for (const [bucket, origin] of this.#compiled.origins) backends[bucket] = origin.health()
    return backends
  }

  describe(): readonly RouteDescription[] {
    const { byBucket } = this.#compiled.snapshot
    return this.#config.buckets.flatMap((bucket) => {
      const route = byBucket.get(bucket.name)
      return route === undefined ? [] : [describeRoute(bucket, route)]
    })
  }

  originCounts(): readonly OriginCounts[] {
    return [...this.#compiled.origins.values()].map((origin) => origin.counts())
  }

  policyCounts(): PolicyCounts {
    return this.#policies.counts()
  }

  limitCounts(): readonly LimitCount[] {
    return this.#limits?.counts() ?? []
  }

  /** Undefined where there are no limits. */
  limitReport(isToLook: boolean): LimitReport | undefined {
    return this.#limits?.report(isToLook)
  }

  async close(): Promise<void> {
    this.#limits?.close()
    for (const authenticator of this.#compiled.authenticators) authenticator.close()
    for (const policy of this.#compiled.policies) policy.close()
    const origins = [...this.#compiled.origins.values()]
    await Promise.all(origins.map((origin) => origin.close()))
    await this.#cache?.close()
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
