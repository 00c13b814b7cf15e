// What a process takes of the machine's memory, as the kernel counts it.

import { readFileSync } from 'node:fs'

export const MIB = 1024 * 1024

export function residentBytes(pid: number): number {
  return kernelCount(pid, 'VmRSS')
}

/** The most it ever took. */
export function peakResidentBytes(pid: number): number {
  return kernelCount(pid, 'VmHWM')
}

export function inMiB(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`
}

function kernelCount(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
}
