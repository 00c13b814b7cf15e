// One request and its answer: logged, spoilt where a fault says so, answered, sent.

import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import { answer } from './answer.ts'
import type { Asked } from './answer.ts'
import type { Buckets } from './buckets.ts'
import { isMidBody } from './faults.ts'
import type { FaultKind, FaultRule, Faults } from './faults.ts'
import type { Quirks } from './quirks.ts'
import type { Reply } from './reply.ts'
import type { Entry, RequestLog } from './request-log.ts'
import { codeOfStatus, createS3Error, renderS3Error } from './s3-error.ts'
import type { S3Error } from './s3-error.ts'
import { send } from './send.ts'
import { headerValue } from './sigv4-claim.ts'
import { parseTarget } from './target.ts'
import type { Pair, Target } from './target.ts'
import type { Credential } from './verify-sigv4.ts'

export interface Origin {
  readonly buckets: Buckets
  readonly faults: Faults
  readonly log: RequestLog
  readonly credentials: readonly Credential[]
  readonly region: string
  readonly quirks: Quirks
  readonly virtualHostSuffix: string | undefined
  now(): number
  /** The TCP connection a request came by, below any TLS. */
  socketOf(request: IncomingMessage): Socket
}

interface Arrival {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly headers: readonly Pair[]
  readonly target: Target | undefined
  readonly entry: Entry
  /** Aborted when the answer is over, or the reader gone. */
  readonly gone: AbortSignal
}

/** Never rejects: what goes wrong here ends the connection and is printed. */
export async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  origin: Origin,
): Promise<void> {
  const arrival = arrive(request, response, origin)
  try {
    await respond(arrival, origin)
  } catch (error) {
    // A reader that left ends every wait with an error; anything else is a bug to be seen.
    if (!arrival.gone.aborted && !request.socket.destroyed) console.error('embedded S3:', error)
    response.destroy()
  }
}

// Made once: an abort without a reason makes an exception with its stack, for every request.
const isOver = new Error('the answer is over')

function arrive(request: IncomingMessage, response: ServerResponse, origin: Origin): Arrival {
  const headers = headerPairs(request.rawHeaders)
  const host = headerValue(headers, 'host') ?? ''
  const target = parseTarget(request.url ?? '', host, origin)
  const entry = origin.log.add(entryOf(request, headers, target))
  const over = new AbortController()
  response.once('close', () => {
    entry.state = response.writableFinished ? 'finished' : 'aborted'
    over.abort(isOver)
  })
  return { request, response, headers, target, entry, gone: over.signal }
}

async function respond(arrival: Arrival, origin: Origin): Promise<void> {
  const { request, response, entry, gone } = arrival
  const isRanged = entry.headers['range'] !== undefined
  const fault = origin.faults.take({ ...entry, isRanged })
  entry.fault = fault?.kind
  if (fault?.delayMs !== undefined) {
    await delay(fault.delayMs, undefined, { ref: false, signal: gone })
  }
  const socket = origin.socketOf(request)
  if (isLeftUnanswered(fault, socket)) return
  const reply = dress(await replyTo(arrival, fault, origin), entry, origin.quirks)
  entry.status = reply.status
  const onBytes = (count: number): void => {
    entry.bytesSent += count
  }
  await send(reply, { response, socket, isHead: entry.method === 'HEAD', fault, gone, onBytes })
}

const silentKinds: ReadonlySet<FaultKind> = new Set(['hang', 'refuse', 'garbage', 'reset'])

function isLeftUnanswered(fault: FaultRule | undefined, socket: Socket): boolean {
  if (fault === undefined || !silentKinds.has(fault.kind) || isMidBody(fault)) return false
  if (fault.kind === 'refuse') socket.destroy()
  if (fault.kind === 'garbage') socket.end('\u0000\u0001 this is not HTTP \r\n\r\n')
  if (fault.kind === 'reset') socket.resetAndDestroy()
  return true
}

async function replyTo(
  { request, headers, target, entry }: Arrival,
  fault: FaultRule | undefined,
  origin: Origin,
): Promise<Reply | S3Error> {
  const bodySha256 = await hashBody(request)
  if (fault?.kind === 'status') return statusError(fault)
  if (target === undefined) return createS3Error('InvalidURI')
  const asked: Asked = { method: entry.method, target, headers, bodySha256, fault }
  return answer(asked, { ...origin, now: origin.now() })
}

function statusError(fault: FaultRule): S3Error {
  const status = fault.status ?? 500
  const code = fault.code ?? codeOfStatus(status)
  return { status, code, message: 'As asked for.', fields: {}, headers: {} }
}

const hostId = randomBytes(48).toString('base64')

/** Turns an error into its XML, and adds what every answer of S3 carries. */
function dress(outcome: Reply | S3Error, entry: Entry, quirks: Quirks): Reply {
  const requestId = randomBytes(8).toString('hex').toUpperCase()
  const common = {
    'x-amz-request-id': requestId,
    'x-amz-id-2': hostId,
    Server: quirks === 'ceph' ? 'Ceph Object Gateway (pacific)' : 'AmazonS3',
  }
  if (!('code' in outcome)) return { ...outcome, headers: { ...common, ...outcome.headers } }
  const resource = entry.bucket === '' ? entry.rawPath : `/${entry.bucket}/${entry.key}`
  return {
    status: outcome.status,
    headers: { ...common, 'Content-Type': 'application/xml', ...outcome.headers },
    body: { kind: 'text', text: renderS3Error(outcome, { resource, requestId, hostId, quirks }) },
  }
}

function entryOf(
  request: IncomingMessage,
  headers: readonly Pair[],
  target: Target | undefined,
): Entry {
  const rawTarget = request.url ?? ''
  const names = new Set(headers.map(([name]) => name))
  const joined = [...names].map((name) => [name, headerValue(headers, name) ?? ''])
  return {
    method: request.method ?? '',
    rawTarget,
    rawPath: target?.rawPath ?? rawTarget,
    query: target?.query ?? [],
    headers: Object.fromEntries(joined),
    rawHeaders: request.rawHeaders,
    bucket: target?.bucket ?? '',
    key: target?.key ?? '',
    connection: request.socket.remotePort ?? 0,
    status: 0,
    bytesSent: 0,
    state: 'open',
    fault: undefined,
  }
}

function headerPairs(raw: readonly string[]): Pair[] {
  const pairs: Pair[] = []
  for (let at = 0; at + 1 < raw.length; at += 2) {
    pairs.push([raw[at]?.toLowerCase() ?? '', raw[at + 1] ?? ''])
  }
  return pairs
}

const emptyHash = createHash('sha256').digest('hex')

async function hashBody(request: IncomingMessage): Promise<string> {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
  if (length === undefined && encoding === undefined) return emptyHash
  const hash = createHash('sha256')
  for await (const piece of request) hash.update(piece)
  return hash.digest('hex')
}
