// The daemons of a throw-away Ceph cluster: one mon, one osd that keeps objects in memory, one
// S3 gateway, all on loopback, in a folder of their own. They die with the test process.

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { runChild, startChild, type Child } from './children.ts'

export interface ClusterUser {
  readonly name: string
  readonly accessKey: string
  readonly secretKey: string
}

export interface ClusterOptions {
  readonly users: readonly ClusterUser[]
  readonly dnsName: string | undefined
  readonly sizeMiB: number
  readonly isCompressed: boolean
}

const ATTEMPTS = 3
const STAGE_TIMEOUT_MS = 60_000
const POLL_MS = 25

export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  for (let attempt = 1; ; attempt++) {
    const cluster = await createCluster(options)
    try {
      await startCluster(cluster, options)
      return cluster
    } catch (error) {
      await closeCluster(cluster)
      // A free port can be taken by someone else before the daemon has it: new ports, new try.
      if (attempt === ATTEMPTS) throw error
    }
  }
}

export interface Cluster {
  readonly folder: string
  readonly conf: string
  readonly fsid: string
  readonly monPort: number
  readonly port: number
  readonly backing: Child[]
  gateway: Child | undefined
}

async function createCluster(options: ClusterOptions): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-rgw-'))
  for (const name of ['run', 'mon', 'osd', 'rgw', 'crash']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'keyring'), '')
  const [monPort, port] = await freePorts()
  const cluster: Cluster = {
    folder,
    conf: join(folder, 'ceph.conf'),
    fsid: randomUUID(),
    monPort,
    port,
    backing: [],
    gateway: undefined,
  }
  writeFileSync(cluster.conf, cephConf(cluster, options))
  return cluster
}

function cephConf({ folder, fsid, monPort, port }: Cluster, options: ClusterOptions): string {
  const settings: Record<string, string | number> = {
    fsid,
    'mon host': `[v2:127.0.0.1:${monPort}/0]`,
    'mon initial members': 'a',
    'public addr': '127.0.0.1',
    'cluster addr': '127.0.0.1',
    'ms bind ipv6': 'false',
    'ms bind msgr1': 'false',
    'auth cluster required': 'none',
    'auth service required': 'none',
    'auth client required': 'none',
    // The gateway alone prefers 'secure' here, which cannot go with auth 'none'.
    'ms mon client mode': 'crc',
    // A socket path has 108 bytes at most, and nothing here asks for one.
    'admin socket': '',
    'run dir': join(folder, 'run'),
    'crash dir': join(folder, 'crash'),
    keyring: join(folder, 'keyring'),
    'log file': join(folder, '$name.log'),
    'mon cluster log file': join(folder, 'cluster.log'),
    'log to stderr': 'false',
    'mon data': join(folder, 'mon'),
    // Else the mon stops on a nearly full disk.
    'mon data avail crit': 0,
    // Every pool the gateway makes waits for a proposal: a second each by default.
    'paxos propose interval': 0.02,
    'paxos min wait': 0.01,
    'mon allow pool size one': 'true',
    'mon max pg per osd': 1000,
    'osd data': join(folder, 'osd'),
    'osd objectstore': 'memstore',
    'memstore device bytes': options.sizeMiB * 1024 * 1024,
    'osd crush chooseleaf type': 0,
    'osd pool default size': 1,
    'osd pool default min size': 1,
    'osd pool default pg num': 1,
    'osd pool default pgp num': 1,
    'osd pool default pg autoscale mode': 'off',
    'osd class load list': '*',
    'osd class default list': '*',
    'rgw data': join(folder, 'rgw'),
    // Without tcp_nodelay every small GET waits 40 ms for a delayed acknowledgement.
    'rgw frontends': `beast endpoint=127.0.0.1:${port} tcp_nodelay=1`,
    'rgw thread pool size': 32,
    'rgw rados pool pg num min': 1,
    'rgw override bucket index max shards': 1,
    'rgw dynamic resharding': 'false',
    'rgw crypt require ssl': 'false',
    ...(options.dnsName !== undefined && { 'rgw dns name': options.dnsName }),
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  return ['[global]', ...lines, ''].join('\n')
}

async function startCluster(
  cluster: Cluster,
  { users, isCompressed }: ClusterOptions,
): Promise<void> {
  await startMon(cluster)
  await startOsd(cluster)
  // Before the gateway, which reads the zone once; the first command makes it.
  for (const { name, accessKey, secretKey } of users) {
    const keys = [`--access-key=${accessKey}`, `--secret-key=${secretKey}`]
    const create = ['user', 'create', `--uid=${name}`, `--display-name=${name}`, ...keys]
    await runAdmin(cluster, create)
  }
  if (isCompressed) await compressObjects(cluster)
  await startGateway(cluster)
}

async function compressObjects(cluster: Cluster): Promise<void> {
  const place = ['--rgw-zone=default', '--placement-id=default-placement']
  await runAdmin(cluster, ['zone', 'placement', 'modify', ...place, '--compression=zstd'])
}

async function runAdmin({ conf }: Cluster, args: readonly string[]): Promise<void> {
  await runChild('radosgw-admin', ['-c', conf, '--no-mon-config', ...args])
}

async function startMon({ folder, conf, fsid, monPort, backing }: Cluster): Promise<void> {
  const monmap = join(folder, 'monmap')
  const address = `[v2:127.0.0.1:${monPort}/0]`
  await runChild('monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', address, monmap])
  await runChild('ceph-mon', ['-c', conf, '--mkfs', '-i', 'a', '--monmap', monmap])
  const mon = startChild('ceph-mon', ['-f', '-i', 'a', '-c', conf])
  backing.push(mon)
  await until('the mon listens', mon, () => accepts(monPort))
}

async function startOsd({ conf, backing }: Cluster): Promise<void> {
  const uuid = randomUUID()
  await runChild('ceph', ['-c', conf, '--connect-timeout', '60', 'osd', 'new', uuid, '0'])
  const mkfs = ['--mkfs', '-i', '0', '--osd-uuid', uuid, '--no-mon-config']
  await runChild('ceph-osd', ['-c', conf, ...mkfs])
  // Not waited for: the gateway waits for it by itself.
  backing.push(startChild('ceph-osd', ['-f', '-i', '0', '-c', conf]))
}

export async function startGateway(cluster: Cluster): Promise<void> {
  const args = ['-f', '-n', 'client.rgw', '-c', cluster.conf, '--no-mon-config']
  const gateway = startChild('radosgw', args)
  cluster.gateway = gateway
  await until('the gateway answers', gateway, () => answersS3(cluster.port))
}

export async function closeCluster(cluster: Cluster): Promise<void> {
  const daemons = [...cluster.backing, ...(cluster.gateway ? [cluster.gateway] : [])]
  // Nothing in memory is worth an orderly end.
  for (const daemon of daemons) daemon.kill('SIGKILL')
  await Promise.allSettled(daemons.map((daemon) => daemon.exited))
  rmSync(cluster.folder, { recursive: true, force: true })
}

async function until(what: string, daemon: Child, isTrue: () => Promise<boolean>): Promise<void> {
  let ended: string | undefined
  daemon.exited.then(
    ({ code, signal }) => (ended = `it ended with ${code ?? signal}`),
    (error: unknown) => (ended = String(error)),
  )
  const deadline = Date.now() + STAGE_TIMEOUT_MS
  while (!(await isTrue())) {
    const gaveUp = Date.now() > deadline ? 'it took too long' : ended
    if (gaveUp !== undefined) throw new Error(`not reached: ${what}; ${gaveUp}\n${daemon.stderr()}`)
    await delay(POLL_MS)
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function answersS3(port: number): Promise<boolean> {
  const probe = http.get({ host: '127.0.0.1', port, agent: false, timeout: 2000 })
  probe.on('timeout', () => probe.destroy())
  try {
    const [response]: http.IncomingMessage[] = await once(probe, 'response')
    response?.resume()
    return response?.statusCode === 200
  } catch {
    return false
  }
}

/** Both are held at once, so that they differ. */
async function freePorts(): Promise<[number, number]> {
  const servers = [net.createServer(), net.createServer()] as const
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening')
  const [first, second] = servers.map((server) => portOf(server))
  for (const server of servers) await once(server.close(), 'close')
  return [first ?? 0, second ?? 0]
}

function portOf(server: net.Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
