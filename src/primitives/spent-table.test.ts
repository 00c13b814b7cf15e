import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'

import { KeyedHash } from './keyed-hash.ts'
import { allocateSpent, resizeSpent, roomOf, SpentTable } from './spent-table.ts'

const SECRET = Uint32Array.of(1, 2, 3, 4)
const OWNER = 7

function openTable(maxKeys: number): SpentTable {
  return new SpentTable(allocateSpent(maxKeys, SECRET), () => 0.5)
}

function countUp(table: SpentTable, low: number, high: number): number {
  table.open(low, high, OWNER)
  table.count += 1
  const { count } = table
  table.close()
  return count
}

test('a key is found again with what was noted of it, and others are not it', () => {
  const table = openTable(64)
  table.open(1, 2, OWNER)
  const past = Int32Array.of(8, 7, 6, 5, 4, 3, 2, 1)
  Object.assign(table, { at: 1_780_000_000_123.5, count: 6 })
  table.past.set(past)
  table.close()
  assert.deepEqual(table.read(1, 2), { at: 1_780_000_000_123.5, count: 6, past })
  assert.deepEqual(table.read(1, 3), { at: 0, count: 0, past: new Int32Array(8) })
  assert.deepEqual([...table.countByOwner()], [[OWNER, 1]])
})

test('where there is no room, whoever has not come for the longest is forgotten', () => {
  const table = openTable(8)
  for (let key = 1; key <= 8; key += 1) countUp(table, key, key)
  countUp(table, 1, 1)
  countUp(table, 9, 9)
  const held = Array.from({ length: 9 }, (_, index) => table.read(index + 1, index + 1).count)
  assert.deepEqual(held, [2, 0, 1, 1, 1, 1, 1, 1, 1])
})

test('a million callers take no more room than there is, and the last of them are known', () => {
  const maxKeys = 100_000
  const memory = allocateSpent(maxKeys, SECRET)
  assert.ok(memory.byteLength <= maxKeys * 65 + 128)
  const table = new SpentTable(memory, () => 0.5)
  const hash = new KeyedHash()
  const before = process.memoryUsage.rss()
  const hashOf = (caller: number): void => {
    hash.begin(...table.secret)
    hash.add(`10.${caller >> 16}.${(caller >> 8) & 255}.${caller & 255}`)
    hash.end()
  }
  for (let caller = 0; caller < 1_000_000; caller += 1) {
    hashOf(caller)
    countUp(table, hash.low, hash.high)
  }
  const grown = process.memoryUsage.rss() - before
  assert.ok(grown < 48 * 1024 * 1024, `${grown} bytes`)
  let held = 0
  for (let caller = 950_000; caller < 1_000_000; caller += 1) {
    hashOf(caller)
    held += table.read(hash.low, hash.high).count
  }
  // Half as many as there is room for: chance has filled few sets with eight later ones.
  assert.ok(held > 45_000, `${held} of 50000`)
})

describe('several threads', () => {
  const program = `
    const { workerData: { memory, times, dies }, parentPort } = require('node:worker_threads')
    import(${JSON.stringify(new URL('spent-table.ts', import.meta.url).href)}).then(({ SpentTable }) => {
      const table = new SpentTable(memory, Math.random)
      parentPort.postMessage('ready')
      if (dies) {
        table.open(1, 1, 7)
        parentPort.postMessage('holding')
        for (;;);
      }
      for (let index = 0; index < times; index += 1) {
        table.open(1, 1, 7)
        table.count += 1
        table.close()
      }
    })`

  test('lose no count', async () => {
    const memory = allocateSpent(8, SECRET)
    const times = 200_000
    const workers = [1, 2].map(
      () => new Worker(program, { eval: true, workerData: { memory, times, dies: false } }),
    )
    await Promise.all(workers.map((worker) => once(worker, 'exit')))
    assert.equal(new SpentTable(memory, () => 0.1).read(1, 1).count, 2 * times)
  })

  test('are not stopped by one that died with a lock', async () => {
    const memory = allocateSpent(8, SECRET)
    const worker = new Worker(program, { eval: true, workerData: { memory, times: 0, dies: true } })
    await new Promise<void>((resolve) => {
      worker.on('message', (said) => said === 'holding' && resolve())
    })
    await worker.terminate()
    const table = new SpentTable(memory, () => 0.1)
    assert.equal(countUp(table, 2, 2), 1)
    assert.equal(countUp(table, 2, 2), 2)
  })
})

test('what was noted is kept in a table of another size, with the same secret', () => {
  const memory = allocateSpent(64, SECRET)
  const table = new SpentTable(memory, () => 0.5)
  for (let key = 1; key <= 20; key += 1) for (let n = 0; n < key; n += 1) countUp(table, key, 9)
  for (const maxKeys of [4096, 32]) {
    const resized = resizeSpent(memory, maxKeys, () => 0.25)
    const copy = new SpentTable(resized, () => 0.5)
    assert.equal(roomOf(resized), maxKeys)
    assert.deepEqual([copy.secret, copy.id], [table.secret, table.id])
    for (let key = 1; key <= 20; key += 1) assert.equal(copy.read(key, 9).count, key)
    assert.deepEqual([...copy.countByOwner()], [[OWNER, 20]])
  }
})
