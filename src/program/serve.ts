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
import { createSharedMemory, forgetThread } from '../live/live.ts'
import {
  openObserver,
  readKeyRefreshes,
  readPrewarming,
  readPurges,
  readRefusals,
} from '../observe/observe.ts'
import type { Observer, Reading } from '../observe/observe.ts'
import type { Status } from '../proxy/proxy.ts'
import { Threads, usableCores } from '../server/server.ts'
import { openAudit } from './audit-part.ts'
import type { AuditPart } from './audit-part.ts'
import { mergeLimits } from './limits-desk.ts'
import { openMetricsDesk, ThreadReadings } from './metrics-desk.ts'
import { Prewarming } from './prewarming.ts'
import { ThreadDesk } from './thread-desk.ts'
import { ProxyThread } from './thread.ts'
import { localTraffic } from './traffic-part.ts'
import type { FleetTraffic } from './traffic-part.ts'
import { VERSION } from './version.ts'
import type { WarmPart } from './warm-part.ts'
import type { WorkerOrders } from './worker.ts'

export interface World {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly out: (line: string) => void
  readonly err: (line: string) => void
  readonly spawn: (orders: WorkerOrders) => Worker
  /** Resolves with the name of the signal that asks for the end. */
  readonly stopped: Promise<string>
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
  try {
    return await serveConfig(config, world)
  } catch (error) {
    world.err(`sluice: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
}

async function serveConfig(config: Config, world: World): Promise<number> {
  const audit = await openAudit(config.auditLog)
  try {
    return await serveAudited(config, audit, world)
  } finally {
    await audit.close()
  }
}

async function serveAudited(config: Config, audit: AuditPart, world: World): Promise<number> {
  const { threads } = config.server
  const count = threads === 'auto' ? usableCores() : threads
  const serving =
    count === 1 ? await serveHere(config, audit) : await serveInThreads(config, count, audit, world)
  const { emit } = serving.observer
  audit.tellTo(emit)
  const prewarming = new Prewarming({ config, parts: serving.warmParts, emit })
  const admin = await openAdmin(config, serving, prewarming).catch(async (error: unknown) => {
    await serving.drain(AbortSignal.abort())
    throw error
  })
  world.out(readyLine(config, serving.address, admin?.address))

  const reason = await world.stopped
  emit({ kind: 'draining', reason })
  const [cut] = await Promise.all([serving.drain(world.impatience), prewarming.close()])
  await admin?.close()
  emit({ kind: 'drained', cut })
  await audit.close()
  await serving.observer.close()
  return 0
}

async function serveHere(config: Config, audit: AuditPart): Promise<Serving> {
  const { port } = config.server.address
  const memory = createSharedMemory(config, 1)
  const thread = new ProxyThread({
    config,
    isShared: false,
    port,
    memory,
    lane: 0,
    audit: audit.trail,
  })
  const { status, observer, desk, gate } = thread
  const address = await thread.listen()
  return {
    address,
    status,
    observer,
    desk,
    gate,
    read: async () => [thread.read(true), audit.log.read()],
    describe: async () => [thread.describe()],
    explain: async (question) => [await thread.explain(question)],
    limits: async () => mergeLimits([thread.limits(true)]),
    logging: { level: observer.level, setLevel: async (level) => observer.setLevel(level) },
    warmParts: () => [thread.warmPart],
    traffic: localTraffic(thread.traffic),
    drain: (impatience) => thread.drain(config.server.shutdown, impatience),
  }
}

async function serveInThreads(
  config: Config,
  count: number,
  audit: AuditPart,
  world: World,
): Promise<Serving> {
  const { address: wanted, shutdown } = config.server
  await requireFree(wanted)
  const observer = openObserver({
    logging: config.logging,
    random: Math.random,
    version: VERSION,
    scheme: config.server.https === undefined ? 'http' : 'https',
    audit: audit.trail,
  })
  const packed = packConfig(config)
  const memory = createSharedMemory(config, count)
  const lines = new ThreadDesk({
    isCached: config.cache.enabled,
    takeAudit: (...args) => audit.log.take(...args),
  })
  const threads = new Threads({
    count,
    port: wanted.port,
    emit: observer.emit,
    spawn: (port, lane) =>
      world.spawn({
        config: packed,
        port,
        line: lines.connect(),
        memory,
        lane,
        level: observer.level(),
      }),
    onEnd: (lane) => forgetThread(memory, lane),
  })
  const startedAt = monotonic()
  let isDraining = false
  const status: Status = {
    version: VERSION,
    uptimeSeconds: () => (monotonic() - startedAt) / 1000,
    backends: () => threads.backends(),
    isDraining: () => isDraining,
  }
  const address = await threads.start()
  const drain = (impatience: AbortSignal): Promise<number> => {
    isDraining = true
    gate?.close()
    return threads.drain(shutdown, impatience)
  }
  const keyRefreshes = new Map<string, number>()
  const refreshed = (outcome: string): void => countUp(keyRefreshes, outcome)
  const gate = openGate({ ...config, emit: observer.emit, refreshed })
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
    gate,
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

interface OpenAdmin {
  readonly address: Address
  close(): Promise<void>
}

/** An address nobody asked for may be taken: then there is no listener, and it is said. */
async function openAdmin(
  config: Config,
  serving: Serving,
  prewarm: PrewarmDesk,
): Promise<OpenAdmin | undefined> {
  const { address, isDefaultAddress } = config.admin
  const { status, read } = serving
  const readAll = async (): Promise<Reading[]> => [
    ...(await read()),
    readPrewarming(prewarm.totals),
    readRefusals(admin.refusals),
  ]
  const ids = new RequestIds()
  const admin: Admin = new Admin({
    address,
    status,
    metrics: config.metrics.enabled ? openMetricsDesk(status, readAll) : undefined,
    createId: () => ids.create(),
    gate: serving.gate,
    trustedProxies: config.server.trustedProxies,
    desk: serving.desk,
    explain: serving.explain,
    limits: serving.limits,
    logging: serving.logging,
    prewarm,
    introspection: { routes: serving.describe, config: () => printConfig(config) },
    traffic: { ...serving.traffic, generation: () => 1 },
    buckets: new Set(config.buckets.map(({ name }) => name)),
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
