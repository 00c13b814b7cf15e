// One question to an Open Policy Agent over HTTP: bounded in time, from first to last, and in the size
// of the answer, over connections that are kept and are only so many.

import http from 'node:http'
import https from 'node:https'

import type { AuthorizationConfig } from '../config/authorization.ts'
import type { TraceFields } from '../exchange/trace.ts'
import { decisionIn } from './policy-answer.ts'
import type { Decision } from './policy-answer.ts'
import { PolicyFailure } from './policy-failure.ts'

/** More at once wait for one of them, within their time. */
const MOST_SOCKETS = 64
const MOST_BYTES = 64 * 1024
/** What stands in for OPA when it, or what is before it, is overwhelmed. */
const AWAY_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504])

export interface Asking {
  readonly decision: Promise<Decision>
  readonly cancel: () => void
}

interface Question {
  readonly bytes: Buffer
  readonly headers: http.OutgoingHttpHeaders
  readonly signal: AbortSignal
}

export class Opa {
  readonly #agent: http.Agent
  readonly #request: typeof http.request
  readonly #url: URL
  readonly #timeoutMs: number

  constructor({ url, policyPath, timeoutMs }: AuthorizationConfig) {
    this.#url = new URL(`${url}/v1/data/${policyPath}`)
    const isTls = this.#url.protocol === 'https:'
    const options = { keepAlive: true, maxSockets: MOST_SOCKETS, scheduling: 'lifo' } as const
    this.#agent = isTls ? new https.Agent(options) : new http.Agent(options)
    this.#request = isTls ? https.request : http.request
    this.#timeoutMs = timeoutMs
  }

  /** Rejects with a PolicyFailure. */
  ask(body: string, trace: TraceFields): Asking {
    const ending = new AbortController()
    const bytes = Buffer.from(body)
    const late = new PolicyFailure('away', `no answer within ${this.#timeoutMs} ms`)
    const timer = setTimeout(() => ending.abort(late), this.#timeoutMs)
    const headers = { ...trace, 'content-type': 'application/json', 'content-length': bytes.length }
    const question = { bytes, headers, signal: ending.signal }
    const decision = this.#exchange(question, true).finally(() => clearTimeout(timer))
    const cancel = (): void => ending.abort(new PolicyFailure('cancelled', 'nobody waits'))
    return { decision, cancel }
  }

  close(): void {
    this.#agent.destroy()
  }

  async #exchange(question: Question, mayRepeat: boolean): Promise<Decision> {
    const { bytes, headers, signal: ending } = question
    const outgoing = this.#request(this.#url, {
      method: 'POST',
      agent: this.#agent,
      signal: ending,
      headers,
    })
    let incoming: http.IncomingMessage
    try {
      incoming = await answerTo(outgoing, bytes)
    } catch (error) {
      // A kept connection may have been closed just before it was used: that says nothing of OPA.
      const isStale = outgoing.reusedSocket && isReset(error) && !ending.aborted
      if (isStale && mayRepeat) return this.#exchange(question, false)
      throw failureOf(error, ending)
    }
    try {
      return await decisionOf(incoming)
    } catch (error) {
      incoming.destroy()
      throw failureOf(error, ending)
    }
  }
}

function answerTo(outgoing: http.ClientRequest, body: Buffer): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.on('response', resolve).on('error', reject).end(body)
  })
}

async function decisionOf(incoming: http.IncomingMessage): Promise<Decision> {
  const { statusCode = 0 } = incoming
  if (statusCode !== 200) {
    const kind = AWAY_STATUSES.has(statusCode) ? 'away' : 'answer'
    throw new PolicyFailure(kind, `OPA answered ${statusCode}`)
  }
  const chunks: Buffer[] = []
  let bytes = 0
  // The cast: a message whose encoding was not set gives buffers.
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength
    if (bytes > MOST_BYTES) throw new PolicyFailure('answer', 'the answer is too large')
    chunks.push(chunk)
  }
  return decisionIn(Buffer.concat(chunks).toString())
}

function isReset(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ECONNRESET' || code === 'EPIPE'
}

function failureOf(error: unknown, ending: AbortSignal): PolicyFailure {
  if (error instanceof PolicyFailure) return error
  if (ending.reason instanceof PolicyFailure) return ending.reason
  const code = codeOf(error)
  const why = code === undefined ? '' : ` (${code})`
  return new PolicyFailure('away', `OPA cannot be reached${why}`, { cause: error })
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
