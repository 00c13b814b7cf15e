import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'

import type { DiskTier } from './disk-tier.ts'
import { filesIn, slice, states, until, worldOf } from './disk-world.contract.ts'
import { assertSameEntry, headEntry, patternBytes } from './entries.contract.ts'

const MIB = 1024 * 1024
const TMPFS = ['-t', 'tmpfs', '-o', 'size=16m,mode=777', 'tmpfs']

describe('what is damaged on disk', () => {
  test('is a miss and a counted error, whichever byte it is, and goes away', async (t) => {
    const { folder, open } = worldOf(t)
    const tier = open()
    const length = await writtenLength(folder, tier)
    for (const at of [0, 5, 9, 30, 100, length - 1, Math.floor(length / 2)]) {
      const errors = tier.stats().errors
      await tier.put('key', slice(1))
      // The file that it replaces is removed behind it.
      await until(() => filesIn(folder).length === 1, 'one file')
      flipByte(onlyFileIn(folder), at)
      assert.equal(await tier.get('key'), undefined, `byte ${at}`)
      assert.equal(tier.stats().errors, errors + 1)
      assert.equal(tier.stats().entries, 0)
      assert.deepEqual(filesIn(folder), [])
    }
    await tier.put('key', slice(1))
    assertSameEntry(await tier.get('key'), slice(1))
  })

  test('is a miss when it is cut short or missing', async (t) => {
    const { folder, open } = worldOf(t)
    const tier = open()
    await tier.put('short', slice(1))
    const path = onlyFileIn(folder)
    writeFileSync(path, readFileSync(path).subarray(0, 60_000))
    assert.equal(await tier.get('short'), undefined)

    await tier.put('missing', slice(2))
    rmSync(onlyFileIn(folder))
    assert.equal(await tier.get('missing'), undefined)
    const { entries, bytes, errors } = tier.stats()
    assert.deepEqual({ entries, bytes, errors }, { entries: 0, bytes: 0, errors: 2 })
  })

  test('is a miss when it is whole, but of another key', async (t) => {
    const { folder, open } = worldOf(t)
    const tier = open()
    await tier.put('one', slice(1))
    const path = onlyFileIn(folder)
    await tier.put('two', slice(2))
    const [other = ''] = filesIn(folder).filter((name) => join(folder, name) !== path)
    writeFileSync(path, readFileSync(join(folder, other)))
    assert.ok((await tier.peek('one')) === undefined)
    assert.ok((await tier.get('one')) === undefined)
    assert.deepEqual([tier.stats().errors, tier.stats().entries], [1, 1])
    assertSameEntry(await tier.get('two'), slice(2))
    assert.deepEqual(filesIn(folder), [other])
  })

  test('is noticed in what stands in the index, too', async (t) => {
    const { folder, open } = worldOf(t)
    const tier = open()
    await tier.put('key', headEntry())
    const database = new DatabaseSync(join(folder, 'index.sqlite'))
    database.exec("UPDATE contents SET bytes = replace(bytes, 'plain', 'plaim')")
    database.close()
    assert.equal(await tier.get('key'), undefined)
    assert.equal(tier.stats().errors, 1)
  })

  test('may be the index as a whole: the tier begins anew and sweeps what that held', async (t) => {
    const { folder, open, clock, events } = worldOf(t)
    const first = open()
    await first.put('key', slice(1))
    await first.close()
    writeFileSync(join(folder, 'index.sqlite'), patternBytes(8192, 1))

    const second = open()
    assert.equal(await second.get('key'), undefined)
    await second.put('other', slice(2))
    assertSameEntry(await second.get('other'), slice(2))
    clock.now = Date.now() + 600_000
    utimesSync(join(folder, filesIn(folder)[0] ?? ''), 1, 1)
    await second.tidy()
    assert.deepEqual(states(events), [])
  })

  test('may be the index while it is used: its bans outlive it', async (t) => {
    const { folder, open, events } = worldOf(t)
    const tier = open()
    for (let seed = 0; seed < 300; seed += 1) await tier.put(`${seed}`, slice(seed, 3000))
    assert.equal(tier.saveBan('ban', '{}', 1), true)
    await tier.close()
    breakTable(folder, 'contents')

    const again = open()
    await until(
      async () => (await again.get('7'), states(events).includes('aside')),
      'it is noticed',
    )
    await until(() => states(events).includes('back'), 'it begins anew')
    await again.put('key', headEntry())
    assertSameEntry(await again.get('key'), headEntry())
    assert.deepEqual(again.loadBans(), [{ id: 'ban', json: '{}', at: 1 }])
    assert.deepEqual(states(events), ['aside', 'back'])
  })
})

async function writtenLength(folder: string, tier: DiskTier): Promise<number> {
  await tier.put('key', slice(1))
  return statSync(onlyFileIn(folder)).size
}

function flipByte(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] ?? 0) ^ 0x10
  writeFileSync(path, bytes)
}

/** Makes the first page of a table into nothing that SQLite knows. */
function breakTable(folder: string, table: string): void {
  const path = join(folder, 'index.sqlite')
  const database = new DatabaseSync(path)
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  const sql = 'SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = ?'
  const { rootpage, page_size } = database.prepare(sql).get(table) ?? {}
  database.close()
  const bytes = readFileSync(path)
  bytes.fill(0xee, (Number(rootpage) - 1) * Number(page_size), Number(rootpage) * Number(page_size))
  writeFileSync(path, bytes)
}

describe('where the folder fails, the disk tier steps aside and comes back by itself', () => {
  test('when there is a file in its place from the start', async (t) => {
    const { folder, open, events } = worldOf(t)
    const path = join(folder, 'cache')
    writeFileSync(path, '')
    const seen: string[][] = []
    const tier = open({ folder: path, onBack: () => seen.push(states(events)) })
    await tier.put('key', headEntry())
    assert.equal(await tier.get('key'), undefined)
    assert.deepEqual(states(events), ['aside'])
    rmSync(path)
    await until(() => states(events).length > 1, 'it comes back')
    await tier.put('key', slice(1))
    assertSameEntry(await tier.get('key'), slice(1))
    assert.deepEqual(states(events), ['aside', 'back'])
    assert.deepEqual(seen, [['aside']])
  })

  test('when it vanishes', async (t) => {
    const { folder, open, events } = worldOf(t)
    const path = join(folder, 'cache')
    const tier = open({ folder: path })
    await tier.put('key', slice(1))
    rmSync(path, { recursive: true })
    await tier.put('other', slice(2))
    await until(() => states(events).length > 1, 'it is noticed, and made again')
    assert.deepEqual(states(events), ['aside', 'back'])
    assert.equal(await tier.get('key'), undefined)
    await tier.put('key', slice(3))
    assertSameEntry(await tier.get('key'), slice(3))
  })

  test('when it is another folder all at once, though nothing was asked of it', async (t) => {
    const { folder, open, events } = worldOf(t)
    const path = join(folder, 'cache')
    const tier = open({ folder: path })
    await tier.put('key', headEntry())
    renameSync(path, join(folder, 'moved away'))
    mkdirSync(path)
    await until(() => states(events).length > 1, 'it is noticed')
    assert.equal(await tier.get('key'), undefined)
    assert.deepEqual(states(events), ['aside', 'back'])
  })

  test('when a put finds no room for a folder: a file stands where it goes', async (t) => {
    const { folder, open, events } = worldOf(t)
    const tier = open({ tendMs: 600_000 })
    for (let shelf = 0; shelf < 256; shelf += 1) {
      const name = join(folder, shelf.toString(16).padStart(2, '0'))
      rmSync(name, { recursive: true, force: true })
      writeFileSync(name, '')
    }
    await tier.put('key', slice(1))
    await tier.put('key', slice(1))
    assert.equal(await tier.get('key'), undefined)
    assert.deepEqual(states(events), ['aside'])
  })

  test('when the disk is full of what is not its own', { skip: tmpfsMissing() }, async (t) => {
    const { folder, open, events } = onSmallDisk(t)
    const tier = open()
    const other = join(folder, 'other')
    writeFileSync(other, Buffer.alloc(15.5 * MIB))
    await tier.put('0', slice(0, MIB))
    assert.deepEqual(states(events), ['aside'])
    await tier.put('key', headEntry())
    rmSync(other)
    await until(() => states(events).includes('back'), 'it comes back')
    await tier.put('0', slice(0, MIB))
    assertSameEntry(await tier.get('0'), slice(0, MIB))
    assert.deepEqual(unfinished(folder), [])
  })
})

describe('a disk that has less room than there may be of it', { skip: tmpfsMissing() }, () => {
  test('is a bound: what is old goes for what is new, and all that is there is served', async (t) => {
    const { folder, open, events } = onSmallDisk(t)
    const tier = open()
    const other = join(folder, 'other')
    writeFileSync(other, Buffer.alloc(6 * MIB))
    const length = MIB / 4
    for (let seed = 0; seed < 80; seed += 1) {
      await tier.put(`${seed}`, slice(seed, length))
      assertSameEntry(await tier.get(`${seed}`), slice(seed, length))
    }
    const { evictions, errors, bytes } = tier.stats()
    assert.ok(evictions > 10 && errors === 0, `${evictions} evicted, ${errors} errors`)
    assert.ok(bytes > MIB && bytes < 10 * MIB, `${bytes} bytes`)
    assert.ok(tier.saveBan('ban', '{}', 0))
    rmSync(other)
    await until(async () => {
      await tier.put('more', slice(1, length))
      for (let seed = 0; seed < 40; seed += 1) await tier.put(`${seed}`, slice(seed, length))
      return tier.stats().bytes > 8 * MIB
    }, 'the room that was made is used')
    assert.deepEqual([states(events), unfinished(folder)], [[], []])
  })

  test('takes the place in the index from what loses its file', async (t) => {
    const { open, events } = onSmallDisk(t)
    const tier = open()
    // Older, and in the index itself: their turn is first, and they have no files to give.
    for (let seed = 0; seed < 120; seed += 1) await tier.put(`small ${seed}`, slice(seed, 40_000))
    for (let seed = 0; seed < 60; seed += 1) await tier.put(`${seed}`, slice(seed, MIB / 4))
    for (let seed = 0; seed < 60; seed += 1) {
      const found = await tier.get(`${seed}`)
      if (found !== undefined) assertSameEntry(found, slice(seed, MIB / 4))
    }
    const { evictions, errors } = tier.stats()
    assert.ok(evictions > 0)
    assert.deepEqual([errors, states(events)], [0, []])
  })

  test('is a bound for what comes at once, too', async (t) => {
    const { folder, open, events } = onSmallDisk(t)
    const tier = open()
    const seeds = Array.from({ length: 80 }, (_, seed) => seed)
    await Promise.all(seeds.map((seed) => tier.put(`${seed}`, slice(seed, MIB / 4))))
    assert.ok(tier.stats().evictions > 0)
    assertSameEntry(await tier.get('79'), slice(79, MIB / 4))
    assert.deepEqual([states(events), unfinished(folder)], [[], []])
  })
})

function onSmallDisk(t: TestContext): ReturnType<typeof worldOf> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-disk-'))
  assert.ok(asRoot('mount', ...TMPFS, folder))
  const world = worldOf(t, join(folder, 'cache'))
  t.after(() => {
    asRoot('umount', folder)
    rmSync(folder, { recursive: true })
  })
  return { ...world, folder }
}

function unfinished(folder: string): string[] {
  return filesIn(join(folder, 'cache')).filter((name) => name.endsWith('.tmp'))
}

/** Why there can be no small disk here. */
function tmpfsMissing(): string | false {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-disk-'))
  const isMounted = asRoot('mount', ...TMPFS, folder)
  if (isMounted) asRoot('umount', folder)
  rmSync(folder, { recursive: true })
  return isMounted ? false : 'mounting a small disk is not permitted'
}

function asRoot(command: string, ...given: string[]): boolean {
  const ways = [
    [command, ...given],
    ['sudo', '-n', command, ...given],
  ]
  return ways.some(([program = '', ...rest]) => spawnSync(program, rest).status === 0)
}

function onlyFileIn(folder: string): string {
  const [file, ...others] = filesIn(folder)
  assert.ok(file !== undefined && others.length === 0, 'there is to be one file')
  return join(folder, file)
}
