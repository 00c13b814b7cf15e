import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Cancellation } from '../primitives/cancel.ts'
import { allocateLeases } from '../primitives/lease-table.ts'
import type { Claim, Lease } from './lease.ts'
import { ThreadLeases } from './thread-leases.ts'

const RUN = { first: 0, last: 3 }
const NO_END = { signal: undefined }

/** As two threads have them; here both are this one. */
function openTwo(patienceMs?: number): { one: ThreadLeases; other: ThreadLeases } {
  const memory = allocateLeases(2, 64, Uint32Array.of(1, 2))
  const open = (lane: number): ThreadLeases =>
    new ThreadLeases({
      memory,
      lane,
      random: Math.random,
      ...(patienceMs !== undefined && { patienceMs }),
    })
  return { one: open(0), other: open(1) }
}

function leaseOf(claim: Claim): Lease {
  assert.equal(claim.kind, 'granted')
  return claim.lease
}

test('who comes second waits for what the first has kept, slice by slice', async () => {
  const { one, other } = openTwo()
  const lease = leaseOf(await one.claim('k', RUN))
  assert.equal((await other.claim('k', RUN)).kind, 'taken')
  assert.equal(await other.isTaken('k', 1), true)
  const kept = Promise.withResolvers<void>()
  let hasWaited = false
  const waited = other.wait('k', 0, NO_END).then((is) => (hasWaited = is))
  lease.passed(0, kept.promise)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(hasWaited, false)
  kept.resolve()
  assert.equal(await waited, true)
  assert.equal(await other.isTaken('k', 1), true)
  lease.release()
  assert.equal(await other.wait('k', 3, NO_END), true)
  assert.equal((await other.claim('k', RUN)).kind, 'granted')
})

test('who has it hears what others wait for, though it listens later', async () => {
  const { one, other } = openTwo()
  const lease = leaseOf(await one.claim('k', RUN))
  const heard = Promise.withResolvers<number>()
  void other.wait('k', 2, NO_END)
  // The bell has been heard by then.
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  lease.heed(heard.resolve)
  assert.equal(await heard.promise, 2)
  lease.release()
})

test('nobody waits for longer than patience where nothing comes', async () => {
  const { one, other } = openTwo(30)
  const lease = leaseOf(await one.claim('k', RUN))
  assert.equal(await other.wait('k', 0, NO_END), false)
  other.insist('k', RUN).release()
  lease.release()
})

test('nobody waits for what is wanted no more', async () => {
  const { one, other } = openTwo()
  const lease = leaseOf(await one.claim('k', RUN))
  const signal = new Cancellation()
  const waited = other.wait('k', 0, { signal })
  signal.cancel()
  assert.equal(await waited, false)
  lease.release()
})

test('nobody waits for what the last one could not share, for a while', async () => {
  const { one, other } = openTwo()
  leaseOf(await one.claim('k', RUN)).release(60_000)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal((await other.claim('k', RUN)).kind, 'off')
})
