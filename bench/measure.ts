// One contender under load for some seconds: what wrk saw, and what the process took for it.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import type { Contender } from './contenders.ts'
import type { Size } from './options.ts'
import { output } from './place.ts'

export interface Measurement {
  readonly requestsPerSecond: number
  /** Of all threads of the process, in user and in kernel mode. */
  readonly cpuUsPerRequest: number
  /** The share of one core it had: clearly below 1, something else was the limit. */
  readonly coreShare: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly rssMiB: number
}

interface WrkReport {
  readonly requests: number
  readonly bytes: number
  readonly durationUs: number
  readonly p50Us: number
  readonly p99Us: number
  readonly failures: number
}

const REPORT = fileURLToPath(new URL('report.lua', import.meta.url))
/** So long a body that those unfinished at the end count: in bytes, then. */
const LONG_BYTES = 1024 * 1024
/** Linux counts a process's time in hundredths of a second, whatever its clock does. */
const TICK_US = 10_000

export async function measure(
  { name, child, workerPid = child.pid, url, headers = [] }: Contender,
  size: Size,
  seconds: number,
): Promise<Measurement> {
  const before = cpuUs(workerPid)
  const startedAt = performance.now()
  const report = await load(url(size), headers, size.connections, seconds)
  const wallUs = (performance.now() - startedAt) * 1000
  const usedUs = cpuUs(workerPid) - before
  if (report.failures > 0) throw new Error(`${name}, ${size.name}: ${report.failures} failures`)

  const isLong = size.bytes >= LONG_BYTES
  const requests = isLong ? report.bytes / size.bytes : report.requests
  return {
    requestsPerSecond: requests / (report.durationUs / 1e6),
    cpuUsPerRequest: usedUs / requests,
    coreShare: usedUs / wallUs,
    p50Ms: report.p50Us / 1000,
    p99Ms: report.p99Us / 1000,
    rssMiB: rssMiB(workerPid),
  }
}

async function load(
  url: string,
  headers: readonly string[],
  connections: number,
  seconds: number,
): Promise<WrkReport> {
  const amounts = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s']
  const fields = headers.flatMap((header) => ['-H', header])
  const text = await output('load', ['wrk', ...amounts, ...fields, '--latency', '-s', REPORT, url])
  return JSON.parse(text.slice(text.lastIndexOf('\n{')))
}

/** utime and stime, the 14th and 15th field; the 2nd is a name that may hold spaces. */
function cpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}

function rssMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1] ?? 0) / 1024
}

/** The middle of several rounds, figure by figure. */
export function median(rounds: readonly Measurement[]): Measurement {
  const of = (figure: keyof Measurement): number => {
    const sorted = rounds.map((round) => round[figure]).toSorted((a, b) => a - b)
    return sorted[Math.floor(sorted.length / 2)] ?? 0
  }
  return {
    requestsPerSecond: of('requestsPerSecond'),
    cpuUsPerRequest: of('cpuUsPerRequest'),
    coreShare: of('coreShare'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    rssMiB: of('rssMiB'),
  }
}
