// One configuration, compiled, with all that it holds: it serves every exchange that began under it,
// and lets go of what it holds when the last of those has ended.

import { setTimeout as after } from 'node:timers/promises'

import { Holdings } from '../primitives/commons.ts'
import type { Cache, RouteCache } from '../cache/cache.ts'
import type { Config } from '../config/config.ts'
import type { Emit } from '../exchange/event.ts'
import type { Origin } from '../origin/origin.ts'
import type { Snapshot } from '../proxy/proxy.ts'
import { compile } from './compile.ts'
import { hasLimits, LiveLimits } from './limits.ts'
import type { Shared } from './shared.ts'
import type { LiveStore } from './store.ts'

export interface GenerationOptions {
  readonly config: Config
  /** The first is 1. */
  readonly number: number
  /** Undefined: nothing is cached. */
  readonly cache: Cache | undefined
  readonly random: () => number
  readonly emit: Emit
  readonly shared: Shared
  readonly store: LiveStore
}

/** How long replicas that were not known before may take to be known, before they are relied on. */
const PROBE_MS = 2000

export class Generation {
  readonly number: number
  readonly config: Config
  readonly snapshot: Snapshot
  readonly origins: ReadonlyMap<string, Origin>
  /** Undefined: there are no limits. */
  readonly limits: LiveLimits | undefined
  readonly #holdings = new Holdings()

  /** Throws what is wrong with something that the configuration names; then it holds nothing. */
  constructor({ number, ...options }: GenerationOptions) {
    const { config, shared, store } = options
    const holdings = this.#holdings
    this.number = number
    this.config = config
    try {
      const { spent } = shared
      const needs = { ...options, store: store.limits, holdings }
      this.limits =
        spent !== undefined && hasLimits(config)
          ? new LiveLimits({ ...needs, memory: spent })
          : undefined
      const { snapshot, origins } = compile({ ...options, limits: this.limits, holdings })
      this.snapshot = snapshot
      this.origins = origins
    } catch (error) {
      holdings.release()
      throw error
    }
  }

  /** Its caches, by bucket. */
  get routeCaches(): ReadonlyMap<string, RouteCache> {
    const cached = [...this.snapshot.byBucket].flatMap(([name, { cached }]) =>
      cached === undefined ? [] : [[name, cached.cache] as const],
    )
    return new Map(cached)
  }

  /** Begins to look how its replicas are. Settles when that is known, or has been waited for. */
  async probe(): Promise<void> {
    const first = [...this.origins.values()].map((origin) => origin.start())
    const patience = new AbortController()
    const { signal } = patience
    const late = after(PROBE_MS, undefined, { signal, ref: false }).catch(() => undefined)
    await Promise.race([Promise.all(first), late])
    patience.abort()
  }

  /** Another is in force, or this one never will be: who is not one of its replicas is not probed. */
  leaveProbingTo(current: Generation): void {
    const kept = new Set(current.origins.values())
    for (const origin of this.origins.values()) if (!kept.has(origin)) origin.stop()
  }

  /** Settles when the last exchange that began under it has ended. */
  unused(): Promise<void> {
    const { slots, byBucket } = this.snapshot
    const own = [...byBucket.values()].flatMap((route) => route.slots ?? [])
    return Promise.all([slots, ...own].map((one) => one.allGivenBack())).then(() => undefined)
  }

  /** What is under way all the same ends in its time. */
  retire(): void {
    this.#holdings.release()
  }

  /** Cuts what is under way. */
  async close(): Promise<void> {
    const origins = [...this.origins.values()]
    await Promise.all(origins.map((origin) => origin.close()))
    this.#holdings.release()
  }
}
