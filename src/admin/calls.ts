// The calls below /admin/, by path: who may call is asked before what was called.

import type { IncomingMessage } from 'node:http'

import type { Emit } from '../exchange/event.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Reply } from '../exchange/reply.ts'
import { parseTarget } from '../http/path.ts'
import { queryParameter } from '../http/query.ts'
import { now } from '../primitives/clock.ts'
import { infoAnswer, purgeAnswer, statsAnswer } from './cache-desk.ts'
import type { CacheDesk, DeskAnswer } from './cache-desk.ts'
import type { Gate } from './gate.ts'
import { readJson } from './json-body.ts'
import { jsonReply } from './json-reply.ts'
import { describeRule, readPurgeOrder } from './purge-order.ts'

export interface CallsOptions {
  /** Undefined: nobody has a token, and there is nothing here. */
  readonly gate: Gate | undefined
  readonly desk: CacheDesk
  readonly buckets: ReadonlySet<string>
  readonly emit: Emit
}

interface Asked {
  readonly request: IncomingMessage
  /** What of the path follows the call's own. */
  readonly rest: string
  readonly query: string
  /** What was to be purged, for the log. */
  readonly note: (rule: string) => void
}

interface Call {
  readonly name: string
  readonly path: string
  /** More of the path may follow. */
  readonly isOpen: boolean
  readonly method: 'GET' | 'POST'
  readonly run: (asked: Asked, options: CallsOptions) => Promise<DeskAnswer>
}

const CALLS: readonly Call[] = [
  { name: 'purge', path: '/admin/cache/purge', isOpen: true, method: 'POST', run: purge },
  { name: 'stats', path: '/admin/cache/stats', isOpen: true, method: 'GET', run: stats },
  { name: 'info', path: '/admin/cache/info', isOpen: false, method: 'GET', run: info },
]

/** Throws refusals. */
export async function answerCall(request: IncomingMessage, options: CallsOptions): Promise<Reply> {
  if (options.gate === undefined) throw new Refusal('no_route')
  const { method = '' } = request
  const told: { call: string; rule?: string } = { call: 'unknown' }
  const tell = (status: number): void => options.emit({ kind: 'admin', ...told, status })
  try {
    options.gate(request.headers)
    const { call, rest, query } = findCall(request)
    told.call = call.name
    requireMethod(call, method)
    const note = (rule: string): void => void (told.rule = rule)
    const { status, value } = await call.run({ request, rest, query, note }, options)
    tell(status)
    return jsonReply(status, value, method)
  } catch (error) {
    tell(error instanceof Refusal ? error.status : 500)
    throw error
  }
}

function findCall({ url = '' }: IncomingMessage): { call: Call; rest: string; query: string } {
  const target = parseTarget(url)
  if (target.kind !== 'path') throw new Refusal('invalid_path')
  const { path, query } = target
  const call = CALLS.find((one) => path === one.path || (one.isOpen && isBelow(path, one.path)))
  if (call === undefined) throw new Refusal('no_route')
  return { call, rest: path.slice(call.path.length + 1), query }
}

function isBelow(path: string, parent: string): boolean {
  return path.startsWith(`${parent}/`) && path.length > parent.length + 1
}

function requireMethod({ method: wanted }: Call, method: string): void {
  if (method === wanted || (wanted === 'GET' && method === 'HEAD')) return
  const allow = wanted === 'GET' ? 'GET, HEAD' : wanted
  const message = `Only ${allow.replace(', ', ' and ')} is answered here.`
  throw new Refusal('method_not_allowed', { headers: ['Allow', allow], message })
}

async function purge(
  { request, rest, query, note }: Asked,
  options: CallsOptions,
): Promise<DeskAnswer> {
  // Whoever writes ?dry_run=true does not want to find out that it was not read.
  if (query !== '') throw wrong('A purge has no query: say soft and dry_run in the body.')
  const slash = rest.indexOf('/')
  const bucket = slash < 0 ? rest : rest.slice(0, slash)
  const path = {
    ...(rest === '' ? {} : { bucket }),
    ...(slash < 0 ? {} : { key: rest.slice(slash + 1) }),
  }
  const order = readPurgeOrder(await readJson(request), path, options.buckets)
  note(ruleText(order.rule))
  return purgeAnswer(order, await options.desk.purge(order))
}

async function stats({ rest, query }: Asked, { desk, buckets }: CallsOptions): Promise<DeskAnswer> {
  if (query !== '') throw wrong('The statistics have no query.')
  if (rest !== '' && !buckets.has(rest)) throw new Refusal('not_found', { message: NO_BUCKET })
  return statsAnswer(await desk.stats(rest === '' ? undefined : rest))
}

async function info({ query }: Asked, { desk, buckets }: CallsOptions): Promise<DeskAnswer> {
  const bucket = queryParameter(query, 'bucket') ?? ''
  const key = queryParameter(query, 'key') ?? ''
  if (bucket === '') throw wrong('The query parameter bucket is missing.')
  if (key === '') throw wrong('The query parameter key is missing.')
  if (!buckets.has(bucket)) throw wrong(NO_BUCKET)
  const found = await desk.inspect(bucket, key)
  if (found === undefined) {
    throw new Refusal('not_found', { message: 'Nothing is stored for this key.' })
  }
  return infoAnswer(found, now())
}

const NO_BUCKET = 'The bucket is not known.'
/** So that a line of the log holds it. */
const RULE_CHARACTERS = 400

export function ruleText(rule: Parameters<typeof describeRule>[0]): string {
  return JSON.stringify(describeRule(rule)).slice(0, RULE_CHARACTERS)
}

function wrong(message: string): Refusal {
  return new Refusal('invalid_request', { message })
}
