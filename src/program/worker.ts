// A worker thread's side of the conversation with its supervisor.

import type { MessagePort } from 'node:worker_threads'

import type { LoggingConfig } from '../config/logging.ts'
import { unpackConfig } from '../config/transfer.ts'
import type { SharedMemory } from '../live/live.ts'
import type { ExplainQuestion } from '../proxy/proxy.ts'
import type { DrainTimes, FromThread, ToThread } from '../server/server.ts'
import { auditTrailAt } from './audit-part.ts'
import { answersOf, askForBans } from './cache-part.ts'
import { answerReload, localReloadPart } from './reload-part.ts'
import { ProxyThread } from './thread.ts'
import { purgeAt } from './thread-desk.ts'
import { ThreadLine } from './thread-line.ts'
import type { Answers } from './thread-line.ts'
import { trafficAnswersOf } from './traffic-part.ts'
import { warmAnswersOf } from './warm-part.ts'

export interface WorkerOrders {
  /** As `packConfig` made it. */
  readonly config: unknown
  readonly port: number
  /** To the thread that speaks for the caches of all. */
  readonly line: MessagePort
  readonly memory: SharedMemory
  readonly lane: number
  /** Of the log, as it is now. */
  readonly level: LoggingConfig['level']
  readonly generation: number
}

export async function runWorker(port: MessagePort, orders: WorkerOrders): Promise<void> {
  const config = unpackConfig(orders.config)
  const line = new ThreadLine(orders.line)
  const purgeAll = purgeAt(line)
  const { port: listenPort, memory, lane, generation } = orders
  const thread = new ProxyThread({
    config,
    isShared: true,
    port: listenPort,
    memory,
    lane,
    generation,
    purgeAll,
    audit: auditTrailAt(line, config.auditLog),
  })
  thread.observer.setLevel(orders.level)
  const reload = localReloadPart(thread)
  let knowsBans = false
  const answerOf: Answers = async (name, args) => {
    if (name === 'limits') return thread.limits(args[0] === true)
    if (name === 'metrics') return thread.read(args[0] === true)
    if (name === 'describe') return thread.describe()
    // The cast: what `setLevel` of the desk says.
    if (name === 'level') return thread.observer.setLevel(args[0] as LoggingConfig['level'])
    // The cast: what `explainAt` of this very program asked.
    if (name === 'explain') return thread.explain(args[0] as ExplainQuestion)
    const reloaded = answerReload(name, args, reload)
    if (reloaded !== undefined) return reloaded
    const [part] = thread.part
    if (part === undefined) throw new Error(`no thread answers '${name}'`)
    if (name === 'bans' && !knowsBans) return undefined
    return warmAnswersOf(thread.warmPart, answersOf(part))(name, args)
  }
  line.listen(trafficAnswersOf(thread.traffic, answerOf))
  const tell = (message: FromThread): void => port.postMessage(message)

  const impatience = new AbortController()
  port.on('message', (message: ToThread) => {
    if (message.kind === 'cut') impatience.abort()
    else void drain(message.times)
  })
  const drain = async (times: DrainTimes): Promise<void> => {
    const cut = await thread.drain(times, impatience.signal)
    await thread.observer.close()
    tell({ kind: 'drained', cut })
    port.close()
  }

  thread.inherit(await askForBans(line))
  knowsBans = true
  const address = await thread.listen()
  tell({ kind: 'listening', address })
}
