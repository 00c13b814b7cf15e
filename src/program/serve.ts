// `sluice serve`: the configuration, the threads, the operations listener, the one line that says
// it is ready, and an end in which nothing is lost.

import { createServer } from 'node:net'
import type { Worker } from 'node:worker_threads'

import { Admin, openGate } from '../admin/admin.ts'
import type {
  CacheDesk,
  Explain,
  Gate,
  Introspection,
  LimitsDesk,
  LoggingDesk,
  PrewarmDesk,
} from '../admin/admin.ts'
import { monotonic } from '../primitives/clock.ts'
import { formatProblem, loadConfig, printConfig } from '../config/config.ts'
import type { Config } from '../config/config.ts'
import type { Address } from '../config/server.ts'
import { packConfig } from '../config/transfer.ts'
import { countUp } from '../exchange/counts.ts'
import { RequestIds } from '../http/request-id.ts'
import { backendsIn, forgetThread } from '../live/live.ts'
import {
  openObserver,
  readKeyRefreshes,
  readPrewarming,
  readPurges,
  readRefusals,
  readReloads,
} from '../observe/observe.ts'
import type { Observer, Reading } from '../observe/observe.ts'
import type { Status } from '../proxy/proxy.ts'
import { Threads, usableCores } from '../server/server.ts'
import { openAudit } from './audit-part.ts'
import type { AuditPart } from './audit-part.ts'
import { ConfigWatch } from './config-watch.ts'
import { InForce } from './in-force.ts'
import { mergeLimits } from './limits-desk.ts'
import { openMetricsDesk, ThreadReadings } from './metrics-desk.ts'
import { Prewarming } from './prewarming.ts'
import { localReloadPart } from './reload-part.ts'
import type { ReloadPart } from './reload-part.ts'
import { Reloading } from './reloading.ts'
import { ThreadDesk } from './thread-desk.ts'
import { ProxyThread } from './thread.ts'
import { poolSizeFor } from './thread-pool.ts'
import { localTraffic } from './traffic-part.ts'
import type { FleetTraffic } from './traffic-part.ts'
import { VERSION } from './version.ts'
import type { WarmPart } from './warm-part.ts'
import type { WorkerOrders } from './worker.ts'

export interface World {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly out: (line: string) => void
  readonly err: (line: string) => void
  /** Before anything waits for a file. */
  readonly sizePool: (threads: number) => void
  readonly spawn: (orders: WorkerOrders) => Worker
  /** Resolves with the name of the signal that asks for the end. */
  readonly stopped: Promise<string>
  /** Calls whenever the configuration is to be read again. */
  readonly onReload: (ask: () => void) => void
  /** Aborts when asked again: what still runs is then cut. */
  readonly impatience: AbortSignal
}

/** What serves, seen from the outside: one thread or several. */
interface Serving {
  readonly address: Address
  readonly status: Status
  readonly observer: Observer
  readonly desk: CacheDesk
  /** Undefined: nobody may give orders. */
  readonly gate: Gate | undefined
  /** What its threads have counted. */
  read(): Promise<readonly Reading[]>
  readonly explain: Explain
  readonly limits: LimitsDesk
  readonly logging: LoggingDesk
  /** Of each thread. */
  readonly describe: Introspection['routes']
  /** Of the threads that there are now. */
  readonly warmParts: () => readonly WarmPart[]
  readonly traffic: FleetTraffic
  readonly reloadParts: () => readonly ReloadPart[]
  /** What is not a thread's own follows what its threads serve by now. */
  follow(config: Config): void
  drain(impatience: AbortSignal): Promise<number>
}

/** Serves until told to stop. Returns the exit code. */
export async function serve(file: string, world: World): Promise<number> {
  const loaded = loadConfig(file, world.env)
  if (loaded.kind === 'refused') {
    for (const problem of loaded.problems) world.err(formatProblem(problem))
    return 1
  }
  for (const warning of loaded.warnings) world.err(`warning: ${formatProblem(warning)}`)
  const { config } = loaded
  world.sizePool(poolSizeFor(config.server.threads))
  try {
    return await serveConfig(config, file, world)
  } catch (error) {
    world.err(`sluice: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
}

async function serveConfig(config: Config, file: string, world: World): Promise<number> {
  const audit = await openAudit(config.auditLog)
  try {
    return await serveAudited(config, file, audit, world)
  } finally {
    await audit.close()
  }
}

async function serveAudited(
  config: Config,
  file: string,
  audit: AuditPart,
  world: World,
): Promise<number> {
  const { threads } = config.server
  const count = threads === 'auto' ? usableCores() : threads
  const inForce = new InForce(config, count)
  const serving =
    count === 1
      ? await serveHere(inForce, audit)
      : await serveInThreads(inForce, count, audit, world)
  const { emit } = serving.observer
  audit.tellTo(emit)
  const prewarming = new Prewarming({ config, parts: serving.warmParts, emit })
  const reloading = new Reloading({
    file,
    env: world.env,
    inForce,
    parts: serving.reloadParts,
    lead: async (next) => audit.follow(next.auditLog),
    follow: (next) => {
      serving.follow(next)
      prewarming.use(next)
      watch.turn(next.server.isWatched)
    },
    emit,
  })
  const watch = new ConfigWatch({
    file,
    env: world.env,
    changed: () => void reloading.reload('watch'),
  })
  const desks = { inForce, serving, prewarming, reloading }
  const admin = await openAdmin(desks).catch(async (error: unknown) => {
    await serving.drain(AbortSignal.abort())
    throw error
  })
  world.onReload(() => void reloading.reload('signal'))
  watch.turn(config.server.isWatched)
  world.out(readyLine(config, serving.address, admin?.address))

  const reason = await world.stopped
  emit({ kind: 'draining', reason })
  watch.close()
  const ends = [reloading.close(), prewarming.close()]
  const [cut] = await Promise.all([serving.drain(world.impatience), ...ends])
  await admin?.close()
  emit({ kind: 'drained', cut })
  await audit.close()
  await serving.observer.close()
  return 0
}

async function serveHere(inForce: InForce, audit: AuditPart): Promise<Serving> {
  const { port } = inForce.config.server.address
  const thread = new ProxyThread({
    ...inForce.standing,
    isShared: false,
    port,
    lane: 0,
    audit: audit.trail,
  })
  const { status, observer, desk } = thread
  const reload = [localReloadPart(thread)]
  const address = await thread.listen()
  return {
    address,
    status,
    observer,
    desk,
    get gate() {
      return thread.gate
    },
    read: async () => [thread.read(true), audit.log.read()],
    describe: async () => [thread.describe()],
    explain: async (question) => [await thread.explain(question)],
    limits: async () => mergeLimits([thread.limits(true)]),
    logging: { level: observer.level, setLevel: async (level) => observer.setLevel(level) },
    warmParts: () => [thread.warmPart],
    traffic: localTraffic(thread.traffic),
    reloadParts: () => reload,
    follow: () => undefined,
    drain: (impatience) => thread.drain(inForce.config.server.shutdown, impatience),
  }
}

async function serveInThreads(
  inForce: InForce,
  count: number,
  audit: AuditPart,
  world: World,
): Promise<Serving> {
  const { config } = inForce
  const { address: wanted } = config.server
  await requireFree(wanted)
  const observer = openObserver({
    logging: config.logging,
    isShared: true,
    random: Math.random,
    version: VERSION,
    scheme: config.server.https === undefined ? 'http' : 'https',
    audit: audit.trail,
  })
  const lines = new ThreadDesk({
    isCached: () => inForce.config.cache.enabled,
    takeAudit: (...args) => audit.log.take(...args),
  })
  const threads = new Threads({
    count,
    port: wanted.port,
    emit: observer.emit,
    spawn: (port, lane) => {
      const line = lines.connect()
      const { config, ...standing } = inForce.standing
      const level = observer.level()
      return world.spawn({ config: packConfig(config), ...standing, port, line, lane, level })
    },
    onEnd: (lane) => forgetThread(inForce.standing.memory, lane),
  })
  const startedAt = monotonic()
  let isDraining = false
  const status: Status = {
    version: VERSION,
    uptimeSeconds: () => (monotonic() - startedAt) / 1000,
    backends: () => backendsIn(inForce.standing.memory, inForce.config),
    isDraining: () => isDraining,
  }
  const address = await threads.start()
  const drain = (impatience: AbortSignal): Promise<number> => {
    isDraining = true
    gate?.close()
    return threads.drain(inForce.config.server.shutdown, impatience)
  }
  const keyRefreshes = new Map<string, number>()
  const refreshed = (outcome: string): void => countUp(keyRefreshes, outcome)
  const openGateFor = (next: Config, last?: Gate): Gate | undefined =>
    openGate({ ...next, emit: observer.emit, refreshed, last })
  let gate = openGateFor(config)
  const follow = (next: Config): void => {
    observer.reconfigure(next.logging)
    const last = gate
    gate = openGateFor(next, last)
    last?.leaveTo(gate)
  }
  const readings = new ThreadReadings(() => lines.lines)
  const read = async (): Promise<Reading[]> => [
    ...(await readings.read()),
    readPurges(lines.purges),
    readKeyRefreshes(keyRefreshes),
    audit.log.read(),
  ]
  const { desk, describe, explain, limits, traffic } = lines
  const warmParts = (): readonly WarmPart[] => lines.warmParts()
  return {
    address,
    status,
    observer,
    desk,
    get gate() {
      return gate
    },
    describe,
    explain,
    limits,
    logging: {
      level: observer.level,
      setLevel: async (level) => {
        observer.setLevel(level)
        await lines.setLevel(level)
      },
    },
    warmParts,
    traffic,
    reloadParts: () => lines.reloadParts(),
    follow,
    read,
    drain,
  }
}

/** Threads share their port, and so would a second Sluice, unnoticed. */
function requireFree({ host, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen({ host, port }, () => probe.close(() => resolve()))
  })
}

interface Desks {
  readonly inForce: InForce
  readonly serving: Serving
  readonly prewarming: PrewarmDesk
  readonly reloading: Reloading
}

interface OpenAdmin {
  readonly address: Address
  close(): Promise<void>
}

/** An address nobody asked for may be taken: then there is no listener, and it is said. */
async function openAdmin({
  inForce,
  serving,
  prewarming: prewarm,
  reloading,
}: Desks): Promise<OpenAdmin | undefined> {
  const { address, isDefaultAddress } = inForce.config.admin
  const { status, read } = serving
  const readAll = async (): Promise<Reading[]> => [
    ...(await read()),
    readPrewarming(prewarm.totals),
    readReloads(reloading),
    readRefusals(admin.refusals),
  ]
  const ids = new RequestIds()
  const metrics = openMetricsDesk(status, readAll)
  const admin: Admin = new Admin({
    address,
    status,
    get metrics() {
      return inForce.config.metrics.enabled ? metrics : undefined
    },
    createId: () => ids.create(),
    get gate() {
      return serving.gate
    },
    get trustedProxies() {
      return inForce.config.server.trustedProxies
    },
    desk: serving.desk,
    explain: serving.explain,
    limits: serving.limits,
    logging: serving.logging,
    prewarm,
    introspection: { routes: serving.describe, config: () => printConfig(inForce.config) },
    traffic: { ...serving.traffic, generation: () => reloading.generation },
    reloads: { reload: () => reloading.reload('call'), state: () => reloading.state },
    get buckets() {
      return new Set(inForce.config.buckets.map(({ name }) => name))
    },
    emit: serving.observer.emit,
  })
  try {
    return { address: await admin.listen(), close: () => admin.close() }
  } catch (error) {
    if (!isDefaultAddress) throw error
    const reason = error instanceof Error ? error.message : String(error)
    serving.observer.emit({ kind: 'operations-listener-absent', address: written(address), reason })
    return undefined
  }
}

function readyLine(config: Config, main: Address, operations: Address | undefined): string {
  const scheme = config.server.https === undefined ? 'http' : 'https'
  const parts = [`sluice ready: ${scheme}://${written(main)}`]
  if (operations !== undefined) parts.push(`operations http://${written(operations)}`)
  parts.push(`buckets=${config.buckets.map(({ name }) => name).join(',')}`, `version=${VERSION}`)
  return parts.join(' ')
}

function written({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
