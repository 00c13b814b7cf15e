// One complete proxy: configuration in force, listener, observer. It is the whole program when
// there is one thread, and one of several otherwise.

import { setTimeout as after } from 'node:timers/promises'

import { createPurging, openGate } from '../admin/admin.ts'
import type { CacheDesk, Gate } from '../admin/admin.ts'
import { monotonic } from '../primitives/clock.ts'
import type { Config } from '../config/config.ts'
import type { Address } from '../config/server.ts'
import { RequestIds } from '../http/request-id.ts'
import { Live, Shared } from '../live/live.ts'
import type { LimitReport, RouteDescription, SharedMemory } from '../live/live.ts'
import { openObserver, ThreadMetrics, Traffic } from '../observe/observe.ts'
import type { AuditTrail, Observer, Reading } from '../observe/observe.ts'
import { createProxy, explain } from '../proxy/proxy.ts'
import type { Backends, Explanation, ExplainQuestion, Purging, Status } from '../proxy/proxy.ts'
import { Server } from '../server/server.ts'
import type { DrainTimes } from '../server/server.ts'
import { localPart } from './cache-part.ts'
import type { CachePart } from './cache-part.ts'
import { createPurgeCounts, openDesk } from './fleet-desk.ts'
import { watchTraffic } from './traffic-part.ts'
import type { WatchedTraffic } from './traffic-part.ts'
import { VERSION } from './version.ts'
import { localWarmPart } from './warm-part.ts'
import type { WarmPart } from './warm-part.ts'

export interface ProxyThreadOptions {
  readonly config: Config
  /** Several threads listen on the one port. */
  readonly isShared: boolean
  readonly port: number
  /** What all threads count and pace together, and which of them this is. */
  readonly memory: SharedMemory
  readonly lane: number
  /** Purges in all threads. Undefined: there is no other. */
  readonly purgeAll?: CacheDesk['purge'] | undefined
  readonly audit: AuditTrail
}

export class ProxyThread {
  readonly observer: Observer
  readonly status: Status
  /** Its own cache. */
  readonly part: CachePart | undefined
  /** Fetches ahead into it. */
  readonly warmPart: WarmPart
  /** Of its own cache alone. */
  readonly desk: CacheDesk
  /** Who may give orders. */
  readonly gate: Gate | undefined
  /** What passes here. */
  readonly traffic: WatchedTraffic
  readonly #metrics: ThreadMetrics | undefined
  readonly #purges = createPurgeCounts()
  readonly #live: Live
  readonly #purging: Purging | undefined
  readonly #server: Server
  #isDraining = false

  constructor({ config, isShared, port, memory, lane, purgeAll, audit }: ProxyThreadOptions) {
    const startedAt = monotonic()
    const ids = new RequestIds()
    const { logging } = config
    this.#metrics = config.metrics.enabled ? new ThreadMetrics() : undefined
    const traffic = new Traffic(Math.random)
    this.observer = openObserver({
      logging,
      observability: config.observability,
      random: Math.random,
      metrics: this.#metrics,
      traffic,
      audit,
      version: VERSION,
      scheme: config.server.https === undefined ? 'http' : 'https',
    })
    const { observe, traceOf, emit } = this.observer
    const shared = new Shared(memory, lane)
    this.#live = new Live({ config, random: Math.random, emit, shared })
    this.gate = openGate({ ...config, emit, refreshed: this.#live.refreshed })
    this.status = {
      version: VERSION,
      uptimeSeconds: () => (monotonic() - startedAt) / 1000,
      backends: () => this.#live.backends(),
      isDraining: () => this.#isDraining,
    }
    const { cache } = this.#live
    const part = cache && localPart(cache)
    this.part = part
    this.desk = openDesk(() => (part === undefined ? [] : [part]), this.#purges)
    this.warmPart = localWarmPart((bucket) => this.#live.current().byBucket.get(bucket))
    const purge = purgeAll ?? this.desk.purge
    this.#purging = createPurging({ gate: this.gate, purge, emit })
    this.#server = new Server({
      config: { ...config.server, address: { ...config.server.address, port } },
      isShared,
      createId: () => ids.create(),
      emit,
      unheard: (refused) => audit.unheard(refused),
      proxy: createProxy({
        current: () => this.#live.current(),
        status: this.status,
        purging: this.#purging,
        traceOf,
        observe,
        reportBug: (error, requestId) => emit({ kind: 'bug', error, requestId }),
      }),
    })
    this.traffic = watchTraffic({
      traffic,
      server: () => this.#server.counts(),
      origins: () => this.#live.originCounts(),
    })
    this.traffic.watch(this.gate !== undefined)
  }

  /** What a request would get here, without serving it. */
  explain(question: ExplainQuestion): Promise<Explanation> {
    return explain(question, this.#live.current(), this.status)
  }

  /** What is in force here, and how it fares. */
  describe(): readonly RouteDescription[] {
    return this.#live.describe()
  }

  backends(): Backends {
    return this.#live.backends()
  }

  /** What it has counted. `isFirst` of the threads looks how much there is that all share. */
  read(isFirst: boolean): Reading {
    const counts = {
      origins: this.#live.originCounts(),
      cache: this.#live.cache?.counts(isFirst),
      limits: this.#live.limitCounts(),
      server: this.#server.counts(),
      purges: this.#purges,
      policy: this.#live.policyCounts(),
      keyRefreshes: this.#live.keyRefreshes,
      spans: this.observer.spans(),
    }
    return this.#metrics?.read(counts) ?? {}
  }

  /** Undefined where there are no limits. */
  limits(isFirst: boolean): LimitReport | undefined {
    return this.#live.limitReport(isFirst)
  }

  listen(): Promise<Address> {
    return this.#server.listen()
  }

  /** Readiness turns first; after the lame-duck time the port closes and transfers finish. */
  async drain({ lameDuckMs, drainMs }: DrainTimes, impatience: AbortSignal): Promise<number> {
    this.#isDraining = true
    await after(lameDuckMs, undefined, { signal: impatience }).catch(ignore)
    const cut = await this.#server.drain(
      AbortSignal.any([AbortSignal.timeout(drainMs), impatience]),
    )
    this.#purging?.close()
    this.gate?.close()
    this.traffic.watch(false)
    await this.#live.close()
    return cut
  }
}

function ignore(): void {
  // Impatience ends the wait as time does.
}
