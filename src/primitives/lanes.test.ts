import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

import { clearLane, createLaneMemory, LaneCount } from './lanes.ts'

test('all lanes see the sum, and none goes beyond the limit', () => {
  const memory = createLaneMemory({ rows: 2, lanes: 3, common: 0 })
  const lanes = [0, 1, 2].map((lane) => new LaneCount(memory, 1, lane))
  const taken = Array.from({ length: 10 }, (_, index) => lanes[index % 3]?.tryAdd(4))
  assert.deepEqual(taken.filter(Boolean).length, 4)
  assert.deepEqual(
    lanes.map(({ sum }) => sum),
    [4, 4, 4],
  )
  lanes[1]?.remove()
  assert.equal(lanes[2]?.sum, 3)
  assert.equal(new LaneCount(memory, 0, 0).sum, 0)
})

test('what a thread held that ended is free, and what others hold is not', () => {
  const memory = createLaneMemory({ rows: 2, lanes: 2, common: 0 })
  const [one, other] = [new LaneCount(memory, 0, 0), new LaneCount(memory, 0, 1)]
  const elsewhere = new LaneCount(memory, 1, 0)
  for (const count of [one, one, other, elsewhere]) count.tryAdd(9)
  clearLane(memory, 0)
  assert.deepEqual([one.sum, elsewhere.sum], [1, 0])
})

const GREEDY = `
  const { workerData: { memory, lane, url } } = require('node:worker_threads')
  import(url).then(({ LaneCount }) => {
    const count = new LaneCount(memory, 0, lane)
    const shared = new Int32Array(memory.common)
    for (let turn = 0; turn < 30_000; turn += 1) {
      if (!count.tryAdd(3)) continue
      // Of those who hold one at this moment, in all threads.
      const holders = Atomics.add(shared, 0, 1) + 1
      if (holders > 3) Atomics.add(shared, 1, 1)
      Atomics.sub(shared, 0, 1)
      count.remove()
    }
  })`

test('threads that take at the same time are never too many, and leave nothing behind', async () => {
  const lanes = [0, 1, 2, 3, 4]
  const memory = createLaneMemory({ rows: 1, lanes: lanes.length, common: 2 })
  const url = new URL('./lanes.ts', import.meta.url).href
  await Promise.all(
    lanes.map(
      (lane) =>
        new Promise((resolve) => {
          new Worker(GREEDY, { eval: true, workerData: { memory, lane, url } }).on('exit', resolve)
        }),
    ),
  )
  assert.equal(new LaneCount(memory, 0, 0).sum, 0)
  assert.deepEqual([...new Int32Array(memory.common)], [0, 0])
})
