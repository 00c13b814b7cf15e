// All that stands for one road: an origin with objects, Redis where it is the road, the servers in
// front of them, and what is asked. Who has no such road is known, and has no process.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { createCertificate } from '../test/support/certificates.ts'
import type { Child } from '../test/support/children.ts'
import { openDoNothing, openRival, openSluiceContender } from './contenders.ts'
import type { Contender, Stage } from './contenders.ts'
import { COUNTS_PATH, openOrigin, requestsIn } from './nginx.ts'
import type { Other } from './options.ts'
import { findProgram, freePort, listening, run } from './place.ts'
import { fetchOnce } from './probe.ts'
import { askOf, objectBytes, ROADS } from './roads.ts'
import type { Ask, RoadName, SizeName } from './roads.ts'

/** What the servers have behind them. */
export interface Behind {
  readonly pids: readonly number[]
  /** Since it began, without those that ask for this. */
  readonly requestsToOrigin: () => Promise<number>
  readonly expected: 'hits' | 'misses'
}

export interface Contest extends AsyncDisposable {
  readonly contenders: readonly Contender[]
  /** Who has no such road. */
  readonly absent: readonly string[]
  readonly asks: readonly Ask[]
  readonly behind: Behind
}

export interface ContestOptions {
  /** Empty, and of this contest alone. */
  readonly folder: string
  readonly road: RoadName
  readonly sizes: readonly SizeName[]
  readonly others: readonly Other[]
  readonly profileFolder: string | undefined
}

const BUCKET = 'bucket'
const EXIT_PATIENCE_MS = 10_000

/** Ends what it has begun when it is disposed of. */
type Own = <T extends { readonly child: Child }>(opened: T) => T

export async function openContest(options: ContestOptions): Promise<Contest> {
  const started = new AsyncDisposableStack()
  try {
    return await openAll(options, started)
  } catch (error) {
    await started.disposeAsync()
    throw error
  }
}

async function openAll(
  { folder, road, sizes, others, profileFolder }: ContestOptions,
  started: AsyncDisposableStack,
): Promise<Contest> {
  const own: Own = (opened) => {
    started.defer(() => end(opened.child))
    return opened
  }
  const { layer, without } = ROADS[road]
  const origin = own(await openOrigin(storeObjects(folder, road, sizes)))
  const redis = layer === 'redis' ? own(await openRedis(folder)) : undefined
  const certificate = road === 'tls' ? started.use(createCertificate('127.0.0.1')) : undefined
  const scheme = certificate === undefined ? 'http' : 'https'
  const stage: Stage = {
    folder,
    road,
    layer,
    certificate,
    profileFolder,
    bucket: BUCKET,
    originPort: origin.port,
    redisPort: redis?.port,
    url: (port) => `${scheme}://127.0.0.1:${port}`,
  }
  const asks = await asksOf(road, sizes, origin.port)
  const present = others.filter((name) => name === 'sluice-2' || !without.includes(name))
  return {
    contenders: await openContenders(stage, { asks, others: present }, own),
    absent: without.filter((name) => others.includes(name)),
    asks,
    behind: behindOf(origin, redis, layer === undefined ? 'misses' : 'hits'),
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  }
}

/** In the order of the table. */
async function openContenders(
  stage: Stage,
  { asks, others }: { asks: readonly Ask[]; others: readonly Other[] },
  own: Own,
): Promise<Contender[]> {
  const sluice = own(await openSluiceContender(stage, 1))
  const contenders = [own(await openDoNothing(stage, sluice, asks))]
  for (const name of others.filter((name) => name !== 'sluice-2')) {
    contenders.push(own(await openRival(name, stage)))
  }
  contenders.push(sluice)
  if (others.includes('sluice-2')) contenders.push(own(await openSluiceContender(stage, 2)))
  return contenders
}

function storeObjects(folder: string, road: RoadName, sizes: readonly SizeName[]) {
  const root = join(folder, 'objects')
  mkdirSync(join(root, BUCKET), { recursive: true })
  for (const size of sizes) {
    writeFileSync(join(root, pathOf(size)), Buffer.alloc(objectBytes(road, size), 'x'))
  }
  return { folder, root, bucket: BUCKET }
}

function pathOf(size: SizeName): string {
  return `/${BUCKET}/${size}.bin`
}

async function asksOf(road: RoadName, sizes: readonly SizeName[], port: number): Promise<Ask[]> {
  const asks = []
  for (const size of sizes) {
    const path = pathOf(size)
    const { head } = await fetchOnce(`http://127.0.0.1:${port}${path}`)
    asks.push(askOf(road, size, { path, etag: head.headers.etag ?? '' }))
  }
  return asks
}

async function openRedis(folder: string): Promise<{ child: Child; port: number }> {
  const port = await freePort()
  const program = findProgram('redis-server') ?? 'redis-server'
  const memoryOnly = ['--save', '', '--appendonly', 'no', '--dir', folder]
  const child = run('load', [program, '--port', `${port}`, '--bind', '127.0.0.1', ...memoryOnly])
  await listening(child, port)
  return { child, port }
}

interface Opened {
  readonly child: Child
  readonly port: number
}

function behindOf(origin: Opened, redis: Opened | undefined, expected: Behind['expected']): Behind {
  const url = `http://127.0.0.1:${origin.port}${COUNTS_PATH}`
  let asked = 0
  const requestsToOrigin = async (): Promise<number> => {
    const { text } = await fetchOnce(url)
    asked += 1
    return requestsIn(text) - asked
  }
  const pids = redis === undefined ? [origin.child.pid] : [origin.child.pid, redis.child.pid]
  return { pids, expected, requestsToOrigin }
}

/** Asked to end, so that a profile is written, and made to. */
async function end(child: Child): Promise<void> {
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), EXIT_PATIENCE_MS)
  await child.exited
  clearTimeout(timer)
}
