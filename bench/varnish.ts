// Varnish in front of the same origin, which keeps objects in memory or, on the road of misses, passes every request on.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Child } from '../test/support/children.ts'
import { findProgram, freePort, listening, run } from './place.ts'

export interface Varnish {
  readonly child: Child
  /** Of the process that does the work: its parent only watches it. */
  readonly workerPid: number
  readonly port: number
}

export interface VarnishOptions {
  readonly originPort: number
  readonly keeps: boolean
}

export async function openVarnish(folder: string, options: VarnishOptions): Promise<Varnish> {
  const place = join(folder, 'varnish')
  mkdirSync(place)
  const file = join(place, 'default.vcl')
  writeFileSync(file, vcl(options))
  const port = await freePort()
  const program = findProgram('varnishd') ?? 'varnishd'
  const amounts = ['-p', 'thread_pools=1', '-p', 'default_ttl=3600', '-s', 'malloc,256m']
  // -d keeps it in the foreground, with its terminal, which ends when ours does.
  const command = [
    program,
    '-j',
    'none',
    '-F',
    '-n',
    place,
    '-a',
    `127.0.0.1:${port}`,
    '-f',
    file,
    ...amounts,
  ]
  const child = run('server', command)
  await listening(child, port)
  return { child, workerPid: childOf(child.pid), port }
}

function childOf(pid: number): number {
  return Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'), 10)
}

function vcl({ originPort, keeps }: VarnishOptions): string {
  return `vcl 4.1;
backend origin { .host = "127.0.0.1"; .port = "${originPort}"; }
${keeps ? '' : 'sub vcl_recv { return (pass); }'}
`
}
