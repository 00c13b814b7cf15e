import assert from 'node:assert/strict'
import { test } from 'node:test'

import { OriginFailure } from './failure.ts'
import { allocateReplica, leaveReplica, SharedReplica } from './shared-replica.ts'
import type { ReplicaMemory } from './shared-replica.ts'

const LONG_MS = 60_000

interface Two {
  readonly memory: ReplicaMemory
  readonly one: SharedReplica
  readonly other: SharedReplica
}

function openTwo(): Two {
  const memory = allocateReplica(2, 'an id')
  const open = (lane: number): SharedReplica => new SharedReplica(memory, lane, Math.random)
  return { memory, one: open(0), other: open(1) }
}

test('what probes say in one thread is known in all, and who waits for it hears', async () => {
  const { one, other } = openTwo()
  const known = other.known(() => true)
  one.probed = 'unhealthy'
  await known
  assert.equal(other.probed, 'unhealthy')
})

test('who waits for a first result that is wanted no more is let go', async () => {
  const { one } = openTwo()
  await one.known(() => false)
  assert.equal(one.probed, 'probing')
})

test('one of all probers asks, until it leaves', () => {
  const { one, other } = openTwo()
  const [first, second, third] = [{}, {}, {}]
  assert.equal(one.mayProbe(first, LONG_MS), true)
  assert.equal(one.mayProbe(first, LONG_MS), true)
  assert.equal(one.mayProbe(second, LONG_MS), false, 'another in the same thread')
  assert.equal(other.mayProbe(third, LONG_MS), false, 'another in another thread')
  one.leaveProbing(second)
  assert.equal(other.mayProbe(third, LONG_MS), false)
  one.leaveProbing(first)
  assert.equal(other.mayProbe(third, LONG_MS), true)
})

test('one that dies, or does not ask any more, is replaced', () => {
  const { memory, one, other } = openTwo()
  const [first, second] = [{}, {}]
  assert.equal(one.mayProbe(first, LONG_MS), true)
  leaveReplica(memory, 1)
  assert.equal(other.mayProbe(second, LONG_MS), false)
  leaveReplica(memory, 0)
  assert.equal(other.mayProbe(second, LONG_MS), true)
  assert.equal(one.mayProbe(first, -1), true, 'it is late')
  assert.equal(other.mayProbe(second, LONG_MS), false)
})

test('why it failed last is known in all threads, in full to the one that saw it', () => {
  const { one, other } = openTwo()
  const failure = new OriginFailure('misconfigured', 'there is no such bucket', { status: 404 })
  one.lastFailure = failure
  assert.equal(one.lastFailure, failure)
  assert.equal(other.lastFailure?.kind, 'misconfigured')
  other.lastFailure = undefined
  assert.equal(one.lastFailure, undefined)
})
