import assert from 'node:assert/strict'
import { test } from 'node:test'

import { processorTime, rssMiB, usBetween } from './proc.ts'
import type { ProcessorTime } from './proc.ts'

function timeOf(us: number, threadsUs: Readonly<Record<string, number>>): ProcessorTime {
  return { us, threadsUs: new Map(Object.entries(threadsUs)) }
}

test('the time of a process is that of its threads, new ones included', () => {
  const before = timeOf(10_000, { 1: 10_250, 2: 100 })
  assert.equal(usBetween(before, timeOf(20_000, { 1: 10_750, 2: 100, 3: 1000 })), 1500)
})

test('where a thread has ended or the kernel does not tell, hundredths of a second have to do', () => {
  const before = timeOf(10_000, { 1: 10_250, 2: 100 })
  assert.equal(usBetween(before, timeOf(30_000, { 1: 30_750 })), 20_000)
  assert.equal(usBetween(timeOf(10_000, {}), timeOf(30_000, {})), 20_000)
})

test('a process that works has time and memory', () => {
  const before = processorTime(process.pid)
  while (usBetween(before, processorTime(process.pid)) < 10_000);
  assert.ok(rssMiB(process.pid) > 10)
})
