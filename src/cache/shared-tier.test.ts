import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'

import { assertSameEntry, headEntry, patternBytes, sliceEntry, START } from './entries.contract.ts'
import { MemoryTier } from './memory-tier.ts'
import { createSharedTierMemory, placesIn } from './shared-memory.ts'
import type { SharedTierMemory } from './shared-memory.ts'
import { forgetReader, SharedStore } from './shared-store.ts'
import { SharedTier } from './shared-tier.ts'
import { tierContract } from './tier.contract.ts'
import type { SliceEntry, Tier } from './tier.ts'

tierContract(
  'shared',
  async ({ maxBytes, now }) => {
    const tier = new SharedTier({ memory: createSharedTierMemory(maxBytes, 2), lane: 0, now })
    return { tier, close: () => tier.close() }
  },
  { isBounded: true, isPlainLru: false },
)

tierContract(
  'shared, seen from a thread that put nothing,',
  async ({ maxBytes, now }) => {
    const memory = createSharedTierMemory(maxBytes, 2)
    const [one, other] = [0, 1].map((lane) => new SharedTier({ memory, lane, now }))
    assert.ok(one !== undefined && other !== undefined)
    const tier: Tier = {
      name: 'memory',
      get: (key, at) => other.get(key, at),
      peek: (key) => other.peek(key),
      put: (key, entry) => one.put(key, entry),
      remove: (key) => one.remove(key),
      sweep: (matches) => other.sweep(matches),
      count: (matches) => other.count(matches),
      stats: () => ({ ...other.stats(), evictions: one.stats().evictions }),
      close: async () => void (await Promise.all([one.close(), other.close()])),
    }
    return { tier, close: () => tier.close() }
  },
  { isBounded: true, isPlainLru: false },
)

const KIB = 1024
const MIB = 1024 * KIB

interface Pair {
  readonly memory: SharedTierMemory
  readonly one: SharedTier
  readonly other: SharedTier
}

function pairOf(bytes: number, maxBytesOf?: (bucket: string) => number | undefined): Pair {
  const memory = createSharedTierMemory(bytes, 2)
  const open = (lane: number): SharedTier =>
    new SharedTier({ memory, lane, now: () => START, ...(maxBytesOf && { maxBytesOf }) })
  return { memory, one: open(0), other: open(1) }
}

function sliceOf(tier: SharedTier, key: string): SliceEntry {
  const entry = tier.get(key)
  assert.ok(entry?.kind === 'slice')
  return entry
}

function putMany(tier: SharedTier): void {
  for (let seed = 3; seed < 60; seed += 1) {
    tier.put(`key ${seed}`, sliceEntry(patternBytes(100_000, seed)))
  }
}

/** Nothing is kept any more: no room may be taken. */
function assertAllFree(memory: SharedTierMemory): void {
  const store = new SharedStore(placesIn(memory), memory.lanes, () => undefined)
  store.clear()
  store.reclaim()
  const { arena, entries, bytes } = store.ground
  assert.deepEqual([arena.usedBytes, entries, bytes], [0, 0, 0])
}

test('bytes that one thread has lent stay as they were, whatever another does', () => {
  const { memory, one, other } = pairOf(MIB)
  one.put('lent', sliceEntry(patternBytes(100_000, 1)))
  const lent = sliceOf(other, 'lent')
  const loans = [lent.lender?.lend(), lent.lender?.lend()]
  putMany(one)
  one.remove('lent')
  assert.equal(other.get('lent'), undefined)
  loans[0]?.giveBack()
  putMany(one)
  assert.equal(Buffer.compare(lent.bytes, patternBytes(100_000, 1)), 0)
  loans[1]?.giveBack()
  putMany(one)
  assert.notEqual(Buffer.compare(lent.bytes, patternBytes(100_000, 1)), 0)
  assertAllFree(memory)
})

test('what a thread had lent when it ended is free when that is known', () => {
  const { memory, one, other } = pairOf(MIB)
  one.put('lent', sliceEntry(patternBytes(100_000, 1)))
  sliceOf(other, 'lent').lender?.lend()
  one.remove('lent')
  assert.throws(() => assertAllFree(memory))
  forgetReader(memory, 1)
  assertAllFree(memory)
})

test('what is got is nobody else’s in the turn it is got in, and not for long after', async () => {
  const { memory, one, other } = pairOf(MIB)
  one.put('got', sliceEntry(patternBytes(100_000, 1)))
  const got = sliceOf(other, 'got')
  one.remove('got')
  putMany(one)
  assert.equal(Buffer.compare(got.bytes, patternBytes(100_000, 1)), 0)
  await after(200)
  assert.throws(() => got.lender?.lend())
  assertAllFree(memory)
})

test('more than a thread can have in hand is had as copies', () => {
  const { memory, one, other } = pairOf(256 * KIB)
  const found: SliceEntry[] = []
  for (let seed = 0; seed < 140; seed += 1) {
    one.put('key', sliceEntry(patternBytes(100, seed)))
    const slice = sliceOf(other, 'key')
    if (slice.lender === undefined) found.push(slice)
    else slice.lender.lend()
  }
  assert.ok(found.length > 0)
  assertSameEntry(found.at(-1), sliceEntry(patternBytes(100, 139)))
  forgetReader(memory, 1)
  assertAllFree(memory)
})

test('every bucket has its own count, and is bounded by itself, whichever thread puts', () => {
  const { one, other } = pairOf(MIB, (bucket) => (bucket === 'bounded' ? 200 * KIB : undefined))
  for (let index = 0; index < 10; index += 1) {
    one.put(`calm ${index}`, sliceEntry(patternBytes(10 * KIB, 1), { bucket: 'calm' }))
  }
  for (let index = 0; index < 200; index += 1) {
    const tier = index % 2 === 0 ? one : other
    tier.put(`passing ${index}`, sliceEntry(patternBytes(10 * KIB, 1), { bucket: 'bounded' }))
    assert.ok(one.statsFor('bounded').bytes <= 200 * KIB)
  }
  for (let index = 0; index < 10; index += 1) assert.ok(other.has(`calm ${index}`), `${index}`)
  const { entries, bytes } = other.statsFor('bounded')
  assert.ok(entries === 19 && bytes > 170 * KIB, `${entries} entries of ${bytes} bytes`)
  assert.equal(one.statsFor('bounded').evictions + other.statsFor('bounded').evictions, 181)
  assert.deepEqual(one.statsFor('none'), { entries: 0, bytes: 0, hits: 0, evictions: 0 })
})

test('what is kept goes along to a larger memory and to a smaller one', async () => {
  const { one, other } = pairOf(2 * MIB)
  for (let seed = 0; seed < 30; seed += 1) {
    one.put(`key ${seed}`, sliceEntry(patternBytes(10 * KIB, seed)))
  }
  one.put('head', headEntry())
  for (const bytes of [4 * MIB, MIB]) {
    const next = createSharedTierMemory(bytes, 2)
    const moves = [one.follow(next), other.follow(next)]
    assertSameEntry(other.get('key 7'), sliceEntry(patternBytes(10 * KIB, 7)))
    await Promise.all(moves)
    for (const tier of [one, other]) {
      for (let seed = 0; seed < 30; seed += 1) {
        assertSameEntry(tier.get(`key ${seed}`), sliceEntry(patternBytes(10 * KIB, seed)))
      }
      assertSameEntry(tier.get('head'), headEntry())
      assert.ok(tier.stats().bytes <= bytes && tier.stats().entries === 31)
    }
  }
})

test('two threads find as much as one does that has all of the memory to itself', (context) => {
  const { one, other } = pairOf(8 * MIB)
  const lone = new MemoryTier({ maxBytes: 8 * MIB, now: () => START })
  let state = 1
  const below = (limit: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
  for (let turn = 0; turn < 20_000; turn += 1) {
    // Some are asked for far more often than others.
    const object = below(below(below(4000) + 1) + 1)
    const slice = sliceEntry(patternBytes(0, 0), { objectKey: `${object}` })
    const bytes = Buffer.alloc(1 + ((object * 7919) % 30_000))
    for (const tier of [turn % 2 === 0 ? one : other, lone]) {
      if (tier.get(`${object}`) === undefined) tier.put(`${object}`, { ...slice, bytes })
    }
  }
  const together = (one.stats().hits + other.stats().hits) / 20_000
  const alone = lone.stats().hits / 20_000
  context.diagnostic(`${(together * 100).toFixed(1)} % beside ${(alone * 100).toFixed(1)} %`)
  assert.ok(together > alone - 0.02)
})
