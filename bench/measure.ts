// One contender under load for some seconds: what wrk saw, what the process took for it, and what
// else must be known to believe it.

import { marksOf } from './marks.ts'
import type { Circumstances, Mark } from './marks.ts'
import { coresOf } from './place.ts'
import { endedChildrenUs, processorTime, rssMiB, usBetween } from './proc.ts'
import type { Ask } from './roads.ts'
import type { Contender } from './contenders.ts'
import type { Behind } from './contest.ts'
import { wrk } from './wrk.ts'
import type { WrkReport } from './wrk.ts'

export interface Figures {
  readonly requestsPerSecond: number
  /** Of all threads of the process, in user and in kernel mode. */
  readonly cpuUsPerRequest: number
  /** In cores. */
  readonly coreShare: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly rssMiB: number
}

export interface Round extends Figures {
  readonly marks: readonly Mark[]
  readonly seen: Circumstances
}

/** So long a body that those unfinished at the end count: in bytes, then. */
const LONG_BYTES = 1024 * 1024

export async function measure(
  contender: Contender,
  ask: Ask,
  { behind, seconds }: { behind: Behind; seconds: number },
): Promise<Round> {
  const { pid, url } = contender
  const used = usedBy([pid], behind.pids)
  const askedBefore = await behind.requestsToOrigin()
  const report = await wrk({ ...ask, url: url + ask.path, seconds })
  assertAlive(contender)
  const [serverUs = 0, behindUs = 0, loadUs = 0] = used()
  const originRequests = (await behind.requestsToOrigin()) - askedBefore

  const requests = requestsOf(report, ask)
  const seen = {
    durationUs: report.durationUs,
    requests,
    failures: report.failures,
    serverUs,
    behindUs,
    loadUs,
    originRequests,
    expected: contender.isProxy ? behind.expected : undefined,
    ...coresOfRound(contender),
  }
  return { ...figuresOf(report, seen), rssMiB: rssMiB(pid), marks: marksOf(seen), seen }
}

/** Who has died is not asked what it has used. */
function assertAlive({ name, child }: Contender): void {
  const { exitCode, signalCode } = child.process
  const end = exitCode ?? signalCode
  if (end !== null) throw new Error(`${name} ended with ${end}\n${child.stderr()}`)
}

/** Gives, for each group of processes and for wrk, which has ended by then, the time since. */
function usedBy(...groups: (readonly number[])[]): () => number[] {
  const before = groups.map((pids) => pids.map((pid) => ({ pid, time: processorTime(pid) })))
  const endedBefore = endedChildrenUs()
  return () => [
    ...before.map((group) =>
      group.reduce((sum, { pid, time }) => sum + usBetween(time, processorTime(pid)), 0),
    ),
    endedChildrenUs() - endedBefore,
  ]
}

function requestsOf({ requests, bytes }: WrkReport, { bodyBytes }: Ask): number {
  return bodyBytes >= LONG_BYTES ? bytes / bodyBytes : requests
}

function coresOfRound({
  threads,
}: Contender): Pick<Circumstances, 'serverCores' | 'loadCores' | 'sharesCore'> {
  const cores = coresOf()
  if (cores === undefined) return { serverCores: threads, loadCores: 1, sharesCore: true }
  const own = threads === 1 ? cores.server : cores.threads
  const sharesCore = own.some((core) => cores.load.includes(core))
  return { serverCores: own.length, loadCores: cores.load.length, sharesCore }
}

function figuresOf(
  report: WrkReport,
  { requests, durationUs, serverUs }: Circumstances,
): Omit<Figures, 'rssMiB'> {
  return {
    requestsPerSecond: requests / (durationUs / 1e6),
    cpuUsPerRequest: serverUs / requests,
    coreShare: serverUs / durationUs,
    p50Ms: report.p50Us / 1000,
    p99Ms: report.p99Us / 1000,
    p999Ms: report.p999Us / 1000,
  }
}
