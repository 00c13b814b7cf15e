// How many threads are worth having: the cores this process may use, which in a container is
// fewer than the machine has.

import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

export function usableCores(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(cgroupCores())))
}

function cgroupCores(): number {
  const [quota, period] = read('/sys/fs/cgroup/cpu.max').split(/\s/)
  if (quota !== undefined && quota !== '' && quota !== 'max') return Number(quota) / Number(period)
  const quotaV1 = Number(read('/sys/fs/cgroup/cpu/cpu.cfs_quota_us'))
  const periodV1 = Number(read('/sys/fs/cgroup/cpu/cpu.cfs_period_us'))
  return quotaV1 > 0 && periodV1 > 0 ? quotaV1 / periodV1 : Number.POSITIVE_INFINITY
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Not every system has control groups.
    return ''
  }
}
