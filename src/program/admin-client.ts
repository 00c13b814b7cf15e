// `sluice purge` and `sluice stats`: a running Sluice asked over its operations listener.

import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'

import type { AdminPlace } from './arguments.ts'

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly out: (line: string) => void
  readonly err: (line: string) => void
}

interface Question {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: string
}

const TIMEOUT_MS = 120_000

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

async function askAdmin(
  { url, token: given }: AdminPlace,
  question: Question,
  { env, out, err }: Terminal,
): Promise<number> {
  const token = given ?? env['SLUICE_ADMIN_TOKEN'] ?? ''
  if (token === '') {
    err('sluice: no token: give --token, or set SLUICE_ADMIN_TOKEN')
    return 1
  }
  try {
    const { status, text } = await send(url, token, question)
    const answer = parseObject(text)
    if (status === 200) out(JSON.stringify(answer, null, 2))
    else err(`sluice: ${complaint(status, answer)}`)
    return status === 200 ? 0 : 1
  } catch (error) {
    err(`sluice: ${url}: ${error instanceof Error ? reasonOf(error) : String(error)}`)
    return 1
  }
}

async function send(
  url: string,
  token: string,
  { method, path, body }: Question,
): Promise<{ status: number; text: string }> {
  const target = new URL(url)
  target.pathname = target.pathname.replace(/\/$/, '') + path
  const outgoing = (target.protocol === 'https:' ? httpsRequest : httpRequest)(target, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
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

/** An answer that is none of ours says nothing that can be read. */
function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

function complaint(status: number, answer: Readonly<Record<string, unknown>>): string {
  const { message, error, status: state } = answer
  if (typeof message === 'string') return `${message} (${status} ${String(error)})`
  return typeof state === 'string' ? `the purge is ${state} (${status})` : `answered ${status}`
}

function reasonOf(error: Error): string {
  // Several addresses were tried: each has its own reason, the sum has none.
  if (error instanceof AggregateError) return error.errors.map(String).join(', ')
  return error.message
}
