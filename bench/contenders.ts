// Who is compared: each a process on the server's core, serving the same objects.

import { mkdirSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Child } from '../test/support/children.ts'
import { RUNTIME_FLAGS } from '../test/support/sluice.ts'
import { GUARD } from './guard.ts'
import type { Guard } from './guard.ts'
import { openNginxCache, openNginxProxy, openOrigin } from './nginx.ts'
import type { Road, Size } from './options.ts'
import { freePort, listening, run } from './place.ts'
import { openVarnish } from './varnish.ts'

export interface Contender {
  readonly name: string
  readonly child: Child
  /** Whose CPU time is measured, where that is not the child itself. */
  readonly workerPid?: number
  readonly url: (size: Size) => string
  /** What a request brings beside what every one has, as `Name: value`. */
  readonly headers?: readonly string[]
}

export interface StageOptions {
  readonly folder: string
  readonly sizes: readonly Size[]
  readonly road: Road
  /** Where Sluice is to write a CPU profile, if it is. */
  readonly profileFolder: string | undefined
  /** What guards a bucket, instead of what people put in the place of Sluice. */
  readonly guarded: boolean
}

const BUCKET = 'bucket'
/** What Node writes by itself; stated twice they would differ from what Sluice sends. */
const NODES_OWN = new Set(['date', 'connection', 'keep-alive'])

export interface Contest {
  readonly origin: Child
  /** The first is the measure for the others. */
  readonly contenders: readonly Contender[]
}

export async function openContest(options: StageOptions): Promise<Contest> {
  const { folder, sizes, road, profileFolder, guarded } = options
  const root = join(folder, 'objects')
  mkdirSync(join(root, BUCKET), { recursive: true })
  for (const size of sizes) {
    writeFileSync(join(root, BUCKET, keyOf(size)), Buffer.alloc(size.bytes, 'x'))
  }
  const origin = await openOrigin({ folder, root, bucket: BUCKET })
  const stage = { folder, originPort: origin.port, road }
  const profiled = guarded ? undefined : profileFolder
  const sluice = await openSluice({ ...stage, name: 'sluice', profileFolder: profiled })
  const doNothing = await openDoNothing(folder, sluice, sizes)
  if (guarded) {
    const guard = await openSluice({
      ...stage,
      name: 'sluice, guarded',
      profileFolder,
      guard: GUARD,
    })
    return { origin: origin.child, contenders: [doNothing, sluice, guard] }
  }
  const logging = await openSluice({ ...stage, name: 'sluice, access log', accessLog: true })
  const others = await openOthers(stage)
  return { origin: origin.child, contenders: [doNothing, ...others, sluice, logging] }
}

/** What people put there instead. */
async function openOthers({ folder, originPort, road }: Stage): Promise<Contender[]> {
  if (road === 'origin') {
    const nginx = await openNginxProxy(folder, originPort)
    return [{ name: 'nginx proxy_pass', child: nginx.child, url: urlAt(nginx.port) }]
  }
  const nginx = await openNginxCache(folder, originPort)
  const others = [{ name: 'nginx proxy_cache', child: nginx.child, url: urlAt(nginx.port) }]
  if (road === 'disk') return others
  const { child, workerPid, port } = await openVarnish(folder, originPort)
  return [...others, { name: 'varnish', child, workerPid, url: urlAt(port) }]
}

async function openDoNothing(
  folder: string,
  like: Contender,
  sizes: readonly Size[],
): Promise<Contender> {
  const answers = []
  for (const size of sizes) {
    answers.push({
      path: `/${BUCKET}/${keyOf(size)}`,
      headers: await headersOf(like.url(size)),
      bytes: size.bytes,
    })
  }
  const file = join(folder, 'answers.json')
  writeFileSync(file, JSON.stringify(answers))
  const port = await freePort()
  const program = fileURLToPath(new URL('do-nothing.ts', import.meta.url))
  const child = run('server', [process.execPath, program, String(port), file])
  await listening(child, port)
  return { name: 'do-nothing node:http', child, url: urlAt(port) }
}

interface Stage {
  readonly folder: string
  readonly originPort: number
  readonly road: Road
}

interface SluiceStage extends Stage {
  readonly name: string
  readonly profileFolder?: string | undefined
  readonly accessLog?: boolean
  readonly guard?: Guard
}

async function openSluice(stage: SluiceStage): Promise<Contender> {
  const { folder, profileFolder, name, guard } = stage
  const port = await freePort()
  const file = join(folder, `sluice-${port}.yaml`)
  writeFileSync(file, JSON.stringify(configuration(port, stage)))
  const program = fileURLToPath(new URL('../src/main.ts', import.meta.url))
  const profiling =
    profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]
  const command = [
    process.execPath,
    ...RUNTIME_FLAGS,
    ...profiling,
    program,
    'serve',
    '--config',
    file,
  ]
  // The lines are written and not read: reading them would be work for the load's core.
  const child = run('server', ['/bin/sh', '-c', 'exec "$0" "$@" > /dev/null', ...command])
  await listening(child, port)
  return { name, child, url: urlAt(port), headers: guard?.headers ?? [] }
}

function configuration(
  port: number,
  { originPort, road, folder, accessLog = false, guard }: SluiceStage,
): object {
  return {
    server: { address: `127.0.0.1:${port}`, threads: 1, shutdown: { drain: '1s' } },
    cache:
      road === 'origin'
        ? { enabled: false }
        : {
            cache_layers: [road],
            memory: { max_cache_size_mb: 256, max_item_size_mb: 256 },
            disk: { enabled: road === 'disk', cache_dir: join(folder, `cache-${port}`) },
          },
    ...guard?.sections,
    buckets: [
      {
        name: BUCKET,
        path_prefix: `/${BUCKET}`,
        s3: {
          bucket: BUCKET,
          endpoint: `http://127.0.0.1:${originPort}`,
          access_key: 'AKIAIOSFODNN7EXAMPLE',
          secret_key: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
        },
        ...guard?.bucket,
      },
    ],
    admin: { address: '127.0.0.1:0' },
    logging: { access_log: accessLog, level: 'info' },
  }
}

/** The head of a good answer, as Node is to write it again. */
function headersOf(url: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const request = get(url, (response) => {
      const { statusCode, rawHeaders } = response
      response.destroy()
      if (statusCode === 200) resolve(withoutNodesOwn(rawHeaders))
      else reject(new Error(`${url} answers ${statusCode}`))
    })
    request.once('error', reject)
  })
}

function withoutNodesOwn(headers: readonly string[]): string[] {
  return headers.filter((_, index) => {
    return !NODES_OWN.has(headers[index - (index % 2)]?.toLowerCase() ?? '')
  })
}

function urlAt(port: number): Contender['url'] {
  return (size) => `http://127.0.0.1:${port}/${BUCKET}/${keyOf(size)}`
}

function keyOf({ name }: Size): string {
  return `${name}.bin`
}
