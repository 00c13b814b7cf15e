// The audit log of several threads: one chain, in which no thread's records are missing.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { auditTo, createAuditFolder } from '../support/audit.ts'
import type { AuditFolder } from '../support/audit.ts'
import { openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { inspect, INSPECTED } from '../support/inspector.ts'
import { eventually } from '../support/peer.ts'

const THREADS = { server: { threads: 2 } }

/** Asks until it is told to stop, or until nobody answers. Gives the ids of what was answered. */
async function askOn(front: Front, name: string, isOver: () => boolean): Promise<string[]> {
  const answered: string[] = []
  for (let number = 0; !isOver(); number += 1) {
    const id = `${name}-${number}`
    try {
      const { aborted } = await request(`${front.url}/files/none`, {
        headers: { 'X-Request-ID': id },
      })
      if (!aborted) answered.push(id)
    } catch {
      return answered
    }
  }
  return answered
}

function idsIn(audit: AuditFolder): Set<unknown> {
  return new Set(audit.records().map((record) => record['request_id']))
}

test('every request that was answered has its record, also while the program ends', async () => {
  using audit = createAuditFolder()
  await using front = await openFront({ ...auditTo(audit), ...THREADS })
  const asking = Array.from({ length: 8 }, (_, index) => askOn(front, `c${index}`, () => false))
  await eventually(() => front.sluice.logLines().length > 200, 'some load')
  front.sluice.kill('SIGTERM')
  const answered = (await Promise.all(asking)).flat()
  assert.equal((await front.sluice.exited).code, 0)
  assert.ok(answered.length > 100)
  const ids = idsIn(audit)
  assert.deepEqual(
    answered.filter((id) => !ids.has(id)),
    [],
  )
  const { code, stdout } = await audit.verify()
  assert.deepEqual([code, stdout.split('\n')[1]], [0, ''])
})

test('a thread that dies takes with it what it had not handed over, and the chain goes on', async () => {
  using audit = createAuditFolder()
  const settings = { ...auditTo(audit), ...THREADS }
  await using front = await openFront(settings, { env: INSPECTED })
  let count = 0
  const before = await askOn(front, 'before', () => (count += 1) > 50)
  await audit.record((record) => record['request_id'] === before.at(-1))
  await killOne(front)
  count = 0
  const after = await askOn(front, 'after', () => (count += 1) > 50)
  front.sluice.kill('SIGTERM')
  assert.equal((await front.sluice.exited).code, 0)
  const ids = idsIn(audit)
  for (const id of [...before, ...after]) assert.ok(ids.has(id), id)
  assert.equal((await audit.verify()).code, 0)
})

/** A program that is looked into does not end: the look is over before its end is asked for. */
async function killOne(front: Front): Promise<void> {
  using inspector = await inspect(front.sluice)
  await eventually(() => inspector.workers().length === 2, 'two workers')
  const [victim = ''] = inspector.workers()
  await inspector.evaluate(victim, `setTimeout(() => { throw new Error('died in a test') }); 1`)
  await front.sluice.logLine(({ event }) => event === 'worker-died')
  await eventually(() => inspector.workers().length === 2, 'two workers again')
}
