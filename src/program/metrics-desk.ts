// The metrics of all threads as one answer. A thread that hangs is answered for by what it said
// last; of one that died its counters stay, so that no sum ever goes backwards.

import { countersOf, expose, hasExemplars, readProcess, sumReadings } from '../observe/observe.ts'
import type { Exposition, Reading } from '../observe/observe.ts'
import { prefersOpenMetrics } from '../http/accept.ts'
import { now } from '../primitives/clock.ts'
import type { Status } from '../proxy/proxy.ts'
import type { ThreadLine } from './thread-line.ts'

/** Prometheus itself waits ten seconds for an answer. */
const PATIENCE_MS = 2000

/** Gives the answer at /metrics: in the format of OpenMetrics where it says more, and is wanted. */
export function openMetricsDesk(
  status: Status,
  read: () => Promise<readonly Reading[]>,
): (accept: string | undefined) => Promise<Exposition> {
  const startedAt = now() - process.uptime() * 1000
  return async (accept) => {
    const readings = await read()
    const { version } = status
    const own = readProcess({ version, startedAt, backends: status.backends() })
    const all = sumReadings([...readings, own])
    return expose(all, hasExemplars(all) && prefersOpenMetrics(accept))
  }
}

export class ThreadReadings {
  readonly #lines: () => readonly ThreadLine[]
  readonly #last = new Map<ThreadLine, Reading>()
  /** Of those that have ended. */
  #departed: Reading = {}

  constructor(lines: () => readonly ThreadLine[]) {
    this.#lines = lines
  }

  async read(): Promise<readonly Reading[]> {
    const lines = this.#lines()
    await Promise.all(lines.map((line, index) => this.#ask(line, index === 0)))
    this.#bury()
    return [this.#departed, ...this.#last.values()]
  }

  async #ask(line: ThreadLine, isFirst: boolean): Promise<void> {
    try {
      // The cast: what comes over the line is `ProxyThread.read` gave to it.
      this.#last.set(line, (await line.ask('metrics', [isFirst], PATIENCE_MS)) as Reading)
    } catch {
      // It hangs, or has ended: what it said last is what is known of it.
    }
  }

  #bury(): void {
    for (const [line, reading] of this.#last) {
      if (!line.isClosed) continue
      this.#departed = sumReadings([this.#departed, countersOf(reading)])
      this.#last.delete(line)
    }
  }
}
