// A Sluice on its core with an nginx behind it: one bucket from memory, the same one fetched every time.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Child } from '../../test/support/children.ts'
import { RUNTIME_FLAGS } from '../../test/support/sluice.ts'
import { openOrigin } from '../nginx.ts'
import { freePort, listening, run } from '../place.ts'

export interface Stage {
  readonly port: number
  /** Of the operations listener. */
  readonly opsUrl: string
  readonly sluice: Child
  close(): Promise<void>
}

export interface StageOptions {
  readonly folder: string
  readonly threads: number
  readonly limits: Readonly<Record<string, unknown>>
  readonly s3: Readonly<Record<string, unknown>>
  readonly https?: { readonly certPath: string; readonly keyPath: string } | undefined
}

const BUCKET = 'bucket'
const KEY = '1KB.bin'
export const PATHS = { memory: `/hit/${KEY}`, origin: `/miss/${KEY}` } as const

export async function openStage(options: StageOptions): Promise<Stage> {
  const { folder } = options
  const root = join(folder, 'objects')
  mkdirSync(join(root, BUCKET), { recursive: true })
  writeFileSync(join(root, BUCKET, KEY), Buffer.alloc(1024, 'x'))
  const origin = await openOrigin({ folder, root, bucket: BUCKET })
  const [port, opsPort] = [await freePort(), await freePort()]
  const file = join(folder, 'sluice.yaml')
  writeFileSync(file, JSON.stringify(configuration({ ...options, port, opsPort }, origin.port)))
  const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
  const command = [process.execPath, ...RUNTIME_FLAGS, program, 'serve', '--config', file]
  const sluice = run('server', command)
  await listening(sluice, port)
  await listening(sluice, opsPort)
  return {
    port,
    opsUrl: `http://127.0.0.1:${opsPort}`,
    sluice,
    close: async () => {
      for (const child of [sluice, origin.child]) child.kill('SIGKILL')
      await Promise.all([sluice.exited, origin.child.exited])
    },
  }
}

interface Ports {
  readonly port: number
  readonly opsPort: number
}

function configuration(
  { threads, limits, s3: more, https, port, opsPort }: StageOptions & Ports,
  originPort: number,
): object {
  const s3 = {
    bucket: BUCKET,
    endpoint: `http://127.0.0.1:${originPort}`,
    access_key: 'AKIAIOSFODNN7EXAMPLE',
    secret_key: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    ...more,
  }
  const tls = https && { enabled: true, cert_path: https.certPath, key_path: https.keyPath }
  return {
    server: {
      address: `127.0.0.1:${port}`,
      threads,
      // Idle connections are to stay.
      limits: { keep_alive_timeout: '1h', ...limits },
      ...(tls && { https: tls }),
    },
    cache: { cache_layers: ['memory'], memory: { max_cache_size_mb: 64 } },
    buckets: [
      { name: 'hit', path_prefix: '/hit', s3 },
      { name: 'miss', path_prefix: '/miss', s3, cache: { enabled: false } },
    ],
    admin: { address: `127.0.0.1:${opsPort}` },
    logging: { access_log: false, level: 'warn' },
  }
}
