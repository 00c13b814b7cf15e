// Each lane stands for a thread: what they share is memory, and nothing else.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Cancellation } from './cancel.ts'
import { clearLane, createLaneMemory, laneRow } from './lanes.ts'
import type { LaneMemory } from './lanes.ts'
import { SharedSlots, SLOT_ROWS, SLOT_WORDS } from './shared-slots.ts'

function open(lanes: number, limit: number, queueSize = 100): [LaneMemory, readonly SharedSlots[]] {
  const memory = createLaneMemory({ rows: SLOT_ROWS, lanes, common: SLOT_WORDS })
  const slots = Array.from({ length: lanes }, (_, lane) => {
    return new SharedSlots({ memory, row: 0, word: 0, lane, limit, queueSize })
  })
  return [memory, slots]
}

const AGES_MS = 60_000

test('places are handed on in the order in which they were asked for, whatever the thread', async () => {
  const [, [one, other]] = open(2, 1)
  assert.ok(one !== undefined && other !== undefined)
  assert.equal(await one.take(AGES_MS, undefined), 'taken')
  const order: number[] = []
  const asked = [one, other, other, one, other, one].map(async (slots, index) => {
    assert.equal(await slots.take(AGES_MS, undefined), 'taken')
    order.push(index)
    assert.equal(one.inUse, 1)
    slots.giveBack()
  })
  assert.equal(one.waiting, 6)
  one.giveBack()
  await Promise.all(asked)
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5])
  assert.deepEqual([other.inUse, other.waiting], [0, 0])
})

test('nobody passes those who wait, in this thread or another', async () => {
  const [, [one, other]] = open(2, 2)
  assert.ok(one !== undefined && other !== undefined)
  assert.deepEqual([one.tryTake(), other.tryTake(), one.tryTake()], [true, true, false])
  const waiting = one.take(AGES_MS, undefined)
  assert.deepEqual([one.tryTake(), other.tryTake()], [false, false])
  other.giveBack()
  assert.equal(other.tryTake(), false)
  assert.equal(await waiting, 'taken')
})

test('a line that is full takes nobody more', async () => {
  const [, [one, other]] = open(2, 1, 2)
  assert.ok(one !== undefined && other !== undefined)
  one.tryTake()
  const waiting = [one.take(AGES_MS, undefined), other.take(AGES_MS, undefined)]
  assert.equal(await one.take(AGES_MS, undefined), 'full')
  one.giveBack()
  assert.equal(await waiting[0], 'taken')
  one.giveBack()
  assert.equal(await waiting[1], 'taken')
})

test('who leaves, or has waited long enough, is not served, and those behind are', async () => {
  const [, [one, other]] = open(2, 1)
  assert.ok(one !== undefined && other !== undefined)
  one.tryTake()
  const leaving = new Cancellation()
  const left = one.take(AGES_MS, leaving)
  const late = other.take(1, undefined)
  const last = one.take(AGES_MS, undefined)
  leaving.cancel()
  assert.deepEqual([await left, await late], ['left', 'late'])
  assert.equal(one.waiting, 1)
  one.giveBack()
  assert.equal(await last, 'taken')
  assert.equal(await one.take(AGES_MS, leaving), 'left')
})

test('what a thread held that ended, and its place in the line, are for the others', async () => {
  const [memory, [one, other]] = open(2, 1)
  assert.ok(one !== undefined && other !== undefined)
  one.tryTake()
  // Somebody who came long ago waits there, and is never going to leave.
  laneRow(memory, 2)[0] = -1000
  const waiting = other.take(AGES_MS, undefined)
  clearLane(memory, 0)
  assert.equal(await waiting, 'taken')
  assert.deepEqual([other.inUse, other.waiting], [1, 0])
})
