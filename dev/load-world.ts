// What the load scripts in k6/ run against: a bucket of known objects at two embedded S3 servers, a Sluice in
// front of both, and a port where the scripts may break the one and change the other.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { openS3Server } from './s3-server.ts'
import type { PutBody, S3Server } from './s3-server.ts'

export interface LoadWorld extends AsyncDisposable {
  /** For the scripts. */
  readonly env: Readonly<Record<string, string>>
}

const BUCKET = 'load'
const SMALL = 200
const MEDIUM = 50
const RULER_BYTES = 4 * 1024 * 1024
const KEYS = { accessKeyId: 'SLUICELOAD', secretAccessKey: randomBytes(20).toString('hex') }

export function* loadObjects(): Generator<readonly [key: string, body: PutBody]> {
  for (let at = 0; at < SMALL; at++) yield [`small/${at}`, { size: 2048, seed: `small/${at}` }]
  for (let at = 0; at < MEDIUM; at++) yield [`medium/${at}`, { size: 65_536, seed: `medium/${at}` }]
  yield ['ruler.txt', ruler()]
}

/** Lines of 16 bytes that say where they begin. */
function ruler(): Buffer {
  let text = ''
  for (let at = 0; at < RULER_BYTES; at += 16) text += `${String(at).padStart(15, '0')}\n`
  return Buffer.from(text)
}

export async function openLoadWorld(threads: string): Promise<LoadWorld> {
  const token = randomBytes(24).toString('hex')
  const folder = mkdtempSync(join(tmpdir(), 'sluice-load-'))
  const [primary, standby] = [await openStore(), await openStore()]
  const file = join(folder, 'config.yaml')
  const write = (change: string): void =>
    writeFileSync(file, JSON.stringify(configuration({ primary, standby, token, threads, change })))
  write('0')
  const { child, ready } = await startSluice(file)
  const control = await openControl(primary, write)
  const [url, operations] = [...ready.matchAll(/https?:\/\/[^\s,]+/g)].map(([found]) => found)
  const close = async (): Promise<void> => {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
    control.closeAllConnections()
    control.close()
    await Promise.all([primary.close(), standby.close()])
    rmSync(folder, { recursive: true, force: true })
  }
  return {
    env: {
      BASE_URL: url ?? '',
      OPS_URL: operations ?? '',
      CONTROL_URL: addressOf(control),
      ADMIN_TOKEN: token,
    },
    [Symbol.asyncDispose]: close,
  }
}

async function openStore(): Promise<S3Server> {
  const s3 = await openS3Server({ credentials: [KEYS] })
  for (const [key, body] of loadObjects()) s3.putObject(BUCKET, key, body)
  return s3
}

interface Wanted {
  readonly primary: S3Server
  readonly standby: S3Server
  readonly token: string
  readonly threads: string
  readonly change: string
}

function configuration({ primary, standby, token, threads, change }: Wanted): object {
  const s3 = {
    bucket: BUCKET,
    access_key: KEYS.accessKeyId,
    secret_key: KEYS.secretAccessKey,
    health_check: { interval: '1s' },
    circuit_breaker: { timeout_seconds: 1 },
    replicas: [
      { name: 'primary', endpoint: primary.endpoint, priority: 1 },
      { name: 'standby', endpoint: standby.endpoint, priority: 2 },
    ],
  }
  return {
    server: { address: '127.0.0.1:0', threads: threads === 'auto' ? threads : Number(threads) },
    buckets: [
      {
        name: BUCKET,
        path_prefix: `/${BUCKET}`,
        s3,
        response_headers: { set: { 'X-Change': change } },
      },
      { name: 'uncached', path_prefix: '/uncached', s3, cache: { enabled: false } },
    ],
    cache: { cache_layers: ['memory'], memory: { max_cache_size_mb: 64 } },
    admin: { address: '127.0.0.1:0', token },
    logging: { level: 'warn', access_log: false },
  }
}

/** The embedded S3 servers are busy enough in this process; Sluice gets one of its own. */
async function startSluice(file: string): Promise<{ child: ChildProcess; ready: string }> {
  const program = join(import.meta.dirname, '../src/main.ts')
  const child = spawn(
    process.execPath,
    ['--max-semi-space-size=4', program, 'serve', '--config', file],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  process.once('exit', () => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })
  const line = new Promise<string>((resolve, reject) => {
    lines.on('line', (text) => (text.startsWith('sluice ready') ? resolve(text) : undefined))
    child.once('exit', (code) => reject(new Error(`sluice ended with ${code}`)))
  })
  return { child, ready: await line }
}

/** `POST /down`, `/up` (the first replica), `/configuration?change=N`. */
async function openControl(primary: S3Server, write: (change: string) => void): Promise<Server> {
  const obey = async (target: URL): Promise<void> => {
    if (target.pathname === '/down') await primary.kill()
    if (target.pathname === '/up') await primary.restart()
    if (target.pathname === '/configuration') write(target.searchParams.get('change') ?? '')
  }
  const server = createServer((request, response) => {
    void obey(new URL(request.url ?? '', 'http://control')).then(
      () => response.writeHead(204).end(),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function addressOf(server: Server): string {
  const address = server.address()
  return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : ''
}
