// Throw-away Redis servers: on their own, as a cluster of one, behind a Sentinel, or over TLS.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { startChild } from './children.ts'
import type { Child } from './children.ts'
import { requirePart } from './parts.ts'

export interface RedisServer extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** One command, as `redis-cli` would send it, on a connection of its own. */
  command(...args: readonly (string | Buffer)[]): Promise<string>
  /** It accepts connections and never answers. */
  pause(): void
  resume(): void
  /** At once; nothing it held is left. */
  kill(): Promise<void>
  /** Again on the same port. */
  start(): Promise<void>
  close(): Promise<void>
}

export interface RedisServerOptions {
  /** Directives as in `redis.conf`, such as `requirepass`. */
  readonly settings?: readonly (readonly [name: string, value: string])[]
  readonly isSentinel?: boolean
  readonly password?: string
  /** Whether `port` takes TLS alone; commands then cannot be sent. */
  readonly isTls?: boolean
}

const DEADLINE_MS = 30_000
const GREETING = '+OK\r\n'
const LAST = '+PONG\r\n'

export async function openRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const program = requirePart('redis-server')
  const folder = mkdtempSync(join(tmpdir(), 'sluice-redis-'))
  const port = await freePort()
  let child: Child | undefined
  const start = async (): Promise<void> => {
    child = startChild(program, argumentsOf(port, folder, options))
    await untilItAccepts(port, child)
  }
  const kill = async (): Promise<void> => {
    child?.kill('SIGKILL')
    await child?.exited
  }
  const close = async (): Promise<void> => {
    await kill()
    rmSync(folder, { recursive: true, force: true })
  }
  await start()
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    command: (...args) => sendCommand(port, args, options.password),
    pause: () => child?.kill('SIGSTOP'),
    resume: () => child?.kill('SIGCONT'),
    kill,
    start,
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** A cluster of one node that has all the slots. */
export async function openRedisCluster(): Promise<RedisServer> {
  const server = await openClusterNode()
  await server.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  await untilWhole(server)
  return server
}

/** A cluster of two nodes with half of the slots each. */
export async function openTwoNodeCluster(): Promise<readonly [RedisServer, RedisServer]> {
  const [one, other] = [await openClusterNode(), await openClusterNode()]
  await one.command('CLUSTER', 'ADDSLOTSRANGE', '0', '8191')
  await other.command('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383')
  // Else each believes that it is the first, and one of them would have to give way.
  await other.command('CLUSTER', 'SET-CONFIG-EPOCH', '2')
  await one.command('CLUSTER', 'MEET', '127.0.0.1', String(other.port), String(other.busPort))
  await untilWhole(one)
  await untilWhole(other)
  return [one, other]
}

async function openClusterNode(): Promise<RedisServer & { readonly busPort: number }> {
  const busPort = await freePort()
  const settings = [
    ['cluster-enabled', 'yes'],
    ['cluster-port', String(busPort)],
    ['cluster-announce-ip', '127.0.0.1'],
  ] as const
  return { ...(await openRedis({ settings })), busPort }
}

function untilWhole(server: RedisServer): Promise<void> {
  return until(
    async () => (await server.command('CLUSTER', 'INFO')).includes('cluster_state:ok'),
    'the cluster has all its slots',
  )
}

/** Watches one master and would, alone, make a replica of it the master. */
export async function openSentinel(master: RedisServer, name: string): Promise<RedisServer> {
  const server = await openRedis({ isSentinel: true })
  await server.command('SENTINEL', 'MONITOR', name, '127.0.0.1', String(master.port), '1')
  return server
}

function argumentsOf(port: number, folder: string, options: RedisServerOptions): string[] {
  const { settings = [], isSentinel = false, password, isTls = false } = options
  const own: (readonly [string, string])[] = [
    [isTls ? 'tls-port' : 'port', String(port)],
    ...(isTls ? [['port', '0'] as const] : []),
    ['bind', '127.0.0.1'],
    ['dir', folder],
    ...(isSentinel ? [] : [['save', ''] as const, ['appendonly', 'no'] as const]),
    ...(password === undefined ? [] : [['requirepass', password] as const]),
  ]
  const file = join(folder, 'redis.conf')
  const line = ([name, value]: readonly [string, string]): string =>
    `${name} ${value === '' ? '""' : value}\n`
  writeFileSync(file, [...own, ...settings].map(line).join(''))
  return isSentinel ? [file, '--sentinel'] : [file]
}

/** Some other process may take it before it is used; it is not likely. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function untilItAccepts(port: number, child: Child): Promise<void> {
  let ended: unknown
  void child.exited.then((exit) => (ended = exit))
  await until(async () => {
    if (ended !== undefined) throw new Error(`redis-server ended: ${child.stderr()}`)
    return accepts(port)
  }, 'redis-server accepts connections')
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** The answer as it came, in the notation of the protocol. */
function sendCommand(
  port: number,
  args: readonly (string | Buffer)[],
  password?: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('latin1').once('error', reject)
    socket.on('data', (text: string) => {
      answer += text
      if (answer.endsWith(LAST)) socket.end()
    })
    socket.once('close', () => {
      const said = answer.slice(password === undefined ? 0 : GREETING.length, -LAST.length)
      if (said.startsWith('-')) reject(new Error(said.trim()))
      else resolve(said)
    })
    if (password !== undefined) socket.write(encode(['AUTH', password]))
    socket.write(encode(args))
    // Its answer marks the end of the other; every kind of server knows it.
    socket.write(encode(['PING']))
  })
}

function encode(args: readonly (string | Buffer)[]): Buffer {
  const parts = args.flatMap((arg) => {
    const bytes = Buffer.from(arg)
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]
  })
  return Buffer.concat([Buffer.from(`*${args.length}\r\n`), ...parts])
}

export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + DEADLINE_MS; performance.now() < end;) {
    if (await isSo()) return
    await delay(5)
  }
  throw new Error(`not in time: ${what}`)
}
