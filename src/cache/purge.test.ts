import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'

import type { Ban, BanRule } from './ban.ts'
import { openDiskTier } from './disk-tier.ts'
import type { DiskTier } from './disk-tier.ts'
import { MemoryTier } from './memory-tier.ts'
import { Purges } from './purge.ts'
import type { Entry, Tier } from './tier.ts'
import { Tiers } from './tiers.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-purges-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const DAY_MS = 86_400_000
const START = 1_000_000_000_000
let folders = 0

interface Thread {
  readonly tiers: Tiers
  readonly memory: MemoryTier
  readonly disk: DiskTier
  readonly purges: Purges
}

/** Threads that share a folder and a clock. */
function openThreads(
  context: TestContext,
  count: number,
): { threads: Thread[]; clock: { at: number } } {
  const clock = { at: START }
  const now = (): number => clock.at
  folders += 1
  const place = join(folder, String(folders))
  const threads = Array.from({ length: count }, () => {
    const memory = new MemoryTier({ maxBytes: 1_000_000, now })
    const disk = openDiskTier({ folder: place, maxBytes: 1_000_000, now, emit: fail })
    const tiers = new Tiers([memory, disk], { maxObjectBytes: {} })
    const purges = openPurges(tiers, now)
    return { tiers, memory, disk, purges }
  })
  context.after(async () => {
    for (const { tiers, purges } of threads) {
      await purges.close()
      await tiers.close()
    }
  })
  return { threads, clock }
}

function openPurges(tiers: Tiers, now: () => number): Purges {
  return new Purges({ bans: tiers.bans, tiers: tiers.all, now, softMs: DAY_MS, tendMs: DAY_MS })
}

function fail(event: object): void {
  throw new Error(JSON.stringify(event))
}

function banOf(rule: BanRule, at: number, more: Partial<Ban> = {}): Ban {
  return { id: `${at} ${JSON.stringify(rule)}`, rule, at, isSoft: false, ...more }
}

const KEY_RULE: BanRule = { kind: 'key', bucket: 'b', key: 'k' }

function entryOf(objectKey: string, receivedAt: number): Entry {
  const bytes = Buffer.from('bytes')
  const facts = { bucket: 'b', objectKey, tags: [], objectBytes: 5, receivedAt }
  return { kind: 'slice', ...facts, keepUntil: Infinity, bytes }
}

async function holds(tier: Tier, key: string): Promise<boolean> {
  return (await tier.get(key)) !== undefined
}

for (const rule of [KEY_RULE, { kind: 'prefix', bucket: undefined, prefix: 'k' } as const]) {
  test(`what a ban by ${rule.kind} covers is swept, and what is newer stays`, async (context) => {
    const { threads, clock } = openThreads(context, 1)
    const [{ memory, disk, purges } = assert.fail()] = threads
    for (const tier of [memory, disk]) {
      await tier.put('old', entryOf('k', START))
      await tier.put('new', entryOf('k', START + 2))
      await tier.put('other', entryOf('x', START))
    }
    clock.at = START + 1
    const ban = banOf(rule, START + 1)
    purges.declare(ban)
    assert.equal(purges.save(ban), true)
    await purges.tend()
    await purges.tend()
    for (const tier of [memory, disk]) {
      assert.deepEqual(
        await Promise.all(['old', 'new', 'other'].map((key) => holds(tier, key))),
        [false, true, true],
        tier.name,
      )
    }
  })
}

test('what is put down late is swept a minute later, and then the ban retires', async (context) => {
  const { threads, clock } = openThreads(context, 1)
  const [{ tiers, disk, purges } = assert.fail()] = threads
  const ban = banOf(KEY_RULE, START)
  purges.declare(ban)
  purges.save(ban)
  await purges.tend()
  await disk.put('late', entryOf('k', START))
  clock.at = START + 59_999
  await purges.tend()
  assert.deepEqual([tiers.bans.size, await holds(disk, 'late')], [1, true])

  clock.at = START + 60_000
  await purges.tend()
  assert.deepEqual([tiers.bans.size, await holds(disk, 'late')], [0, false])
  assert.deepEqual(disk.loadBans(), [])
})

test('a thread keeps a ban until the one that saved it has swept what they share', async (context) => {
  const { threads, clock } = openThreads(context, 2)
  const [owner = assert.fail(), other = assert.fail()] = threads
  const ban = banOf({ kind: 'all' }, START)
  for (const { purges } of threads) purges.declare(ban)
  owner.purges.save(ban)
  clock.at = START + 60_000
  await other.purges.tend()
  await other.purges.tend()
  assert.equal(other.tiers.bans.size, 1)
  assert.equal(other.disk.loadBans().length, 1)

  await owner.purges.tend()
  await owner.purges.tend()
  assert.equal(owner.tiers.bans.size, 0)
  assert.equal(other.tiers.bans.size, 1)
  await other.purges.tend()
  assert.equal(other.tiers.bans.size, 0)
})

test('a ban whose thread is gone is taken over', async (context) => {
  const { threads, clock } = openThreads(context, 2)
  const [first = assert.fail(), second = assert.fail()] = threads
  const ban = banOf(KEY_RULE, START)
  await first.disk.put('old', entryOf('k', START))
  first.disk.saveBan(ban.id, JSON.stringify(ban), ban.at)
  clock.at = START + 60_000
  await second.purges.tend()
  assert.deepEqual([second.tiers.bans.size, await holds(second.disk, 'old')], [1, true])
  clock.at = START + 600_001
  for (let turn = 0; turn < 3; turn += 1) await second.purges.tend()
  assert.equal(await holds(second.disk, 'old'), false)
  assert.deepEqual([second.tiers.bans.size, second.disk.loadBans().length], [0, 0])
})

test('a ban that was saved is in force from the start', async (context) => {
  const { threads } = openThreads(context, 1)
  const [{ memory, disk } = assert.fail()] = threads
  const ban = banOf(KEY_RULE, START)
  disk.saveBan(ban.id, JSON.stringify(ban), ban.at)
  disk.saveBan('unreadable', 'from another time', START)
  const tiers = new Tiers([memory, disk], { maxObjectBytes: {} })
  const again = openPurges(tiers, () => START)
  assert.equal(tiers.bans.covering(entryOf('k', START))?.id, ban.id)
  await again.close()
})

test('what a soft ban covers stays for as long as it is of use', async (context) => {
  const { threads, clock } = openThreads(context, 1)
  const [{ tiers, disk, purges } = assert.fail()] = threads
  await disk.put('old', entryOf('k', START))
  const ban = banOf(KEY_RULE, START, { isSoft: true })
  purges.declare(ban)
  purges.save(ban)
  clock.at = START + DAY_MS - 1
  await purges.tend()
  assert.deepEqual([tiers.bans.size, await holds(disk, 'old')], [1, true])
  clock.at = START + DAY_MS
  await purges.tend()
  assert.equal(await holds(disk, 'old'), false)
  clock.at = START + DAY_MS + 60_000
  await purges.tend()
  assert.deepEqual([tiers.bans.size, disk.loadBans().length], [0, 0])
})

test('the same ban again takes the place of the one before, once it is saved', async (context) => {
  const { threads, clock } = openThreads(context, 1)
  const [{ tiers, disk, purges } = assert.fail()] = threads
  const bans = [0, 1, 2].map((later) => banOf(KEY_RULE, START + later))
  clock.at = START + 3
  for (const ban of bans) purges.declare(ban)
  for (const ban of bans.slice(0, 2)) purges.save(ban)
  await purges.tend()
  assert.equal(tiers.bans.size, 2, 'the latest of the saved ones, and the one that is not saved')
  for (const ban of bans) purges.save(ban)
  await purges.tend()
  assert.equal(tiers.bans.size, 1)
  assert.deepEqual(
    disk.loadBans().map(({ id }) => id),
    [bans[2]?.id],
  )
})

test('a soft ban that is declared every second is in force since the first, and never very often', async (context) => {
  const { threads, clock } = openThreads(context, 2)
  const [owner = assert.fail(), other = assert.fail()] = threads
  const held = entryOf('k', START)
  for (let second = 0; second < 300; second += 1) {
    clock.at = START + second * 1000
    const ban = banOf(KEY_RULE, clock.at, { isSoft: true })
    for (const { purges } of threads) purges.declare(ban)
    owner.purges.save(ban)
    if (second % 10 === 0) for (const { purges } of threads) await purges.tend()
  }
  for (const { tiers, disk } of threads) {
    assert.equal(tiers.bans.covering(held)?.at, START)
    assert.ok(tiers.bans.size < 100, String(tiers.bans.size))
    assert.ok(disk.loadBans().length < 100, String(disk.loadBans().length))
  }
  const kept = threads.map(({ purges }) => purges.inForce.map(({ id }) => id).toSorted())
  assert.deepEqual(kept[0], kept[1])

  clock.at = START + DAY_MS
  await owner.purges.tend()
  clock.at += 60_000
  for (const { purges } of [owner, other]) await purges.tend()
  assert.notEqual(owner.tiers.bans.covering(held)?.at, START, 'nothing is left that it covers')
})

test('nothing is swept while it is counted', async (context) => {
  const { threads } = openThreads(context, 1)
  const [{ memory, disk, purges } = assert.fail()] = threads
  for (let index = 0; index < 500; index += 1) {
    memory.put(String(index), entryOf(`k${index}`, START))
    await disk.put(String(index), entryOf(`k${index}`, START))
  }
  const rule: BanRule = { kind: 'prefix', bucket: 'b', prefix: 'k' }
  const counting = purges.count(rule, START)
  const ban = banOf(rule, START)
  purges.declare(ban)
  purges.save(ban)
  const sweeping = purges.tend()
  const counted = await counting
  assert.deepEqual([counted.memory?.entries, counted.disk?.entries], [500, 500])
  await sweeping
})
