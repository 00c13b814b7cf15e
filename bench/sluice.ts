// Sluice as a contender: a configuration for the road, and the program of this tree.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Certificate } from '../test/support/certificates.ts'
import type { Child } from '../test/support/children.ts'
import { RUNTIME_FLAGS } from '../test/support/sluice.ts'
import { GUARD } from './guard.ts'
import { freePort, listening, run } from './place.ts'
import type { Road, RoadName } from './roads.ts'

export interface SluiceStage {
  readonly folder: string
  readonly road: RoadName
  readonly layer: Road['layer']
  readonly bucket: string
  readonly threads: 1 | 2
  readonly originPort: number
  readonly redisPort: number | undefined
  readonly certificate: Certificate | undefined
  /** Where it is to write a CPU profile, if it is. */
  readonly profileFolder: string | undefined
}

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

export async function openSluice(stage: SluiceStage): Promise<{ child: Child; port: number }> {
  const port = await freePort()
  const file = join(stage.folder, `sluice-${port}.yaml`)
  writeFileSync(file, JSON.stringify(configuration(port, stage)))
  const { profileFolder } = stage
  const profiling =
    profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]
  const program = [process.execPath, ...RUNTIME_FLAGS, ...profiling, MAIN]
  const command = [...program, 'serve', '--config', file]
  const side = stage.threads === 1 ? 'server' : 'threads'
  // The lines are written and not read: reading them would be work for the load's core.
  const child = run(side, ['/bin/sh', '-c', 'exec "$0" "$@" > /dev/null', ...command])
  await listening(child, port)
  return { child, port }
}

function configuration(port: number, stage: SluiceStage): object {
  const { road, threads, certificate, bucket, originPort } = stage
  const guard = road === 'guarded' ? GUARD : undefined
  return {
    server: {
      address: `127.0.0.1:${port}`,
      threads,
      shutdown: { drain: '1s' },
      ...(certificate && { https: httpsOf(certificate) }),
    },
    cache: cacheOf(port, stage),
    ...guard?.sections,
    buckets: [
      {
        name: bucket,
        path_prefix: `/${bucket}`,
        s3: {
          bucket,
          endpoint: `http://127.0.0.1:${originPort}`,
          access_key: 'AKIAIOSFODNN7EXAMPLE',
          secret_key: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
        },
        ...guard?.bucket,
      },
    ],
    admin: { address: '127.0.0.1:0' },
    logging: { access_log: road === 'log', level: 'info' },
  }
}

function httpsOf({ certPath, keyPath }: Certificate): object {
  return { enabled: true, cert_path: certPath, key_path: keyPath }
}

function cacheOf(port: number, { layer, folder, redisPort }: SluiceStage): object {
  if (layer === undefined) return { enabled: false }
  return {
    cache_layers: [layer],
    memory: { max_cache_size_mb: 256, max_item_size_mb: 256 },
    disk: { enabled: layer === 'disk', cache_dir: join(folder, `cache-${port}`) },
    ...(layer === 'redis' && { redis: redisOf(redisPort) }),
  }
}

/** A machine that is busy is not to make hits misses. */
function redisOf(port: number | undefined): object {
  const redis_url = `redis://127.0.0.1:${port}`
  return { enabled: true, redis_url, max_item_size: '8MiB', timeout: '2s' }
}
