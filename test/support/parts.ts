// The real programs the tests hold Sluice against. A part that is not on the machine is installed
// where that is allowed, else named and its tests are skipped; with CI=true nothing is skipped.

import { spawnSync } from 'node:child_process'
import { accessSync, constants, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Part {
  readonly name: string
  /** The program to run when the part is there and works. */
  readonly probe: () => string | undefined
  /** Debian packages that bring it. */
  readonly packages: readonly string[]
  /** What brings it where there is Go, and no package does. */
  readonly goModule?: string
}

const CEPH_PROGRAMS = ['radosgw-admin', 'ceph-mon', 'ceph-osd', 'monmaptool', 'ceph']

const PARTS = {
  radosgw: {
    name: 'radosgw',
    probe: () => (CEPH_PROGRAMS.every(onPath) ? onPath('radosgw') : undefined),
    packages: ['radosgw', 'ceph-mon', 'ceph-osd'],
  },
  rclone: { name: 'rclone', probe: () => onPath('rclone'), packages: ['rclone'] },
  s3cmd: { name: 's3cmd', probe: () => onPath('s3cmd'), packages: ['s3cmd'] },
  awscli: {
    name: 'awscli',
    probe: () => firstWorking(['aws', '/usr/bin/aws'], ['--version']),
    packages: ['awscli'],
  },
  python3: {
    name: 'python3',
    probe: () => firstWorking(['python3', '/usr/bin/python3'], ['--version']),
    packages: ['python3'],
  },
  botocore: {
    name: 'botocore',
    probe: () => firstWorking(['python3', '/usr/bin/python3'], ['-c', 'import boto3, botocore']),
    packages: ['python3', 'python3-boto3'],
  },
  curl: { name: 'curl', probe: () => onPath('curl'), packages: ['curl'] },
  wget: { name: 'wget', probe: () => onPath('wget'), packages: ['wget'] },
  nginx: { name: 'nginx', probe: () => onPath('nginx'), packages: ['nginx'] },
  wrk: { name: 'wrk', probe: () => onPath('wrk'), packages: ['wrk'] },
  'redis-server': {
    name: 'redis-server',
    probe: () => onPath('redis-server'),
    packages: ['redis-server'],
  },
  opa: {
    name: 'opa',
    probe: () => onPath('opa') ?? inGoFolder('opa'),
    packages: [],
    goModule: 'github.com/open-policy-agent/opa@v1.22.0',
  },
  rsyslogd: { name: 'rsyslogd', probe: () => onPath('rsyslogd'), packages: ['rsyslog'] },
  promtool: { name: 'promtool', probe: () => onPath('promtool'), packages: ['prometheus'] },
  bash: { name: 'bash', probe: () => onPath('bash'), packages: ['bash'] },
  zsh: { name: 'zsh', probe: () => onPath('zsh'), packages: ['zsh'] },
  fish: { name: 'fish', probe: () => onPath('fish'), packages: ['fish'] },
  chromium: { name: 'chromium', probe: () => onPath('chromium'), packages: ['chromium'] },
  k6: {
    name: 'k6',
    probe: () => onPath('k6') ?? inGoFolder('k6'),
    packages: [],
    goModule: 'go.k6.io/k6@v1.8.1',
  },
  helm: {
    name: 'helm',
    probe: () => onPath('helm') ?? inGoFolder('helm'),
    packages: [],
    goModule: 'helm.sh/helm/v3/cmd/helm@v3.22.0',
  },
  'systemd-analyze': {
    name: 'systemd-analyze',
    probe: () => onPath('systemd-analyze'),
    packages: ['systemd'],
  },
} as const satisfies Record<string, Part>

export type PartName = keyof typeof PARTS
export const parts: Readonly<Record<PartName, Part>> = PARTS

/** What the tests need; nginx and wrk serve the benchmark alone, and systemd is where it is. */
export const partsOfTheTests: readonly PartName[] = [
  'radosgw',
  'rclone',
  's3cmd',
  'awscli',
  'python3',
  'botocore',
  'curl',
  'wget',
  'redis-server',
  'rsyslogd',
  'promtool',
  'chromium',
  'bash',
  'zsh',
  'fish',
  'opa',
  'k6',
  'helm',
]

const found = new Map<PartName, string>()

/** For the `skip` option of a test: false when the part is there, else the reason to skip. */
export function partMissing(name: PartName): string | false {
  if (programOf(name) !== undefined) return false
  if (process.env['CI'] === 'true') throw new Error(`${reasonFor(name)}; with CI=true it must be`)
  return reasonFor(name)
}

/** The program of a part that something can stand in for. */
export function partIfThere(name: PartName): string | undefined {
  return programOf(name)
}

/** The program of a part, for a test that runs it. */
export function requirePart(name: PartName): string {
  const program = programOf(name)
  if (program === undefined) throw new Error(reasonFor(name))
  return program
}

function reasonFor(name: PartName): string {
  return `${name} is not installed (${wayTo(name)})`
}

/** What brings the part. */
export function wayTo(name: PartName): string {
  const { goModule, packages } = parts[name]
  return goModule === undefined ? `apt-get install ${packages.join(' ')}` : `go install ${goModule}`
}

function programOf(name: PartName): string | undefined {
  const program = found.get(name) ?? parts[name].probe()
  if (program !== undefined) found.set(name, program)
  return program
}

/** Installs what is missing where it may. Gives the parts that are still missing. */
export function installParts(names: readonly PartName[]): PartName[] {
  installByGo(names.filter((name) => programOf(name) === undefined))
  const missing = names.filter((name) => programOf(name) === undefined)
  const isPackaged = missing.some((name) => parts[name].packages.length > 0)
  if (!isPackaged || process.getuid?.() !== 0 || !onPath('apt-get')) return missing

  const packages = missing.flatMap((name) => parts[name].packages)
  console.log(`installing ${packages.join(' ')}`)
  withoutServiceStarts(() => {
    if (aptGet('install', packages) || !aptGet('update')) return
    // One by one: a package that this distribution does not have must not cost the others.
    for (const name of missing) {
      if (parts[name].packages.length > 0) aptGet('install', parts[name].packages)
    }
  })
  return missing.filter((name) => programOf(name) === undefined)
}

/** What brings the parts that no package does. */
export function goIfThere(): string | undefined {
  return firstWorking(['go', '/usr/local/go/bin/go'], ['version'])
}

/** Into the caller's own Go folder, which takes no rights. */
function installByGo(names: readonly PartName[]): void {
  const modules = names.flatMap((name) => parts[name].goModule ?? [])
  const go = modules.length === 0 ? undefined : goIfThere()
  if (go === undefined) return
  for (const module of modules) {
    console.log(`go install ${module}`)
    spawnSync(go, ['install', module], { stdio: ['ignore', 2, 2], timeout: 900_000 })
  }
}

function aptGet(command: 'install' | 'update', packages: readonly string[] = []): boolean {
  const options = ['-qq', '-o', 'DPkg::Lock::Timeout=300']
  const install = command === 'install' ? ['-y', '--no-install-recommends', ...packages] : []
  const { status } = spawnSync('apt-get', [...options, command, ...install], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 2, 2],
  })
  return status === 0
}

/**
 * Debian starts a service as soon as it is installed, unless this file says no. One that is
 * already there is the machine owner's word and stays.
 */
function withoutServiceStarts(install: () => void): void {
  const policy = '/usr/sbin/policy-rc.d'
  // An interrupt waits until apt-get has ended and the file is gone.
  const interrupted = (): never => process.exit(130)
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  const ours = createdOnly(policy, '#!/bin/sh\nexit 101\n')
  try {
    install()
  } finally {
    if (ours) rmSync(policy, { force: true })
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
  }
}

function createdOnly(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o755 })
    return true
  } catch {
    return false // There is one, or the folder cannot be written: apt-get then says so itself.
  }
}

function onPath(program: string): string | undefined {
  // Servers live in sbin, which is not on every user's PATH.
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/bin']
  return folders.map((folder) => join(folder, program)).find(isExecutable)
}

/** Where `go install` puts what it makes. */
function inGoFolder(program: string): string | undefined {
  const { GOBIN, GOPATH, HOME = '' } = process.env
  const folders = [GOBIN, join(GOPATH?.split(':')[0] ?? join(HOME, 'go'), 'bin')]
  return folders
    .filter((folder) => folder !== undefined)
    .map((folder) => join(folder, program))
    .find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A version manager's shim can be on the PATH and lead nowhere, so the program is asked. */
function firstWorking(programs: readonly string[], args: readonly string[]): string | undefined {
  return programs.find(
    (program) => spawnSync(program, args, { stdio: 'ignore', timeout: 30_000 }).status === 0,
  )
}
