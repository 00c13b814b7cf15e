import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Loan } from '../exchange/body.ts'
import { assertSameEntry, headEntry, patternBytes, sliceEntry, START } from './entries.contract.ts'
import { MemoryTier } from './memory-tier.ts'
import { bytesFrom } from './tier.ts'
import type { SliceEntry } from './tier.ts'
import { tierContract } from './tier.contract.ts'

tierContract(
  'memory',
  async (world) => {
    const tier = new MemoryTier(world)
    return { tier, close: () => tier.close() }
  },
  { isBounded: true, isPlainLru: false },
)

const MIB = 1024 * 1024
const KIB = 1024

function tierOf(maxBytes: number): MemoryTier {
  return new MemoryTier({ maxBytes, now: () => START })
}

/** Half the tier is asked for now and then; many more go by that nobody asks for again. */
function putScanned(tier: MemoryTier, scanned: number): void {
  for (let round = 0; round < 4; round += 1) {
    for (let popular = 0; popular < 50; popular += 1) {
      const key = `popular ${popular}`
      if (tier.get(key) === undefined) tier.put(key, sliceEntry(patternBytes(10 * KIB, popular)))
    }
  }
  for (let passing = 0; passing < scanned; passing += 1) {
    tier.put(`passing ${passing}`, sliceEntry(patternBytes(10 * KIB, passing)))
  }
}

test('a scan does not push out what is asked for again and again', () => {
  const tier = tierOf(MIB)
  putScanned(tier, 1000)
  for (let popular = 0; popular < 50; popular += 1) {
    assert.ok(tier.has(`popular ${popular}`), `${popular} is gone`)
  }
})

test('what was popular once does not stay for ever', () => {
  const tier = tierOf(MIB)
  putScanned(tier, 0)
  for (let round = 0; round < 20; round += 1) {
    for (let later = 0; later < 70; later += 1) {
      const key = `later ${later}`
      if (tier.get(key) === undefined) tier.put(key, sliceEntry(patternBytes(10 * KIB, later)))
    }
  }
  for (let later = 0; later < 70; later += 1) assert.ok(tier.has(`later ${later}`), `${later}`)
})

test('a head outlives the slices that were asked for as often', () => {
  const tier = tierOf(MIB)
  for (let seed = 0; seed < 8; seed += 1) {
    tier.put(`head ${seed}`, headEntry({ objectKey: `${seed}` }))
    tier.put(`slice ${seed}`, sliceEntry(patternBytes(64 * KIB, seed)))
    tier.get(`head ${seed}`)
    tier.get(`slice ${seed}`)
  }
  for (let seed = 0; seed < 40; seed += 1) {
    tier.put(`passing ${seed}`, sliceEntry(patternBytes(64 * KIB, seed)))
  }
  const kept = (kind: string) =>
    Array.from({ length: 8 }, (_, seed) => tier.has(`${kind} ${seed}`)).filter(Boolean).length
  assert.deepEqual([kept('head'), kept('slice')], [8, 0])
})

test('bytes that are lent stay as they were when their slice is evicted, until they are back', () => {
  const tier = tierOf(MIB)
  tier.put('lent', sliceEntry(patternBytes(100_000, 1)))
  const lent = sliceOf(tier, 'lent')
  const loans = [lent.lender?.lend(), lent.lender?.lend()]
  const putMany = (): void => {
    for (let seed = 3; seed < 60; seed += 1) {
      tier.put(`key ${seed}`, sliceEntry(patternBytes(100_000, seed)))
    }
  }
  putMany()
  tier.remove('lent')
  loans[0]?.giveBack()
  putMany()
  assert.deepEqual(Buffer.compare(lent.bytes, patternBytes(100_000, 1)), 0)
  loans[1]?.giveBack()
  putMany()
  assert.notEqual(Buffer.compare(lent.bytes, patternBytes(100_000, 1)), 0)
  assertSameEntry(tier.get('key 59'), sliceEntry(patternBytes(100_000, 59)))
})

test('where everything is lent nothing is kept, and all is well when it is back', () => {
  const tier = tierOf(MIB)
  const loans: (Loan | undefined)[] = []
  for (let seed = 0; seed < 50; seed += 1) {
    tier.put(`key ${seed}`, sliceEntry(patternBytes(100_000, seed)))
    if (tier.has(`key ${seed}`)) loans.push(sliceOf(tier, `key ${seed}`).lender?.lend())
  }
  assert.ok(loans.length >= 9 && loans.length <= 10, `${loans.length} were kept`)
  for (const loan of loans) loan?.giveBack()
  for (let seed = 0; seed < 50; seed += 1) {
    tier.put(`key ${seed}`, sliceEntry(patternBytes(100_000, seed)))
    assertSameEntry(tier.get(`key ${seed}`), sliceEntry(patternBytes(100_000, seed)))
  }
})

test('what is lent stays, takes its own room alone, and nobody goes for it in vain', () => {
  const tier = tierOf(MIB)
  const loans: (Loan | undefined)[] = []
  for (let seed = 0; seed < 6; seed += 1) {
    tier.put(`lent ${seed}`, sliceEntry(patternBytes(100_000, seed)))
    loans.push(sliceOf(tier, `lent ${seed}`).lender?.lend())
  }
  const others = (): number =>
    Array.from({ length: 100 }, (_, seed) => tier.has(`key ${seed}`)).filter(Boolean).length
  const putMany = (): void => {
    for (let seed = 0; seed < 100; seed += 1) {
      tier.put(`key ${seed}`, sliceEntry(patternBytes(50_000, seed)))
      assert.ok(tier.has(`key ${seed}`), `there is room for ${seed}`)
    }
  }
  putMany()
  assert.ok(others() >= 6, `only ${others()} others are kept`)
  for (let seed = 0; seed < 6; seed += 1) {
    assertSameEntry(tier.get(`lent ${seed}`), sliceEntry(patternBytes(100_000, seed)))
    tier.remove(`lent ${seed}`)
  }
  // Their room is still theirs.
  const { evictions } = tier.stats()
  putMany()
  assert.ok(others() >= 6, `only ${others()} others are kept`)
  assert.ok(tier.stats().evictions - evictions <= 100, 'some went for nothing')
  for (const loan of loans) loan?.giveBack()
  putMany()
  assert.ok(others() >= 16, `only ${others()} others are kept`)
})

test('a bounded bucket whose slices are lent keeps within its bound', () => {
  const tier = new MemoryTier({ maxBytes: MIB, now: () => 0, maxBytesOf: () => 350_000 })
  const loans: (Loan | undefined)[] = []
  for (let seed = 0; seed < 20; seed += 1) {
    tier.put(`key ${seed}`, sliceEntry(patternBytes(100_000, seed)))
    if (tier.has(`key ${seed}`)) loans.push(sliceOf(tier, `key ${seed}`).lender?.lend())
  }
  assert.deepEqual([loans.length, tier.stats().entries, tier.stats().evictions], [3, 3, 0])
  for (const loan of loans) loan?.giveBack()
  tier.put('next', sliceEntry(patternBytes(100_000, 1)))
  assert.ok(tier.has('next'))
})

test('what is free is not lent, nor given back twice', () => {
  const tier = tierOf(MIB)
  tier.put('gone', sliceEntry(patternBytes(1000, 1)))
  const { lender } = sliceOf(tier, 'gone')
  const loan = lender?.lend()
  loan?.giveBack()
  assert.throws(() => loan?.giveBack())
  tier.remove('gone')
  assert.throws(() => lender?.lend())
})

test('a slice whose bytes lie in parts is whole', () => {
  const tier = tierOf(MIB)
  for (let seed = 0; seed < 24; seed += 1) {
    tier.put(`key ${seed}`, sliceEntry(patternBytes(40_000, seed)))
  }
  for (let seed = 0; seed < 24; seed += 3) tier.remove(`key ${seed}`)
  tier.put('large', sliceEntry(patternBytes(240_000, 7)))
  const large = sliceOf(tier, 'large')
  assertSameEntry(large, sliceEntry(patternBytes(240_000, 7)))
  const together = large.lender?.from(0).byteLength ?? 0
  assert.ok(together < 240_000, 'it lies in one part')
  let offset = 0
  while (offset < 240_000) {
    const part = bytesFrom(large, offset)
    const wanted = patternBytes(240_000, 7).subarray(offset, offset + part.byteLength)
    assert.ok(part.byteLength > 0 && Buffer.compare(part, wanted) === 0, `from ${offset}`)
    offset += part.byteLength
  }
})

function sliceOf(tier: MemoryTier, key: string): SliceEntry {
  const entry = tier.get(key)
  assert.ok(entry?.kind === 'slice')
  return entry
}

test('what the giver does with its bytes afterwards changes nothing here', () => {
  const tier = tierOf(MIB)
  const bytes = patternBytes(1000, 1)
  tier.put('key', sliceEntry(bytes))
  bytes.fill(0)
  assertSameEntry(tier.get('key'), sliceEntry(patternBytes(1000, 1)))
})

test('memory that nobody was given is free at once, without a garbage collection', () => {
  const tier = tierOf(8 * MIB)
  const source = patternBytes(MIB, 1)
  const before = process.memoryUsage().arrayBuffers
  for (let index = 0; index < 200; index += 1) {
    const length = index % 3 === 0 ? MIB : MIB - index
    tier.put(`key ${index}`, sliceEntry(source.subarray(0, length)))
  }
  const grown = process.memoryUsage().arrayBuffers - before
  assert.ok(grown < 9 * MIB, `${grown} bytes`)
})

test('a part of a large buffer takes the room of the part', () => {
  const tier = tierOf(MIB)
  const large = patternBytes(MIB, 1)
  tier.put('key', sliceEntry(large.subarray(100, 200)))
  assert.equal(sliceOf(tier, 'key').bytes.byteLength, 100)
  assert.ok(tier.stats().bytes < 2 * KIB)
})

test('looking whether something is there counts as nothing', () => {
  const tier = tierOf(MIB)
  tier.put('key', headEntry())
  assert.deepEqual([tier.has('key'), tier.has('other')], [true, false])
  const { hits, misses } = tier.stats()
  assert.deepEqual({ hits, misses }, { hits: 0, misses: 0 })
})

test('every bucket has its own count', () => {
  const tier = tierOf(MIB)
  tier.put('a', sliceEntry(patternBytes(1000, 1), { bucket: 'one' }))
  tier.put('b', sliceEntry(patternBytes(3000, 1), { bucket: 'two' }))
  tier.put('c', headEntry({ bucket: 'two' }))
  tier.get('b')
  tier.remove('a')
  const { bytes } = tier.stats()
  assert.deepEqual(tier.statsFor('one'), { entries: 0, bytes: 0, hits: 0, evictions: 0 })
  assert.deepEqual(tier.statsFor('two'), { entries: 2, bytes, hits: 1, evictions: 0 })
  assert.deepEqual(tier.statsFor('none'), { entries: 0, bytes: 0, hits: 0, evictions: 0 })
})

test('a bucket that is bounded makes room among its own, and spares what is asked for', () => {
  const maxBytesOf = (bucket: string): number | undefined =>
    bucket === 'bounded' ? 200 * KIB : undefined
  const tier = new MemoryTier({ maxBytes: MIB, now: () => START, maxBytesOf })
  const put = (key: string, bucket: string): void =>
    tier.put(key, sliceEntry(patternBytes(10 * KIB, 1), { bucket }))
  for (let index = 0; index < 10; index += 1) put(`calm ${index}`, 'calm')
  put('popular', 'bounded')
  for (let index = 0; index < 500; index += 1) {
    put(`passing ${index}`, 'bounded')
    tier.get('popular')
    assert.ok(tier.statsFor('bounded').bytes <= 200 * KIB)
  }
  for (let index = 0; index < 10; index += 1) assert.ok(tier.has(`calm ${index}`), `${index}`)
  assert.deepEqual(
    ['popular', 'passing 0', 'passing 499'].map((key) => tier.has(key)),
    [true, false, true],
  )
  assert.ok(tier.statsFor('bounded').bytes > 170 * KIB)
  tier.put('giant', sliceEntry(patternBytes(201 * KIB, 1), { bucket: 'bounded' }))
  assert.deepEqual([tier.has('giant'), tier.has('popular')], [false, true])
})

test('others have their turn while a sweep goes on, and what comes meanwhile stays', async () => {
  const tier = tierOf(16 * MIB)
  for (let index = 0; index < 5000; index += 1) tier.put(`key ${index}`, headEntry())
  let turns = 0
  const takeTurn = (): void => {
    turns += 1
    tier.put(`late ${turns}`, headEntry())
    if (turns < 3) setImmediate(takeTurn)
  }
  setImmediate(takeTurn)
  const { entries } = await tier.sweep(() => true)
  assert.equal(turns, 3)
  assert.equal(entries, 5000)
  assert.equal(tier.stats().entries, 3)
})

test('a head counts for all it holds', () => {
  const { stored } = headEntry()
  const plain = tierOf(MIB)
  plain.put('key', headEntry())
  const laden = tierOf(MIB)
  const metadata = ['x-amz-meta-a', 'x'.repeat(2000)]
  laden.put('key', headEntry({ stored: { ...stored, head: { ...stored.head, metadata } } }))
  assert.ok(laden.stats().bytes - plain.stats().bytes > 1900)
})
