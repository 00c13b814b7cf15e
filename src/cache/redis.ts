// The way to Redis, or to whatever speaks as it does: one server, the master that Sentinels name, or
// a cluster. It connects in the background, and again whenever the connection is lost. Nothing waits
// in a queue: what cannot be sent now fails now. How long an answer may take is decided by others.

import { Cluster, Redis } from 'ioredis'
import type { RedisOptions } from 'ioredis'

import { parseAddress } from '../config/address.ts'
import type { RedisConfig } from '../config/redis.ts'
import { backoffMs } from '../primitives/backoff.ts'
import { speedUpTexts } from '../primitives/fast-texts.ts'

// One of its classes extends String.
speedUpTexts()

export type RedisArgument = string | number | Buffer

export interface RedisServer {
  /** Texts come back as Buffers. */
  send(command: string, ...args: readonly RedisArgument[]): Promise<unknown>
}

export interface RedisConnection extends RedisServer {
  readonly isReady: boolean
  /** Those that hold keys, for what must be asked of each: only a cluster has several. */
  servers(): readonly RedisServer[]
  close(): void
}

export interface RedisWatch {
  readonly onReady: () => void
  /** There is no connection, or none that lets us in. Called at every attempt. */
  readonly onTrouble: (error: Error) => void
  readonly random: () => number
}

/** Replies are mapped in one way only, which the types of the rest depend on. */
type Options = Omit<RedisOptions, 'replyMapping'>

const BACKOFF = { initialBackoffMs: 50, maxBackoffMs: 2000 }
const CONNECT_MS = 3000
/** A server that owes an answer for so long is given up, and connected to anew. */
const SILENCE_MS = 3000
const DISCONNECT_MS = 250
/** Said by a replica that was the master until now: its name may already lead to the new one. */
const DEMOTED = /^READONLY\b/

export function connectRedis(config: RedisConfig, watch: RedisWatch): RedisConnection {
  const retryMs = (times: number): number => backoffMs(BACKOFF, times - 1, watch.random())
  return config.cluster === undefined
    ? connectOne(config, retryMs, watch)
    : connectCluster(config.cluster, commonOptions(config), { retryMs, watch })
}

function connectOne(
  config: RedisConfig,
  retryMs: (times: number) => number,
  watch: RedisWatch,
): RedisConnection {
  const client = new Redis({
    ...commonOptions(config),
    ...placeOf(config, retryMs),
    db: config.db,
    enableOfflineQueue: false,
    retryStrategy: retryMs,
    reconnectOnError: (error) => DEMOTED.test(error.message),
  })
  client.on('ready', watch.onReady)
  client.on('close', () => watch.onTrouble(new Error('the connection was closed')))
  client.on('error', (error: Error) => {
    watch.onTrouble(error)
    // It would go on in database 0, which may be somebody else's.
    if (isAnswerTo('select', error)) client.disconnect(true)
  })
  start(client)
  const one = serverOf(client)
  return {
    ...one,
    get isReady() {
      return client.status === 'ready'
    },
    servers: () => [one],
    close: () => client.disconnect(),
  }
}

function placeOf(config: RedisConfig, retryMs: (times: number) => number): Options {
  const { sentinel, tls, url } = config
  if (sentinel === undefined) {
    const { host = 'localhost', port = 6379 } =
      parseAddress(url.reveal().replace(/^rediss?:\/\//, '')) ?? {}
    return { host, port }
  }
  return {
    name: sentinel.name,
    sentinels: sentinel.hosts.map(({ host, port }) => ({ host, port })),
    sentinelRetryStrategy: retryMs,
    sentinelCommandTimeout: CONNECT_MS,
    enableTLSForSentinelMode: tls,
    sentinelTLS: tls ? {} : undefined,
  }
}

function connectCluster(
  nodes: readonly { readonly host: string; readonly port: number }[],
  redisOptions: ReturnType<typeof commonOptions>,
  { retryMs, watch }: { retryMs: (times: number) => number; watch: RedisWatch },
): RedisConnection {
  const client = new Cluster([...nodes], {
    redisOptions,
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: retryMs,
    maxRedirections: 4,
    slotsRefreshTimeout: CONNECT_MS,
    // Names stay names: certificates are made out to them, and Node looks them up itself.
    dnsLookup: (name, done) => done(null, name),
  })
  client.on('ready', watch.onReady)
  client.on('close', () => watch.onTrouble(new Error('no node of the cluster is connected')))
  client.on('error', (error: Error) => watch.onTrouble(lastNodeError(error) ?? error))
  start(client)
  return {
    ...serverOf(client),
    get isReady() {
      return client.status === 'ready'
    },
    servers: () => client.nodes('master').map(serverOf),
    close: () => client.disconnect(),
  }
}

function commonOptions({ username, password, tls }: RedisConfig) {
  return {
    username: username?.reveal(),
    password: password?.reveal(),
    ...(tls ? { tls: {} } : {}),
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
    disconnectTimeout: DISCONNECT_MS,
    // Whoever asked has long gone on by the time there is a connection again.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectionName: 'sluice',
    disableClientInfo: true,
    protocol: 2,
  } as const
}

function start(client: Redis | Cluster): void {
  // That it fails is told by the events, at this attempt as at every later one.
  client.connect().catch(() => undefined)
}

function serverOf(client: Redis | Cluster): RedisServer {
  // In capitals, which Redis takes as well: then ioredis gives every reply as it came.
  return { send: (command, ...args) => client.callBuffer(command.toUpperCase(), ...args) }
}

function isAnswerTo(name: string, error: object): boolean {
  const command = 'command' in error ? error.command : undefined
  return typeof command === 'object' && command !== null && 'name' in command
    ? String(command.name).toLowerCase() === name
    : false
}

function lastNodeError(error: object): Error | undefined {
  const last = 'lastNodeError' in error ? error.lastNodeError : undefined
  return last instanceof Error ? last : undefined
}
