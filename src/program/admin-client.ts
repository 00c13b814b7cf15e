// A running Sluice asked over its operations listener, from a terminal.

import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { setTimeout as after } from 'node:timers/promises'

import { withoutCredentials } from '../primitives/secret.ts'
import type { AdminPlace, ExplainRequest, Prewarming } from './arguments.ts'
import { explainedLines } from './explained-lines.ts'

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly out: (line: string) => void
  readonly err: (line: string) => void
}

interface Question {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly query?: string
  readonly body?: string
  /** Lets go of it. */
  readonly signal?: AbortSignal
}

type Fields = Readonly<Record<string, unknown>>

const TIMEOUT_MS = 120_000
const LOOK_AGAIN_MS = 500

/** Returns the exit code. */
export function purgeCommand(
  place: AdminPlace,
  order: object,
  terminal: Terminal,
): Promise<number> {
  const body = JSON.stringify(order)
  return askAdmin(place, { method: 'POST', path: '/admin/cache/purge', body }, terminal)
}

/** Returns the exit code. */
export function statsCommand(
  place: AdminPlace,
  bucket: string | undefined,
  terminal: Terminal,
): Promise<number> {
  const below = bucket === undefined ? '' : `/${encodeURIComponent(bucket)}`
  return askAdmin(place, { method: 'GET', path: `/admin/cache/stats${below}` }, terminal)
}

/** Returns the exit code. What is wrong with a configuration is told as `sluice check` tells it. */
export function reloadCommand(place: AdminPlace, terminal: Terminal): Promise<number> {
  return askAdmin(place, { method: 'POST', path: '/admin/reload' }, terminal)
}

/** Returns the exit code: 1 also where the request would be refused. */
export function explainCommand(
  place: AdminPlace,
  { path, method, host, address, headers }: ExplainRequest,
  { json, ...terminal }: Terminal & { readonly json: boolean },
): Promise<number> {
  const query = new URLSearchParams({ path })
  if (method !== undefined) query.set('method', method)
  if (host !== undefined) query.set('host', host)
  if (address !== undefined) query.set('address', address)
  for (const header of headers) query.append('header', header)
  return converse(place, terminal, async (ask) => {
    const answer = await ask({ method: 'GET', path: '/admin/explain', query: String(query) })
    if (json) print(answer, terminal)
    else for (const line of explainedLines(answer)) terminal.out(line)
    return isRefusal(answer['summary']) ? 1 : 0
  })
}

function isRefusal(summary: unknown): boolean {
  return typeof summary === 'object' && summary !== null && 'served' in summary
    ? summary.served === false
    : false
}

/** Begins a task, prints it, and may follow it to its end. Returns the exit code. */
export function prewarmCommand(
  place: AdminPlace,
  { order, isAwaited }: Prewarming,
  terminal: Terminal,
): Promise<number> {
  const body = JSON.stringify(order)
  return converse(place, terminal, async (ask) => {
    const { task_id: id } = await ask({ method: 'POST', path: PREWARM, body })
    const look = (): Promise<Answer> =>
      ask({ method: 'GET', path: `${PREWARM}/${encodeURIComponent(String(id))}` })
    if (!isAwaited) {
      print(await look(), terminal)
      return 0
    }
    // Whoever stops waiting can still find it.
    terminal.err(`sluice: waiting for the task ${String(id)}`)
    const task = await atItsEnd(look)
    print(task, terminal)
    return task['status'] === 'completed' ? 0 : 1
  })
}

async function atItsEnd(look: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const task = await look()
    if (task['status'] !== 'running') return task
    await after(LOOK_AGAIN_MS)
  }
}

const PREWARM = '/admin/cache/prewarm'

type Answer = Fields
/** Throws what is not as it should be. */
type Ask = (question: Question) => Promise<Answer>

function askAdmin(place: AdminPlace, question: Question, terminal: Terminal): Promise<number> {
  return converse(place, terminal, async (ask) => {
    print(await ask(question), terminal)
    return 0
  })
}

function print(answer: Answer, { out }: Terminal): void {
  out(JSON.stringify(answer, null, 2))
}

/** Returns the exit code: what is thrown is said, and is 1. */
export async function converse(
  { url, token: given }: AdminPlace,
  { env, err }: Terminal,
  talk: (ask: Ask) => Promise<number>,
): Promise<number> {
  const token = given ?? env['SLUICE_ADMIN_TOKEN'] ?? ''
  if (token === '') {
    err('sluice: no token: give --token, or set SLUICE_ADMIN_TOKEN')
    return 1
  }
  try {
    return await talk((question) => answerTo(question, url, token))
  } catch (error) {
    err(`sluice: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
}

async function answerTo(question: Question, url: string, token: string): Promise<Answer> {
  const { status, text } = await send(url, token, question).catch((error: unknown) => {
    throw new Error(
      `${withoutCredentials(url)}: ${error instanceof Error ? reasonOf(error) : String(error)}`,
    )
  })
  const answer = parseObject(text)
  if (status !== 200 && status !== 202) throw new Error(complaint(status, answer))
  return answer
}

async function send(
  url: string,
  token: string,
  { method, path, query = '', body, signal }: Question,
): Promise<{ status: number; text: string }> {
  const target = new URL(url)
  target.pathname = target.pathname.replace(/\/$/, '') + path
  target.search = query
  const outgoing = (target.protocol === 'https:' ? httpsRequest : httpRequest)(target, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(signal ? [signal] : [])]),
    agent: false,
  })
  const answered = once(outgoing, 'response')
  outgoing.end(body)
  const [response]: IncomingMessage[] = await answered
  if (response === undefined) throw new Error('no answer')
  const chunks: Uint8Array[] = []
  for await (const chunk of response) chunks.push(chunk)
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }
}

function lineOf(problem: unknown): string {
  if (typeof problem !== 'object' || problem === null) return String(problem)
  const { path, message }: Fields = { ...problem }
  return [path, message].filter((part) => typeof part === 'string' && part !== '').join(': ')
}

/** An answer that is none of ours says nothing that can be read. */
function parseObject(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

function complaint(status: number, answer: Fields): string {
  const { message, error, status: state, problems } = answer
  if (Array.isArray(problems))
    return ['the configuration is refused', ...problems.map(lineOf)].join('\n')
  if (typeof message === 'string') return `${message} (${status} ${String(error)})`
  return typeof state === 'string' ? `the purge is ${state} (${status})` : `answered ${status}`
}

function reasonOf(error: Error): string {
  // Several addresses were tried: each has its own reason, the sum has none.
  if (error instanceof AggregateError) return error.errors.map(String).join(', ')
  return error.message
}
