// The caches of several threads as one, by a line to each of them.

import { MessageChannel } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'

import type { CacheDesk, Explain, LimitsDesk, Purged, PurgeOrder } from '../admin/admin.ts'
import type { LoggingConfig } from '../config/logging.ts'
import type { LimitReport, RouteDescription } from '../live/live.ts'
import type { AuditLog } from '../observe/observe.ts'
import type { Explanation, ExplainQuestion } from '../proxy/proxy.ts'
import { auditArguments } from './audit-part.ts'
import { bansOfAny, partAt } from './cache-part.ts'
import type { CachePart } from './cache-part.ts'
import { answersOf, createPurgeCounts, openDesk, UntoldBans } from './fleet-desk.ts'
import { mergeLimits } from './limits-desk.ts'
import { reloadPartAt } from './reload-part.ts'
import type { ReloadPart } from './reload-part.ts'
import { ThreadLine } from './thread-line.ts'
import { trafficOf } from './traffic-part.ts'
import { warmPartAt } from './warm-part.ts'
import type { WarmPart } from './warm-part.ts'

export interface ThreadDeskOptions {
  /** Without a cache there is nobody to ask. */
  readonly isCached: () => boolean
  readonly takeAudit: AuditLog['take']
}

interface Connected {
  readonly line: ThreadLine
  readonly reload: ReloadPart
}

export class ThreadDesk {
  readonly desk: CacheDesk
  readonly purges = createPurgeCounts()
  readonly explain: Explain
  readonly limits: LimitsDesk
  readonly describe: () => Promise<readonly (readonly RouteDescription[])[]>
  readonly traffic = trafficOf(() => this.lines)
  readonly #takeAudit: AuditLog['take']
  readonly #untold = new UntoldBans()
  readonly #isCached: () => boolean
  #threads: readonly Connected[] = []

  constructor({ isCached, takeAudit }: ThreadDeskOptions) {
    this.#takeAudit = takeAudit
    this.#isCached = isCached
    const parts = (): CachePart[] => (isCached() ? this.lines.map(partAt) : [])
    this.desk = openDesk(parts, this.purges, this.#untold)
    this.limits = async () => mergeLimits(await answersOf(this.lines, limitsAt(this)))
    this.describe = () => answersOf(this.lines, describeAt)
    this.explain = (question) => answersOf(this.lines, explainAt(question))
  }

  /** Those that do not answer hear of it when they are back. */
  async setLevel(level: LoggingConfig['level']): Promise<void> {
    await answersOf(this.lines, (line) => line.ask('level', [level], LEVEL_MS))
  }

  warmParts(): readonly WarmPart[] {
    return this.lines.map(warmPartAt)
  }

  reloadParts(): readonly ReloadPart[] {
    return this.#threads.filter(({ line }) => !line.isClosed).map(({ reload }) => reload)
  }

  /** The end for a thread to be: it is spoken to from now on, and hears it when it listens. */
  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel()
    const line = new ThreadLine(port1)
    line.listen(async (name, args) => {
      if (name === 'bans') return bansOfAny(this.lines.filter((one) => one !== line).map(partAt))
      if (name === 'audit') return this.#takeAudit(...auditArguments(args))
      // The cast: what `purgeAt` asked.
      return this.desk.purge(args[0] as PurgeOrder)
    })
    const connected = { line, reload: reloadPartAt(line) }
    this.#threads = [...this.#threads.filter((one) => !one.line.isClosed), connected]
    if (this.#isCached()) void this.#untold.tell(partAt(line))
    return port2
  }

  /** To the threads that there are now. */
  get lines(): readonly ThreadLine[] {
    return this.#threads.map(({ line }) => line).filter(({ isClosed }) => !isClosed)
  }
}

const LIMITS_MS = 2000

/** One of them looks into the memory they share. */
function limitsAt(desk: ThreadDesk): (line: ThreadLine) => Promise<LimitReport | undefined> {
  const [first] = desk.lines
  // The cast: what the worker's `limits` gave.
  return (line) =>
    line.ask('limits', [line === first], LIMITS_MS) as Promise<LimitReport | undefined>
}

const LEVEL_MS = 2000
const DESCRIBE_MS = 10_000

function describeAt(line: ThreadLine): Promise<readonly RouteDescription[]> {
  // The cast: what the worker's `describe` gave.
  return line.ask('describe', [], DESCRIBE_MS) as Promise<readonly RouteDescription[]>
}

const EXPLAIN_MS = 10_000

/** Each has turns of its own. */
function explainAt(question: ExplainQuestion): (line: ThreadLine) => Promise<Explanation> {
  // The cast: what the worker's `explain` gave.
  return (line) => line.ask('explain', [question], EXPLAIN_MS) as Promise<Explanation>
}

/** Longer than any of the waits in a purge. */
const PATIENCE_MS = 120_000

/** In all threads, asked for from one of them. */
export function purgeAt(line: ThreadLine): CacheDesk['purge'] {
  return (order) => line.ask('purge', [order], PATIENCE_MS) as Promise<Purged>
}
