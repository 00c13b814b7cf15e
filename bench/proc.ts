// What Linux says of processes: how much processor time they have had, and how much memory they have.

import { readdirSync, readFileSync } from 'node:fs'

/** What a process has had, in user and kernel mode. */
export interface ProcessorTime {
  /** Of all its threads, the ended ones included, in steps of a hundredth of a second. */
  readonly us: number
  /** Of each thread that lives, finely; empty where the kernel does not tell. */
  readonly threadsUs: ReadonlyMap<string, number>
}

/** Linux counts a process's time in hundredths of a second, whatever its clock does. */
const TICK_US = 10_000

export function processorTime(pid: number): ProcessorTime {
  const fields = statOf(String(pid))
  const us = (Number(fields[11]) + Number(fields[12])) * TICK_US
  return { us, threadsUs: threadsOf(pid) }
}

/** Finely, unless a thread has ended meanwhile: it took with it what is known of it. */
export function usBetween(before: ProcessorTime, after: ProcessorTime): number {
  const isWhole = [...before.threadsUs.keys()].every((thread) => after.threadsUs.has(thread))
  if (before.threadsUs.size === 0 || !isWhole) return after.us - before.us
  return sumOf(after.threadsUs) - sumOf(before.threadsUs)
}

/** Of children that have ended and were waited for. */
export function endedChildrenUs(): number {
  const fields = statOf('self')
  return (Number(fields[13]) + Number(fields[14])) * TICK_US
}

export function rssMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1] ?? 0) / 1024
}

/** From the third field on; the second is a name that may hold spaces. */
function statOf(pid: string): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function threadsOf(pid: number): Map<string, number> {
  const threads = new Map<string, number>()
  const folder = `/proc/${pid}/task`
  for (const thread of readdirSync(folder)) {
    try {
      const [ns = ''] = readFileSync(`${folder}/${thread}/schedstat`, 'utf8').split(' ')
      threads.set(thread, Number(ns) / 1000)
    } catch {
      // It has ended since, or this kernel has no such file.
    }
  }
  return threads
}

function sumOf(values: ReadonlyMap<string, number>): number {
  return [...values.values()].reduce((sum, value) => sum + value, 0)
}
