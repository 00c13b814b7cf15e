// What the figures were measured on.

import { cpus, loadavg, release, totalmem } from 'node:os'
import { spawnSync } from 'node:child_process'

import type { Options } from './options.ts'
import { coresOf, findProgram } from './place.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly node: string
  readonly nginx: string
  readonly wrk: string
  readonly pinned: string
  /** Of the last minute, before the run: what the machine was busy with besides. */
  readonly loadAverage: number
}

export function describeMachine(): Machine {
  const pins = coresOf()
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    nginx: versionIn(said('nginx', '-v')),
    wrk: versionIn(said('wrk', '-v')),
    loadAverage: loadavg()[0] ?? 0,
    pinned:
      pins === undefined
        ? 'no: servers and load share the cores'
        : `server on core ${pins.server}, wrk and origin on core ${pins.load}`,
  }
}

/** What the run needs and is not here. */
export function missingPrograms({ road, guarded }: Pick<Options, 'road' | 'guarded'>): string[] {
  const others = road === 'memory' && !guarded ? ['varnishd'] : []
  return ['nginx', 'wrk', ...others].filter((name) => findProgram(name) === undefined)
}

function said(name: string, argument: string): string {
  const { stdout, stderr } = spawnSync(findProgram(name) ?? name, [argument], { encoding: 'utf8' })
  return stdout + stderr
}

function versionIn(text: string): string {
  return /\d+\.\d+(?:\.\d+)?/.exec(text)?.[0] ?? 'unknown'
}
