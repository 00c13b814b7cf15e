// What the process as a whole uses, whichever thread asks.

import { readdirSync, readFileSync } from 'node:fs'

import { one } from './exchange-tally.ts'
import type { Reading, Series } from './reading.ts'

export interface ProcessFacts {
  readonly version: string
  /** Epoch ms. */
  readonly startedAt: number
  /** By bucket, by replica. */
  readonly backends: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export function readProcess({ version, startedAt, backends }: ProcessFacts): Reading {
  const { user, system } = process.cpuUsage()
  return {
    sluice_build_info: [one([version, process.version], 1)],
    sluice_replica_healthy: Object.entries(backends).flatMap(([bucket, replicas]) =>
      Object.entries(replicas).map(([replica, health]) =>
        one([bucket, replica], health === 'healthy' ? 1 : 0),
      ),
    ),
    process_cpu_user_seconds_total: [one([], user / 1e6)],
    process_cpu_system_seconds_total: [one([], system / 1e6)],
    process_cpu_seconds_total: [one([], (user + system) / 1e6)],
    process_start_time_seconds: [one([], startedAt / 1000)],
    process_resident_memory_bytes: [one([], process.memoryUsage.rss())],
    ...readLinux(),
  }
}

/** Nothing where there is no /proc. */
function readLinux(): Reading {
  try {
    const status = readFileSync('/proc/self/status', 'latin1')
    const limits = readFileSync('/proc/self/limits', 'latin1')
    return {
      process_virtual_memory_bytes: found(/^VmSize:\s+(\d+) kB/m.exec(status), 1024),
      // One of them is that of the folder that is being read.
      process_open_fds: [one([], readdirSync('/proc/self/fd').length - 1)],
      process_max_fds: found(/^Max open files\s+(\d+)/m.exec(limits), 1),
    }
  } catch {
    return {}
  }
}

function found(match: RegExpExecArray | null, unit: number): Series[] {
  return match === null ? [] : [one([], Number(match[1]) * unit)]
}
