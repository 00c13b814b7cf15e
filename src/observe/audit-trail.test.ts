import assert from 'node:assert/strict'
import { mock, test } from 'node:test'

import type { AuditLogConfig } from '../config/audit-log.ts'
import { AuditTrail } from './audit-trail.ts'

const ON: AuditLogConfig = {
  level: 'info',
  file: undefined,
  syslog: undefined,
  s3: undefined,
  idle: [],
}
const CALL = {
  kind: 'admin',
  call: 'x'.repeat(1000),
  outcome: 'done',
  status: 200,
  role: 'viewer',
  subject: 'token:viewer',
  clientIp: '192.0.2.7',
  requestId: 'id',
} as const

test('records of a moment are handed over together', () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const handed: number[] = []
    const trail = new AuditTrail(ON, (entries) => void handed.push(entries.length))
    for (let time = 0; time < 3; time += 1) trail.adminCall(CALL)
    assert.deepEqual(handed, [])
    mock.timers.tick(20)
    assert.deepEqual(handed, [3])
    mock.timers.tick(1000)
    assert.deepEqual(handed, [3])
  } finally {
    mock.timers.reset()
  }
})

test('while nobody takes them they are bounded, and those beyond are told as a number', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const lost: number[] = []
    const takers: (() => void)[] = []
    const trail = new AuditTrail(ON, (_entries, number) => {
      lost.push(number)
      return new Promise((resolve) => takers.push(resolve))
    })
    const give = (count: number): void => {
      for (let time = 0; time < count; time += 1) trail.adminCall(CALL)
    }
    give(30_000)
    mock.timers.tick(20)
    const [first = 0] = lost
    assert.ok(first > 10_000 && first < 20_000, String(first))
    give(5)
    mock.timers.tick(20)
    // Told when there is something to hand over again, or at once where there is nothing under way.
    for (const take of takers.splice(0)) take()
    await Promise.resolve()
    await new Promise((resolve) => setImmediate(resolve))
    give(1)
    mock.timers.tick(20)
    assert.equal(
      lost.reduce((sum, number) => sum + number, 0),
      first + 5,
    )
  } finally {
    mock.timers.reset()
  }
})

test('turned off it keeps nothing', () => {
  const handed: number[] = []
  const trail = new AuditTrail(ON, (entries) => void handed.push(entries.length))
  trail.follow(undefined)
  trail.adminCall(CALL)
  void trail.close(0)
  assert.deepEqual([trail.isOn, handed], [false, []])
})
