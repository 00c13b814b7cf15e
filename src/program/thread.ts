// One complete proxy: configuration in force, listener, observer. It is the whole program when
// there is one thread, and one of several otherwise.

import { setTimeout as after } from 'node:timers/promises'

import { createPurging, openGate } from '../admin/admin.ts'
import type { CacheDesk, Gate } from '../admin/admin.ts'
import { monotonic } from '../primitives/clock.ts'
import type { Ban } from '../cache/cache.ts'
import type { Config, Problem } from '../config/config.ts'
import type { Address } from '../config/server.ts'
import { RequestIds } from '../http/request-id.ts'
import { Live, Shared } from '../live/live.ts'
import type {
  LimitReport,
  NextConfig,
  Readied,
  RouteDescription,
  SharedMemory,
} from '../live/live.ts'
import { openObserver, ThreadMetrics, Traffic } from '../observe/observe.ts'
import type { AuditTrail, Observer, Reading } from '../observe/observe.ts'
import { createProxy, explain } from '../proxy/proxy.ts'
import type { Explanation, ExplainQuestion, ProxyOptions, Purging, Status } from '../proxy/proxy.ts'
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
  readonly generation: number
  /** Purges in all threads. Undefined: there is no other. */
  readonly purgeAll?: CacheDesk['purge'] | undefined
  readonly audit: AuditTrail
}

export class ProxyThread {
  readonly observer: Observer
  readonly status: Status
  /** Fetches ahead into it. */
  readonly warmPart: WarmPart
  /** Of its own cache alone. */
  readonly desk: CacheDesk
  /** What passes here. */
  readonly traffic: WatchedTraffic
  readonly #audit: AuditTrail
  readonly #metrics = new ThreadMetrics()
  readonly #purges = createPurgeCounts()
  readonly #live: Live
  /** What a method PURGE is answered by stands in it, and may change. */
  readonly #proxy: ProxyOptions & { purging: Purging | undefined }
  readonly #server: Server
  readonly #purge: CacheDesk['purge']
  #gate: Gate | undefined
  #readied: (Readied & { readonly generation: number }) | undefined
  /** Grows whenever what was being made ready is wanted no more. */
  #attempt = 0
  #isDraining = false

  constructor(options: ProxyThreadOptions) {
    const { config, isShared, port, memory, lane, purgeAll, generation, audit } = options
    const startedAt = monotonic()
    const ids = new RequestIds()
    const { logging } = config
    const traffic = new Traffic(Math.random)
    this.#audit = audit
    this.observer = openObserver({
      logging,
      isShared,
      observability: config.observability,
      random: Math.random,
      metrics: config.metrics.enabled ? this.#metrics : undefined,
      traffic,
      audit,
      version: VERSION,
      scheme: config.server.https === undefined ? 'http' : 'https',
    })
    const { observe, unheard, traceOf, emit } = this.observer
    const shared = new Shared(memory, lane)
    this.#live = new Live({ config, generation, random: Math.random, emit, shared })
    this.status = {
      version: VERSION,
      uptimeSeconds: () => (monotonic() - startedAt) / 1000,
      backends: () => this.#live.backends(),
      isDraining: () => this.#isDraining,
    }
    this.desk = openDesk(() => this.part, this.#purges)
    this.warmPart = localWarmPart((bucket) => this.#live.current().byBucket.get(bucket))
    this.#purge = purgeAll ?? this.desk.purge
    this.#proxy = {
      current: () => this.#live.current(),
      status: this.status,
      purging: undefined,
      traceOf,
      observe,
      reportBug: (error, requestId) => emit({ kind: 'bug', error, requestId }),
    }
    this.#server = new Server({
      config: { ...config.server, address: { ...config.server.address, port } },
      isShared,
      createId: () => ids.create(),
      emit,
      unheard,
      proxy: createProxy(this.#proxy),
    })
    this.traffic = watchTraffic({
      traffic,
      server: () => this.#server.counts(),
      origins: () => this.#live.originCounts(),
    })
    this.#guard(config)
  }

  /** Who may give orders. */
  get gate(): Gate | undefined {
    return this.#gate
  }

  /** Its own cache, of one part or none. */
  get part(): readonly CachePart[] {
    const { cache } = this.#live
    return cache === undefined ? [] : [localPart(cache)]
  }

  /** What others have kept is believed by the bans that they know. */
  inherit(bans: readonly Ban[] | undefined): void {
    this.#live.cache?.inherit(bans)
  }

  /** Makes a configuration ready; nobody notices. Gives what is wrong with it, if anything is. */
  async prepare(next: NextConfig): Promise<readonly Problem[]> {
    this.abandon()
    const attempt = this.#attempt
    let use: () => void
    try {
      use = this.#server.prepare(next.config.server)
    } catch (error) {
      return [{ path: 'server.https', message: messageOf(error) }]
    }
    try {
      const live = await this.#live.prepare(next)
      const { generation, config } = next
      if (attempt !== this.#attempt) {
        live.abandon()
        return [{ path: '', message: 'it took too long to be made ready' }]
      }
      this.#readied = {
        generation,
        abandon: () => live.abandon(),
        swap: () => {
          live.swap()
          use()
          this.observer.reconfigure(
            config.logging,
            config.metrics.enabled ? this.#metrics : undefined,
            config.observability,
          )
          this.#audit.follow(config.auditLog)
          this.#guard(config)
        },
      }
      return []
    } catch (error) {
      return [{ path: '', message: messageOf(error) }]
    }
  }

  /** What was made ready is in force when this returns. */
  swap(generation: number): void {
    if (this.#readied?.generation === generation) {
      this.#readied.swap()
      this.#readied = undefined
    }
    if (this.generation !== generation) throw new Error('another configuration is ready')
  }

  abandon(): void {
    this.#attempt += 1
    this.#readied?.abandon()
    this.#readied = undefined
  }

  get generation(): number {
    return this.#live.generation
  }

  /** Who may give orders from now on. */
  #guard(config: Config): void {
    const { emit } = this.observer
    const last = this.#gate
    this.#gate = openGate({ ...config, emit, refreshed: this.#live.refreshed, last })
    last?.leaveTo(this.#gate)
    this.#proxy.purging?.close()
    this.#proxy.purging = createPurging({ gate: this.#gate, purge: this.#purge, emit })
    this.traffic.watch(this.#gate !== undefined)
  }

  /** What a request would get here, without serving it. */
  explain(question: ExplainQuestion): Promise<Explanation> {
    return explain(question, this.#live.current(), this.status)
  }

  /** What is in force here, and how it fares. */
  describe(): readonly RouteDescription[] {
    return this.#live.describe()
  }

  /** What it has counted. `isFirst` of the threads looks how much there is that all share. */
  read(isFirst: boolean): Reading {
    const counts = {
      origins: this.#live.originCounts(),
      cache: this.#live.cache?.counts(isFirst),
      limits: this.#live.limitCounts(),
      server: this.#server.counts(),
      load: this.#live.loadCounts(),
      purges: this.#purges,
      policy: this.#live.policyCounts(),
      keyRefreshes: this.#live.keyRefreshes,
      spans: this.observer.spans(),
    }
    return this.#live.config.metrics.enabled ? this.#metrics.read(counts) : {}
  }

  /** Undefined where there are no limits. */
  limits(isFirst: boolean): LimitReport | undefined {
    return this.#live.limitReport(isFirst)
  }

  async listen(): Promise<Address> {
    await this.#live.cache?.opened
    return this.#server.listen()
  }

  /** Readiness turns first; after the lame-duck time the port closes and transfers finish. */
  async drain({ lameDuckMs, drainMs }: DrainTimes, impatience: AbortSignal): Promise<number> {
    this.#isDraining = true
    await after(lameDuckMs, undefined, { signal: impatience }).catch(ignore)
    const cut = await this.#server.drain(
      AbortSignal.any([AbortSignal.timeout(drainMs), impatience]),
    )
    this.abandon()
    this.#proxy.purging?.close()
    this.#gate?.close()
    this.traffic.watch(false)
    await this.#live.close()
    return cut
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function ignore(): void {
  // Impatience ends the wait as time does.
}
