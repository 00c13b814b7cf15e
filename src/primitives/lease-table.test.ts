import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'

import { allocateLeases, LeaseTable } from './lease-table.ts'
import type { LeaseMemory, Slot, TableClaim } from './lease-table.ts'

const SECRET = Uint32Array.of(1, 2)
const KEY = { low: 7, high: -8 }
const OTHER = { low: 7, high: 9 }
const RUN = { first: 4, last: 9 }
/** Of the common clock: it begins anew soon after it. */
const AT = 2 ** 31 - 1000

interface Two {
  readonly memory: LeaseMemory
  readonly one: LeaseTable
  readonly other: LeaseTable
}

function openTwo(keys = 64): Two {
  const memory = allocateLeases(2, keys, SECRET)
  const [one, other] = [0, 1].map((lane) => new LeaseTable(memory, lane, () => 0.5 + lane / 8))
  assert.ok(one !== undefined && other !== undefined)
  one.beat(AT)
  other.beat(AT)
  return { memory, one, other }
}

function slotOf(claim: TableClaim): Slot {
  assert.equal(claim.kind, 'granted')
  return claim.slot
}

function lastOf(claim: TableClaim): number | string {
  return claim.kind === 'granted' ? claim.last : claim.kind
}

test('what one lane has taken is not granted to another, and what stands before it is', () => {
  const { one, other } = openTwo()
  assert.equal(lastOf(one.claim(KEY, RUN, AT)), 9)
  for (const [first, last, granted] of [
    [4, 20, 'taken'],
    [9, 9, 'taken'],
    [10, 20, 20],
    [0, 20, 3],
    [0, 2, 2],
  ] as const) {
    const claim = other.claim(KEY, { first, last }, AT)
    assert.equal(lastOf(claim), granted, `from ${first} to ${last}`)
    if (claim.kind === 'granted') other.release(KEY, claim.slot, undefined)
  }
  assert.equal(lastOf(other.claim(OTHER, RUN, AT)), 9)
})

test('a lane does not stand in its own way', () => {
  const { one } = openTwo()
  one.claim(KEY, RUN, AT)
  assert.equal(lastOf(one.claim(KEY, RUN, AT)), 9)
  assert.equal(one.look(KEY, 4, AT), undefined)
})

test('what has passed, and what is given back, is free', () => {
  const { one, other } = openTwo()
  const slot = slotOf(one.claim(KEY, RUN, AT))
  one.pass(KEY, slot, 6)
  assert.equal(other.look(KEY, 5, AT), undefined)
  assert.ok(other.look(KEY, 6, AT))
  one.release(KEY, slot, undefined)
  assert.equal(lastOf(other.claim(KEY, RUN, AT)), 9)
})

test('a lease that was given back has no say over the next in its place', () => {
  const { one, other } = openTwo()
  const old = slotOf(one.claim(KEY, RUN, AT))
  one.release(KEY, old, undefined)
  const next = slotOf(one.claim(KEY, RUN, AT))
  assert.equal(next.entry, old.entry)
  one.pass(KEY, old, 10)
  one.release(KEY, old, undefined)
  assert.ok(other.look(KEY, 4, AT))
})

test('one may insist on what another has', () => {
  const { one, other } = openTwo()
  one.claim(KEY, RUN, AT)
  assert.ok(other.insist(KEY, RUN, AT))
  assert.ok(one.look(KEY, 4, AT))
})

test('for as long as it was said nobody waits for another', () => {
  const { one, other } = openTwo()
  one.release(KEY, slotOf(one.claim(KEY, RUN, AT)), AT + 2000)
  other.beat(AT + 1999)
  assert.equal(other.claim(KEY, RUN, AT + 1999).kind, 'off')
  other.beat(AT + 2000)
  assert.equal(other.claim(KEY, RUN, AT + 2000).kind, 'granted')
})

test('where there is no room nobody waits, and room is made by those who end', () => {
  const { one, other } = openTwo(16)
  const slots = Array.from({ length: 16 }, (_, low) => {
    return slotOf(one.claim({ low, high: low }, RUN, AT))
  })
  assert.equal(other.claim(KEY, { first: 20, last: 30 }, AT).kind, 'off')
  assert.equal(other.insist(KEY, RUN, AT), undefined)
  const [slot] = slots
  assert.ok(slot)
  one.release({ low: 0, high: 0 }, slot, undefined)
  assert.equal(other.claim(KEY, { first: 20, last: 30 }, AT).kind, 'granted')
})

test('what only says that nobody is to wait makes room for a lease', () => {
  const { one } = openTwo(16)
  for (let low = 0; low < 16; low += 1) {
    const key = { low, high: low }
    one.release(key, slotOf(one.claim(key, RUN, AT)), AT + 1000)
  }
  assert.equal(lastOf(one.claim(KEY, RUN, AT)), 9)
})

test('a lane that has not shown for two seconds that it lives holds nobody up', () => {
  const { one, other } = openTwo()
  one.claim(KEY, RUN, AT)
  assert.ok(other.look(KEY, 4, AT + 2000))
  assert.equal(other.look(KEY, 4, AT + 2001), undefined)
  assert.equal(lastOf(other.claim(KEY, RUN, AT + 2001)), 9)
})

test('what a lane had that has ended is free, and who waits for it is woken', async () => {
  const { memory, one, other } = openTwo()
  one.claim(KEY, RUN, AT)
  one.claim(OTHER, RUN, AT)
  slotOf(other.claim(KEY, { first: 20, last: 30 }, AT))
  const watch = other.look(KEY, 4, AT)
  assert.ok(watch)
  const woken = other.changed(watch, 60_000)
  new LeaseTable(memory, 0, () => 0.25).clear(0)
  await woken
  assert.equal(other.look(KEY, 4, AT), undefined)
  assert.equal(other.look(OTHER, 4, AT), undefined)
  assert.ok(one.look(KEY, 20, AT), 'what another lane has is its own')
})

describe('who waits', () => {
  test('is woken when something has passed', async () => {
    const { one, other } = openTwo()
    const slot = slotOf(one.claim(KEY, RUN, AT))
    const watch = other.want(KEY, 5, AT)
    assert.ok(watch)
    const woken = other.changed(watch, 60_000)
    one.pass(KEY, slot, 5)
    await woken
    assert.ok(other.look(KEY, 5, AT))
  })

  test('is woken when it goes on, though nothing has passed', async () => {
    const { one, other } = openTwo()
    const slot = slotOf(one.claim(KEY, RUN, AT))
    const watch = other.want(KEY, 4, AT)
    assert.ok(watch)
    const woken = other.changed(watch, 60_000)
    one.touch(KEY, slot)
    await woken
    assert.notEqual(other.look(KEY, 4, AT)?.seen, watch.seen)
  })

  test('is heard by whoever has it, and the furthest counts', async () => {
    const { one, other } = openTwo()
    const slot = slotOf(one.claim(KEY, RUN, AT))
    assert.equal(one.wanted(slot), undefined)
    const bell = one.changed(one.beat(AT), 60_000)
    other.want(KEY, 6, AT)
    other.want(KEY, 5, AT)
    await bell
    assert.equal(one.wanted(slot), 6)
  })
})

test('of several threads one has it at a time', { timeout: 60_000 }, async () => {
  const memory = allocateLeases(3, 64, SECRET)
  const counter = new Int32Array(new SharedArrayBuffer(8))
  const workers = [0, 1, 2].map((lane) => {
    const url = new URL('./lease-table.ts', import.meta.url).href
    const code = `
      const { workerData: { memory, counter, lane } } = require('node:worker_threads')
      import(${JSON.stringify(url)}).then(({ LeaseTable }) => {
        const table = new LeaseTable(memory, lane, Math.random)
        const key = { low: 1, high: 2 }
        for (let done = 0; done < 2000; ) {
          table.beat(0)
          const claim = table.claim(key, { first: 0, last: 0 }, 0)
          if (claim.kind !== 'granted') continue
          if (Atomics.add(counter, 0, 1) !== 0) Atomics.add(counter, 1, 1)
          Atomics.sub(counter, 0, 1)
          table.release(key, claim.slot, undefined)
          done += 1
        }
      })`
    return new Worker(code, { eval: true, workerData: { memory, counter, lane } })
  })
  await Promise.all(workers.map((worker) => once(worker, 'exit')))
  assert.deepEqual([...counter], [0, 0])
})
