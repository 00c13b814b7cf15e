// What the figures were measured on, and of which source.

import { spawnSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'

import type { Options } from './options.ts'
import { coresOf, findProgram } from './place.ts'
import { ROADS } from './roads.ts'
import { figure } from './table.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  /** Programs and their versions. */
  readonly versions: Readonly<Record<string, string>>
  /** The commit, with a `+` where something has been changed since. */
  readonly source: string
  readonly pinned: string
  /** Of the last minute: what the machine was busy with besides. */
  readonly loadAverage: number
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BUSY_LOAD = 0.5
const ASKED_FOR_VERSION: Readonly<Record<string, string>> = {
  nginx: '-v',
  varnishd: '-V',
  'redis-server': '--version',
  wrk: '-v',
}

export function describeMachine(): Machine {
  const others = Object.entries(ASKED_FOR_VERSION).flatMap(([name, argument]) => {
    return findProgram(name) === undefined ? [] : [[name, versionIn(said(name, argument))]]
  })
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    versions: { node: process.version.slice(1), ...Object.fromEntries(others) },
    source: sourceText(),
    pinned: pinnedText(),
    loadAverage: loadavg()[0] ?? 0,
  }
}

export function machineText(machine: Machine): string {
  const { cpu, cores, memoryGiB, kernel, versions, source, pinned, loadAverage } = machine
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const lines = [
    `${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}`,
    `sluice ${source}, ${programs.join(', ')}`,
    pinned,
  ]
  if (loadAverage >= BUSY_LOAD) {
    lines.push(`The machine is busy (load ${figure(loadAverage)}): believe ratios, not figures.`)
  }
  return lines.join('\n')
}

/** What the run needs and is not here. */
export function missingPrograms({ cells, others }: Pick<Options, 'cells' | 'others'>): string[] {
  const hasVarnish = ({ road }: Options['cells'][number]): boolean => {
    return others.includes('varnish') && !ROADS[road].without.includes('varnish')
  }
  const needed = [
    'nginx',
    'wrk',
    ...(cells.some(hasVarnish) ? ['varnishd'] : []),
    ...(cells.some(({ road }) => ROADS[road].layer === 'redis') ? ['redis-server'] : []),
    ...(cells.some(({ road }) => road === 'tls') ? ['openssl'] : []),
  ]
  return needed.filter((name) => findProgram(name) === undefined)
}

function pinnedText(): string {
  const cores = coresOf()
  if (cores === undefined) return 'Nothing is pinned: servers and load share the cores.'
  const { server, threads, load } = cores
  return `Servers on core ${server.join()}, two threads on ${threads.join()}, wrk and what is behind on ${load.join()}.`
}

function sourceText(): string {
  const git = (...args: string[]): string => {
    return spawnSync('git', ['-C', ROOT, ...args], { encoding: 'utf8' }).stdout?.trim() ?? ''
  }
  const commit = git('rev-parse', '--short', 'HEAD')
  if (commit === '') return 'unknown'
  return git('status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}+`
}

function said(name: string, argument: string): string {
  const { stdout, stderr } = spawnSync(findProgram(name) ?? name, [argument], { encoding: 'utf8' })
  return stdout + stderr
}

function versionIn(text: string): string {
  return /\d+\.\d+(?:\.\d+)?/.exec(text)?.[0] ?? 'unknown'
}
