// The calls below /admin/, by path: who may call is asked before what was called.

import type { IncomingMessage } from 'node:http'

import { describeRule } from '../cache/cache.ts'
import type { Role } from '../config/admin.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Reply } from '../exchange/reply.ts'
import { parseTarget } from '../http/path.ts'
import { queryParameter } from '../http/query.ts'
import { now } from '../primitives/clock.ts'
import type { Explanation, ExplainQuestion, Status } from '../proxy/proxy.ts'
import { infoAnswer, purgeAnswer, statsAnswer } from './cache-desk.ts'
import type { CacheDesk, DeskAnswer } from './cache-desk.ts'
import type { CallPlace, CallRegister, OpenCall } from './call-register.ts'
import { readExplainQuestion } from './explain-question.ts'
import { requireRole } from './gate.ts'
import type { Caller, Gate } from './gate.ts'
import { authAnswer, replicasAnswer, routesAnswer } from './introspection.ts'
import type { Introspection } from './introspection.ts'
import { readJson } from './json-body.ts'
import { jsonReply } from './json-reply.ts'
import { loggingAnswer, readLevel } from './logging-desk.ts'
import type { LoggingDesk } from './logging-desk.ts'
import { wrong } from './order-fields.ts'
import { begunAnswer, taskAnswer, tasksAnswer } from './prewarm-desk.ts'
import type { PrewarmDesk } from './prewarm-desk.ts'
import { describeOrder, readPrewarmOrder } from './prewarm-order.ts'
import { readPurgeOrder } from './purge-order.ts'
import { topAnswer, trafficAnswer } from './traffic.ts'
import type { TrafficDesk } from './traffic.ts'
import { reloadAnswer, reloadStateAnswer } from './reload-desk.ts'
import type { ReloadDesk } from './reload-desk.ts'

/** What calls are answered by. */
export interface Desks {
  /** Undefined: nobody has a role, and there is nothing here. */
  readonly gate: Gate | undefined
  readonly desk: CacheDesk
  readonly explain: Explain
  readonly limits: LimitsDesk
  readonly prewarm: PrewarmDesk
  readonly introspection: Introspection
  readonly traffic: TrafficDesk
  readonly status: Status
  readonly logging: LoggingDesk
  readonly reloads: ReloadDesk
  readonly buckets: ReadonlySet<string>
}

/** By each thread that answers. */
export type Explain = (question: ExplainQuestion) => Promise<readonly Explanation[]>

/** Of all threads together, as the answer tells it. */
export type LimitsDesk = () => Promise<object>

interface Asked {
  readonly request: IncomingMessage
  readonly caller: Caller
  /** What of the path follows the call's own. */
  readonly rest: string
  readonly query: string
  /** What was to be done, for the log. */
  readonly note: (rule: string) => void
}

interface Call {
  readonly name: string
  readonly path: string
  /** Whether more of the path follows. */
  readonly below: 'nothing' | 'perhaps' | 'something'
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Whoever has it, or a greater one, may call. */
  readonly role: Role
  /** Asked again and again by whoever watches: not each time is told. */
  readonly isWatched?: boolean
  readonly run: (asked: Asked, desks: Desks) => Promise<DeskAnswer>
}

const PREWARM = '/admin/cache/prewarm'
const LOGGING = '/admin/logging'

const CALLS: readonly Call[] = [
  look('whoami', '/admin/whoami', 'nothing', whoami),
  watch('traffic', '/admin/traffic', 'nothing', traffic),
  watch('top', '/admin/top', 'nothing', top),
  order('purge', '/admin/cache/purge', 'perhaps', 'POST', purge),
  look('stats', '/admin/cache/stats', 'perhaps', stats),
  look('info', '/admin/cache/info', 'nothing', info),
  order('prewarm', PREWARM, 'nothing', 'POST', prewarm),
  watch('prewarm', PREWARM, 'nothing', prewarmTasks),
  watch('prewarm', PREWARM, 'something', prewarmTask),
  order('prewarm', PREWARM, 'something', 'DELETE', endPrewarm),
  look('limits', '/admin/limits', 'nothing', limits),
  look('explain', '/admin/explain', 'nothing', explain),
  look(
    'auth',
    '/admin/auth',
    'nothing',
    plain((live) => authAnswer(live)),
  ),
  look(
    'routes',
    '/admin/routes',
    'nothing',
    plain((live) => routesAnswer(live)),
  ),
  look(
    'replicas',
    '/admin/replicas',
    'nothing',
    plain((live) => replicasAnswer(live)),
  ),
  look('config', '/admin/config', 'nothing', plain(config)),
  look('logging', LOGGING, 'nothing', async (_asked, { logging: desk }) => loggingAnswer(desk)),
  {
    name: 'logging',
    path: LOGGING,
    below: 'nothing',
    method: 'PUT',
    role: 'operator',
    run: setLevel,
  },
  { ...order('reload', '/admin/reload', 'nothing', 'POST', reload), role: 'operator' },
  look('reload', '/admin/reload', 'nothing', reloadState),
]

function plain(answer: (live: Introspection) => Promise<DeskAnswer>): Call['run'] {
  return ({ query }, { introspection }) => {
    if (query !== '') throw wrong('What is in force has no query.')
    return answer(introspection)
  }
}

async function config(live: Introspection): Promise<DeskAnswer> {
  return { status: 200, value: live.config() }
}

async function reload({ query }: Asked, { reloads }: Desks): Promise<DeskAnswer> {
  if (query !== '') throw wrong('A reload has no query.')
  return reloadAnswer(await reloads.reload())
}

async function reloadState({ query }: Asked, { reloads }: Desks): Promise<DeskAnswer> {
  if (query !== '') throw wrong('The state of reloads has no query.')
  return reloadStateAnswer(reloads.state())
}

function look(name: string, path: string, below: Call['below'], run: Call['run']): Call {
  return { name, path, below, method: 'GET', role: 'viewer', run }
}

function watch(name: string, path: string, below: Call['below'], run: Call['run']): Call {
  return { ...look(name, path, below, run), isWatched: true }
}

function order(
  name: string,
  path: string,
  below: Call['below'],
  method: 'POST' | 'DELETE',
  run: Call['run'],
): Call {
  return { name, path, below, method, role: 'purger', run }
}

/** Throws refusals. */
export async function answerCall(
  request: IncomingMessage,
  place: CallPlace,
  desks: Desks,
  register: CallRegister,
): Promise<Reply> {
  const { gate } = desks
  if (gate === undefined) throw new Refusal('no_route')
  const { method = '', url = '' } = request
  const open: OpenCall = { call: 'unknown', asked: `${method} ${url.replace(/[?#].*$/s, '')}` }
  return register.keep(place, open, async () => {
    const caller = await gate.identify(request.headers)
    open.caller = caller
    const { calls, rest, query } = findCalls(request)
    open.call = calls[0].name
    const call = requireMethod(calls, method)
    requireRole(caller, call.role)
    open.isWatched = call.isWatched === true
    const note = (rule: string): void => void (open.rule = rule)
    const { status, value } = await call.run({ request, caller, rest, query, note }, desks)
    return jsonReply(status, value, method)
  })
}

type Calls = readonly [Call, ...Call[]]

/** Those at the path: they differ in their method. */
function findCalls({ url = '' }: IncomingMessage): { calls: Calls; rest: string; query: string } {
  const target = parseTarget(url)
  if (target.kind !== 'path') throw new Refusal('invalid_path')
  const { path, query } = target
  const [first, ...others] = CALLS.filter((call) => isAt(path, call))
  if (first === undefined) throw new Refusal('no_route')
  return { calls: [first, ...others], rest: path.slice(first.path.length + 1), query }
}

function isAt(path: string, call: Call): boolean {
  if (path === call.path) return call.below !== 'something'
  return call.below !== 'nothing' && isBelow(path, call.path)
}

function isBelow(path: string, parent: string): boolean {
  return path.startsWith(`${parent}/`) && path.length > parent.length + 1
}

function requireMethod(calls: Calls, method: string): Call {
  const wanted = method === 'HEAD' ? 'GET' : method
  const call = calls.find((one) => one.method === wanted)
  if (call !== undefined) return call
  const allowed = calls.flatMap((one) => (one.method === 'GET' ? ['GET', 'HEAD'] : [one.method]))
  const message = `Only ${allowed.join(', ').replace(/, (?=\w+$)/, ' and ')} is answered here.`
  throw new Refusal('method_not_allowed', { headers: ['Allow', allowed.join(', ')], message })
}

async function purge({ request, rest, query, note }: Asked, desks: Desks): Promise<DeskAnswer> {
  // Whoever writes ?dry_run=true does not want to find out that it was not read.
  if (query !== '') throw wrong('A purge has no query: say soft and dry_run in the body.')
  const slash = rest.indexOf('/')
  const bucket = slash < 0 ? rest : rest.slice(0, slash)
  const path = {
    ...(rest === '' ? {} : { bucket }),
    ...(slash < 0 ? {} : { key: rest.slice(slash + 1) }),
  }
  const order = readPurgeOrder(await readJson(request), path, desks.buckets)
  note(ruleText(order.rule))
  return purgeAnswer(order, await desks.desk.purge(order))
}

async function stats({ rest, query }: Asked, { desk, buckets }: Desks): Promise<DeskAnswer> {
  if (query !== '') throw wrong('The statistics have no query.')
  if (rest !== '' && !buckets.has(rest)) throw new Refusal('not_found', { message: NO_BUCKET })
  return statsAnswer(await desk.stats(rest === '' ? undefined : rest))
}

async function info({ query, note }: Asked, { desk, buckets }: Desks): Promise<DeskAnswer> {
  const bucket = queryParameter(query, 'bucket') ?? ''
  const key = queryParameter(query, 'key') ?? ''
  if (bucket === '') throw wrong('The query parameter bucket is missing.')
  if (key === '') throw wrong('The query parameter key is missing.')
  note(shortened({ bucket, key }))
  if (!buckets.has(bucket)) throw wrong(NO_BUCKET)
  const found = await desk.inspect(bucket, key)
  if (found === undefined) {
    throw new Refusal('not_found', { message: 'Nothing is stored for this key.' })
  }
  return infoAnswer(found, now())
}

/** What one thread says; where there are others, what they would do. */
async function explain({ query, note }: Asked, desks: Desks): Promise<DeskAnswer> {
  const question = readExplainQuestion(query)
  note(shortened({ path: question.target.replace(/[?#].*$/s, '') }))
  const [first, ...others] = await desks.explain(question)
  if (first === undefined) return { status: 503, value: { status: 'no thread answers' } }
  if (others.length === 0) return { status: 200, value: first }
  const threads = [first, ...others].map(({ summary }) => summary)
  return { status: 200, value: { ...first, threads } }
}

/** In all threads, until the configuration is read again. */
async function setLevel({ request, query, note }: Asked, { logging }: Desks): Promise<DeskAnswer> {
  if (query !== '') throw wrong('The level of the log has no query: say it in the body.')
  const level = readLevel(await readJson(request))
  note(level)
  await logging.setLevel(level)
  return loggingAnswer(logging)
}

async function limits({ query }: Asked, desks: Desks): Promise<DeskAnswer> {
  if (query !== '') throw wrong('The limits have no query.')
  return { status: 200, value: await desks.limits() }
}

async function prewarm(
  { request, query, note }: Asked,
  { prewarm: desk, buckets }: Desks,
): Promise<DeskAnswer> {
  if (query !== '') throw wrong('A prewarming has no query: its order is the body.')
  const order = readPrewarmOrder(await readJson(request), { known: buckets, cached: desk.buckets })
  note(shortened(describeOrder(order)))
  return begunAnswer(desk.begin(order))
}

async function prewarmTasks(_asked: Asked, { prewarm: desk }: Desks): Promise<DeskAnswer> {
  return tasksAnswer(desk.all())
}

async function prewarmTask({ rest }: Asked, desks: Desks): Promise<DeskAnswer> {
  return taskAnswer(desks.prewarm.find(rest))
}

async function endPrewarm({ rest }: Asked, desks: Desks): Promise<DeskAnswer> {
  return taskAnswer(await desks.prewarm.cancel(rest))
}

/** Whose token it is, and what it is good for. */
async function whoami({ caller: { role, subject }, query }: Asked): Promise<DeskAnswer> {
  if (query !== '') throw wrong('Who you are has no query.')
  return { status: 200, value: { role, subject } }
}

async function traffic({ query }: Asked, desks: Desks): Promise<DeskAnswer> {
  return trafficAnswer(query, desks)
}

async function top({ query }: Asked, { traffic: desk }: Desks): Promise<DeskAnswer> {
  return topAnswer(query, desk)
}

const NO_BUCKET = 'The bucket is not known.'
/** So that a line of the log holds it. */
const RULE_CHARACTERS = 400

export function ruleText(rule: Parameters<typeof describeRule>[0]): string {
  return shortened(describeRule(rule))
}

function shortened(rule: object): string {
  return JSON.stringify(rule).slice(0, RULE_CHARACTERS)
}
