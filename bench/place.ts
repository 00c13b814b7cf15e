// Where a run lives: a temporary folder, cores, free ports, and children that end with it.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

import { startChild, type Child } from '../test/support/children.ts'

/** Under test with one thread, or with two; and everything that must not take time from it. */
export type Side = 'server' | 'threads' | 'load'

/** A machine may have other things to do. */
const PATIENCE_MS = 60_000
const LOOK_MS = 20
/** What has just been killed may still have written something. */
const REMOVAL = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }

/** Removed when this process ends; its children end by themselves then. */
export function openFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  process.on('exit', () => rmSync(folder, REMOVAL))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  return folder
}

/** The program's full path; distributions keep servers where users do not look. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

/**
 * Which cores each side gets, where there are several and a way to give them. With two, two threads
 * and the load have to share one.
 */
export function coresOf(): Readonly<Record<Side, readonly number[]>> | undefined {
  const cores = allowedCores()
  if (findProgram('taskset') === undefined || cores.length < 2) return undefined
  const load = cores.length === 2 ? cores.slice(1) : cores.slice(2, 4)
  return { server: cores.slice(0, 1), threads: cores.slice(0, 2), load }
}

export function run(
  side: Side,
  command: readonly string[],
  onStdout?: (text: string) => void,
): Child {
  const cores = coresOf()?.[side]
  const pinned = cores === undefined ? command : ['taskset', '-c', cores.join(','), ...command]
  const [program = '', ...args] = pinned
  return startChild(program, args, onStdout === undefined ? {} : { onStdout })
}

/** What a command has to say, to its end. */
export async function output(side: Side, command: readonly string[]): Promise<string> {
  let text = ''
  const child = run(side, command, (more) => (text += more))
  const { code, signal } = await child.exited
  if (code !== 0) {
    throw new Error(`${command.join(' ')}: ${code ?? signal}\n${text}${child.stderr()}`)
  }
  return text === '' ? child.stderr() : text
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

/** Waits until a child answers its port. */
export async function listening(child: Child, port: number): Promise<void> {
  const until = performance.now() + PATIENCE_MS
  let end: string | undefined
  child.exited.then(
    ({ code, signal }) => (end = `it ended with ${code ?? signal}`),
    (error) => (end = String(error)),
  )
  while (!(await answers(port))) {
    const why = performance.now() > until ? 'it does not listen' : end
    if (why !== undefined) throw new Error(`port ${port}: ${why}\n${child.stderr()}`)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}

/** Linux's list form, '0-3,8'. */
function allowedCores(): number[] {
  if (!existsSync('/proc/self/status')) return []
  const status = readFileSync('/proc/self/status', 'utf8')
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? ''
  return list.split(',').flatMap((part) => {
    const [first = '', last = first] = part.split('-')
    const count = Number(last) - Number(first) + 1
    return Array.from({ length: count }, (_, index) => Number(first) + index)
  })
}
