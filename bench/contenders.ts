// The servers that are compared, each of them a process that serves the same objects.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Child } from '../test/support/children.ts'
import { openNginxContender } from './nginx.ts'
import { freePort, listening, run } from './place.ts'
import { probe } from './probe.ts'
import type { Head } from './probe.ts'
import type { Ask, Rival } from './roads.ts'
import { openSluice } from './sluice.ts'
import type { SluiceStage } from './sluice.ts'
import { openVarnish } from './varnish.ts'

export interface Contender {
  readonly name: string
  readonly child: Child
  /** Of the process that does the work, which is measured. */
  readonly pid: number
  readonly threads: 1 | 2
  readonly url: string
  /** Whether it has anything from the origin. */
  readonly isProxy: boolean
}

export interface Stage extends Omit<SluiceStage, 'threads'> {
  readonly url: (port: number) => string
}

/** What Node writes by itself; stated twice they would differ from what Sluice sends. */
const NODES_OWN = new Set(['date', 'connection', 'keep-alive'])

export async function openSluiceContender(stage: Stage, threads: 1 | 2): Promise<Contender> {
  const profileFolder = threads === 1 ? stage.profileFolder : undefined
  const { child, port } = await openSluice({ ...stage, threads, profileFolder })
  const name = threads === 1 ? 'sluice' : 'sluice-2'
  return { name, child, pid: child.pid, threads, url: stage.url(port), isProxy: true }
}

export async function openRival(name: Rival, stage: Stage): Promise<Contender> {
  const { folder, originPort, certificate, road, layer, url } = stage
  const options = { originPort, keeps: layer !== undefined, certificate, logs: road === 'log' }
  if (name === 'varnish') {
    const { child, workerPid, port } = await openVarnish(folder, options)
    return { name, child, pid: workerPid, threads: 1, url: url(port), isProxy: true }
  }
  const place = join(folder, name)
  const { child, port } = await openNginxContender(place, {
    ...options,
    isTuned: name === 'nginx-tuned',
  })
  return { name, child, pid: child.pid, threads: 1, url: url(port), isProxy: true }
}

export async function openDoNothing(
  { folder, certificate, url }: Stage,
  like: Contender,
  asks: readonly Ask[],
): Promise<Contender> {
  const answers = []
  for (const ask of asks) {
    const { status, rawHeaders } = await probe(like.name, like.url, ask)
    const { path, bodyBytes } = ask
    answers.push({ path, status, headers: withoutNodesOwn(rawHeaders), bodyBytes })
  }
  const port = await freePort()
  const file = join(folder, 'do-nothing.json')
  writeFileSync(file, JSON.stringify({ port, answers, tls: certificate }))
  const program = fileURLToPath(new URL('do-nothing.ts', import.meta.url))
  const child = run('server', [process.execPath, program, file])
  await listening(child, port)
  return { name: 'do-nothing', child, pid: child.pid, threads: 1, url: url(port), isProxy: false }
}

function withoutNodesOwn(headers: Head['rawHeaders']): string[] {
  return headers.filter((_, index) => {
    return !NODES_OWN.has(headers[index - (index % 2)]?.toLowerCase() ?? '')
  })
}
