import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Entry, Tier, TierName } from './tier.ts'
import { Tiers } from './tiers.ts'

const FACTS = {
  bucket: 'b',
  objectKey: 'k',
  tags: [],
  objectBytes: 5,
  receivedAt: 1000,
  keepUntil: Infinity,
}

function sliceOf(text: string, facts: Partial<typeof FACTS> = {}): Entry {
  return { kind: 'slice', ...FACTS, ...facts, bytes: Buffer.from(text) }
}

/** A tier over a map. What is slow waits until the test lets it go on. */
class FakeTier implements Tier {
  readonly name: TierName
  readonly entries = new Map<string, Entry>()
  readonly #gate: Promise<void> | undefined
  gets = 0

  constructor(name: TierName, gate?: Promise<void>) {
    this.name = name
    this.#gate = gate
  }

  get(key: string): Entry | undefined | Promise<Entry | undefined> {
    this.gets += 1
    return this.#gate === undefined
      ? this.entries.get(key)
      : Promise.resolve().then(() => this.entries.get(key))
  }

  peek(key: string): Entry | undefined {
    return this.entries.get(key)
  }

  has(key: string): boolean {
    return this.entries.has(key)
  }

  put(key: string, entry: Entry): void | Promise<void> {
    return this.#later(() => void this.entries.set(key, entry))
  }

  remove(key: string): void | Promise<void> {
    return this.#later(() => void this.entries.delete(key))
  }

  sweep = (): Promise<{ entries: number; bytes: number }> =>
    Promise.resolve({ entries: this.entries.size, bytes: 10 * this.entries.size })
  count = this.sweep
  stats = (): ReturnType<Tier['stats']> => ({
    entries: this.entries.size,
    bytes: 0,
    hits: 0,
    misses: 0,
    evictions: 0,
    errors: 0,
  })
  close = (): Promise<void> => Promise.resolve()

  #later(work: () => void): void | Promise<void> {
    if (this.#gate === undefined) return work()
    return this.#gate.then(work)
  }
}

const NO_LIMITS = { maxObjectBytes: {} }

test('what memory lends is copied for a tier before it that writes later', async () => {
  const bytes = Buffer.from('bytes')
  const lender = { from: () => bytes, lend: () => assert.fail('nobody gives it back') }
  const gate = Promise.withResolvers<void>()
  const [disk, memory] = [new FakeTier('disk', gate.promise), new FakeTier('memory')]
  disk.get = () => undefined
  memory.entries.set('a', { ...FACTS, kind: 'slice', bytes, lender })
  const tiers = new Tiers([disk, memory], NO_LIMITS)
  assert.equal(await textAt(tiers, 'a'), 'bytes')
  bytes.fill('x')
  gate.resolve()
  await gate.promise
  const written = disk.entries.get('a')
  assert.equal(written?.kind === 'slice' && Buffer.from(written.bytes).toString(), 'bytes')
})

async function textAt(tiers: Tiers, key: string): Promise<string | undefined> {
  const found = await tiers.get(key)
  return found?.entry.kind === 'slice' ? Buffer.from(found.entry.bytes).toString() : undefined
}

describe('tiers', () => {
  test('are asked in their order, and the first that has it says so', async () => {
    const disk = new FakeTier('disk', Promise.resolve())
    const redis = new FakeTier('redis', Promise.resolve())
    disk.entries.set('k', sliceOf('disk'))
    redis.entries.set('k', sliceOf('redis'))
    const found = await new Tiers([disk, redis], NO_LIMITS).get('k')
    assert.deepEqual([found?.tier, redis.gets], ['disk', 0])
  })

  test('answer at once what the first has at once', () => {
    const memory = new FakeTier('memory')
    memory.entries.set('k', sliceOf('memory'))
    const found = new Tiers([memory, new FakeTier('disk', Promise.resolve())], NO_LIMITS).get('k')
    assert.ok(!(found instanceof Promise) && found?.tier === 'memory')
  })

  test('give what a slower one has to the faster ones', async () => {
    const memory = new FakeTier('memory')
    const disk = new FakeTier('disk', Promise.resolve())
    const redis = new FakeTier('redis', Promise.resolve())
    redis.entries.set('k', sliceOf('redis'))
    const tiers = new Tiers([memory, disk, redis], NO_LIMITS)
    assert.equal((await tiers.get('k'))?.tier, 'redis')
    await Promise.resolve()
    assert.deepEqual([memory.has('k'), disk.has('k')], [true, true])
  })

  test('keep a large object out of one that takes only smaller ones, but not its head', async () => {
    const memory = new FakeTier('memory')
    const disk = new FakeTier('disk', Promise.resolve())
    disk.entries.set('old', sliceOf('x', { objectBytes: 11 }))
    const tiers = new Tiers([memory, disk], { maxObjectBytes: { memory: 10 } })
    tiers.put('small', sliceOf('x', { objectBytes: 10 }))
    tiers.put('large', sliceOf('x', { objectBytes: 11 }))
    await tiers.get('old')
    assert.deepEqual([...memory.entries.keys()], ['small'])
  })

  test('show what is still being written, and no more what is still being removed', async () => {
    const gate = Promise.withResolvers<void>()
    for (const faster of [[], [new FakeTier('redis')]]) {
      const disk = new FakeTier('disk', gate.promise)
      disk.entries.set('removed', sliceOf('removed'))
      disk.get = (key) => disk.entries.get(key)
      const tiers = new Tiers([...faster, disk], NO_LIMITS)
      tiers.put('written', sliceOf('written'))
      tiers.remove('removed')
      assert.deepEqual([tiers.isAtHand('written'), tiers.isAtHand('removed')], [true, false])
      assert.equal(await textAt(tiers, 'written'), 'written')
      assert.equal(await textAt(tiers, 'removed'), undefined)
      tiers.put('removed', sliceOf('again'))
      assert.equal(await textAt(tiers, 'removed'), 'again')
    }
    gate.resolve()
  })

  test('forget what was written once it is there', async () => {
    const disk = new FakeTier('disk', Promise.resolve())
    const tiers = new Tiers([disk], NO_LIMITS)
    tiers.put('k', sliceOf('k'))
    await new Promise(setImmediate)
    disk.entries.clear()
    assert.equal(await textAt(tiers, 'k'), undefined)
  })

  test('do not give what was removed while it was read', async () => {
    const disk = new FakeTier('disk', new Promise(() => undefined))
    disk.entries.set('k', sliceOf('k'))
    const tiers = new Tiers([new FakeTier('memory'), disk], NO_LIMITS)
    const found = tiers.get('k')
    tiers.remove('k')
    assert.equal(await found, undefined)
  })

  test('one that fails is a miss', async () => {
    const disk = new FakeTier('disk', Promise.resolve())
    const redis = new FakeTier('redis', Promise.resolve())
    disk.get = () => Promise.reject(new Error('broken'))
    disk.put = () => Promise.reject(new Error('broken'))
    redis.entries.set('k', sliceOf('redis'))
    const tiers = new Tiers([disk, redis], NO_LIMITS)
    assert.equal((await tiers.get('k'))?.tier, 'redis')
    tiers.put('other', sliceOf('x'))
    await new Promise(setImmediate)
    assert.equal((await tiers.get('other'))?.tier, 'redis')
  })
})

describe('bans over the tiers', () => {
  test('a hard one makes a miss of what came before it, and has it removed', async () => {
    const memory = new FakeTier('memory')
    const tiers = new Tiers([memory], NO_LIMITS)
    tiers.put('old', sliceOf('old'))
    tiers.put('young', sliceOf('young', { receivedAt: 3000 }))
    tiers.bans.declare({ id: '1', rule: { kind: 'all' }, at: 2000, isSoft: false })
    assert.equal(await textAt(tiers, 'old'), undefined)
    assert.equal(await textAt(tiers, 'young'), 'young')
    assert.deepEqual([...memory.entries.keys()], ['young'])
  })

  test('a soft one says since when it is stale', async () => {
    const tiers = new Tiers([new FakeTier('memory')], NO_LIMITS)
    tiers.put('k', sliceOf('k'))
    tiers.bans.declare({ id: '1', rule: { kind: 'all' }, at: 2000, isSoft: true })
    assert.equal((await tiers.get('k'))?.staleSince, 2000)
  })
})

describe('whoever only looks', () => {
  test('finds what a request would, and promotes, removes and asks for nothing', async () => {
    const [memory, disk] = [new FakeTier('memory'), new FakeTier('disk')]
    const tiers = new Tiers([memory, disk], NO_LIMITS)
    disk.entries.set('k', sliceOf('k'))
    disk.entries.set('purged', sliceOf('purged', { receivedAt: 10 }))
    tiers.bans.declare({ id: '1', rule: { kind: 'all' }, at: 20, isSoft: false })
    const shelves = tiers.untouched()
    assert.equal((await shelves.get('k'))?.tier, 'disk')
    assert.equal(await shelves.get('purged'), undefined)
    shelves.put('new', sliceOf('new'))
    shelves.remove('k')
    assert.deepEqual([memory.gets, disk.gets], [0, 0])
    assert.deepEqual([[...memory.entries.keys()], [...disk.entries.keys()]], [[], ['k', 'purged']])
    const [seen] = await tiers.look('purged')
    assert.deepEqual([seen?.tier, seen?.ban?.id], ['disk', '1'])
  })

  test('sees what is still on its way to a slow tier', async () => {
    const tiers = new Tiers([new FakeTier('disk', new Promise(() => undefined))], NO_LIMITS)
    tiers.put('k', sliceOf('k'))
    assert.equal((await tiers.look('k')).length, 1)
    tiers.remove('k')
    assert.deepEqual(await tiers.look('k'), [])
  })

  test('believes nothing where purges may have been missed', async () => {
    const tiers = new Tiers([new FakeTier('memory')], {
      ...NO_LIMITS,
      trustedFrom: () => Number.POSITIVE_INFINITY,
    })
    tiers.put('k', sliceOf('k'))
    assert.equal(await tiers.untouched().get('k'), undefined)
    assert.equal((await tiers.look('k')).length, 1)
  })
})

test('what is lent is given back when the slow tiers have it, and not before', async () => {
  let loans = 0
  const bytes = Buffer.from('bytes')
  const loan = { lend: () => assert.fail('once'), giveBack: () => void (loans -= 1) }
  const lender = {
    from: () => bytes,
    lend: () => {
      loans += 1
      return loan
    },
  }
  const gate = Promise.withResolvers<void>()
  const tiers = new Tiers([new FakeTier('disk', gate.promise)], NO_LIMITS)
  tiers.put('a', { ...FACTS, kind: 'slice', bytes, lender })
  await Promise.resolve()
  assert.equal(loans, 1)
  gate.resolve()
  await tiers.settled()
  assert.equal(loans, 0)
})
