import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { openDiskTier } from './disk-tier.ts'
import { filesIn, slice, states, until, worldOf } from './disk-world.contract.ts'
import { assertSameEntry, headEntry, patternBytes, sliceEntry, START } from './entries.contract.ts'
import { tierContract } from './tier.contract.ts'

const MIB = 1024 * 1024

tierContract(
  'disk',
  async ({ maxBytes, now }) => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-disk-'))
    const tier = openDiskTier({ folder, maxBytes, now, emit: () => undefined })
    const close = async (): Promise<void> => {
      await tier.close()
      rmSync(folder, { recursive: true })
    }
    return { tier, close }
  },
  { isBounded: true, isPlainLru: true },
)

describe('a disk tier opened again', () => {
  test('has what the last one was given, and knows its bytes', async (t) => {
    const { open } = worldOf(t)
    const first = open()
    await first.put('head', headEntry())
    await first.put('slice', slice(1))
    const { entries, bytes } = first.stats()
    await first.close()

    const second = open()
    assertSameEntry(await second.get('head'), headEntry())
    assertSameEntry(await second.get('slice'), slice(1))
    assert.deepEqual([second.stats().entries, second.stats().bytes], [entries, bytes])
  })

  test('has what was still being written when the last one closed', async (t) => {
    const { open } = worldOf(t)
    const first = open()
    const puts = [1, 2, 3, 4, 5, 6].map((seed) => first.put(`${seed}`, slice(seed, MIB)))
    await first.close()
    await Promise.all(puts)

    const second = open()
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      assertSameEntry(await second.get(`${seed}`), slice(seed, MIB))
    }
  })

  test('still knows what was used last', async (t) => {
    const { open, clock } = worldOf(t)
    const first = open({ maxBytes: MIB })
    for (const seed of [1, 2, 3, 4]) await first.put(`${seed}`, slice(seed))
    clock.now += 120_000
    assert.ok(await first.get('1'))
    await first.close()

    const second = open({ maxBytes: MIB })
    clock.now += 1000
    for (let seed = 5; seed < 12; seed += 1) await second.put(`${seed}`, slice(seed))
    assert.ok(await second.get('1'))
    assert.equal(await second.get('2'), undefined)
  })

  test('drops what another version kept, and counts no errors', async (t) => {
    const { folder, open, clock } = worldOf(t)
    const first = open()
    await first.put('head', headEntry())
    await first.put('slice', slice(1))
    await first.close()
    // Their files did not say yet whose they are.
    setVersion(folder, 2)

    const second = open({ tendMs: 600_000 })
    assert.ok((await second.get('head')) === undefined)
    assert.ok((await second.get('slice')) === undefined)
    await second.put('slice', slice(2))
    assertSameEntry(await second.get('slice'), slice(2))
    const { entries, errors } = second.stats()
    assert.deepEqual({ entries, errors }, { entries: 1, errors: 0 })
    clock.now = Date.now() + 600_000
    await second.tidy()
    assert.deepEqual(filesIn(folder), [])
  })

  test('opens with 100 000 entries and answers', async (t) => {
    const { folder, open } = worldOf(t)
    const first = open()
    await first.put('known', slice(1))
    await first.close()
    fillIndex(folder, 100_000)

    const start = performance.now()
    const second = open({ maxBytes: 1024 * 1024 * MIB })
    const openMs = performance.now() - start
    assertSameEntry(await second.get('known'), slice(1))
    t.diagnostic(
      `opened in ${openMs.toFixed(1)} ms, answered in ${(performance.now() - start).toFixed(1)} ms`,
    )
    assert.equal(second.stats().entries, 100_001)
  })
})

function setVersion(folder: string, version: number): void {
  const database = new DatabaseSync(join(folder, 'index.sqlite'))
  database.exec(`PRAGMA user_version = ${version}`)
  database.close()
}

/** Rows as the tier writes them, straight into its index. */
function fillIndex(folder: string, count: number): void {
  const database = new DatabaseSync(join(folder, 'index.sqlite'))
  database.exec(`
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})
    INSERT INTO entries (key, size, length, file, used_at, keep_until, received_at, object_bytes,
      bucket, object_key, tags)
    SELECT CAST('slice of something with a long name ' || n AS BLOB), 1000000, 999000,
      'ab/' || hex(randomblob(20)) || n, ${START} + n, ${START} + 9e9, ${START}, 1e6, 'assets',
      CAST('folder/object ' || (n / 10) AS BLOB), '[]'
    FROM numbers`)
  database.close()
}

describe('a disk tier keeps order', () => {
  test('the last of many puts and removes of a key is what counts', async (t) => {
    const { folder, open } = worldOf(t)
    const tier = open()
    const jobs = [
      tier.put('put last', slice(1, MIB)),
      tier.put('put last', headEntry()),
      tier.put('put last', slice(2, 70_000)),
      tier.put('removed last', slice(3, MIB)),
      tier.put('removed last', headEntry()),
      tier.remove('removed last'),
      tier.put('head last', slice(4, MIB)),
      tier.put('head last', headEntry()),
    ]
    await Promise.all(jobs)
    assertSameEntry(await tier.get('put last'), slice(2, 70_000))
    assert.equal(await tier.get('removed last'), undefined)
    assertSameEntry(await tier.get('head last'), headEntry())
    await until(() => filesIn(folder).length === 1, 'the files of what was overtaken are gone')
  })

  test('the files of what was replaced, removed, swept or evicted go', async (t) => {
    const { folder, open } = worldOf(t)
    const tier = open({ maxBytes: MIB })
    await tier.put('replaced', slice(1))
    await tier.put('replaced', headEntry())
    await tier.put('removed', slice(2))
    await tier.remove('removed')
    await tier.put('swept', slice(3))
    await tier.sweep(() => true)
    await until(() => filesIn(folder).length === 0, 'no file is left')
    for (let seed = 0; seed < 30; seed += 1) await tier.put(`${seed}`, slice(seed))
    await until(() => filesIn(folder).length === tier.stats().entries, 'those of evicted ones go')
  })

  test('what comes faster than the disk is let go and counted, with what it would replace', async (t) => {
    const { open } = worldOf(t)
    const tier = open({ maxPendingBytes: MIB })
    await tier.put('9', headEntry())
    const puts = Array.from({ length: 10 }, (_, seed) => tier.put(`${seed}`, slice(seed, 400_000)))
    await Promise.all(puts)
    assert.equal(tier.droppedPuts, 7)
    assertSameEntry(await tier.get('0'), slice(0, 400_000))
    assert.equal(await tier.get('9'), undefined)
    await tier.put('9', slice(9))
    assertSameEntry(await tier.get('9'), slice(9))
  })
})

describe('a disk tier knows its buckets and objects', () => {
  test('how much it holds of a bucket', async (t) => {
    const { open } = worldOf(t)
    const tier = open()
    await tier.put('a', sliceEntry(patternBytes(100_000, 1), { bucket: 'one' }))
    await tier.put('b', sliceEntry(patternBytes(1000, 1), { bucket: 'one' }))
    await tier.put('c', sliceEntry(patternBytes(1000, 1), { bucket: 'two' }))
    await tier.put('a', sliceEntry(patternBytes(200_000, 1), { bucket: 'two' }))
    const [one, two] = [tier.statsFor('one'), tier.statsFor('two')]
    assert.deepEqual([one.entries, two.entries], [1, 2])
    assert.ok(one.bytes < 2000 && two.bytes > 201_000)
    assert.equal(one.bytes + two.bytes, tier.stats().bytes)
    assert.deepEqual(tier.statsFor('three'), { entries: 0, bytes: 0, evictions: 0 })
  })

  test('how much of a bucket had to go', async (t) => {
    const { open } = worldOf(t)
    const tier = open({ maxBytes: 400_000 })
    for (let seed = 0; seed < 10; seed += 1) {
      const bucket = seed < 4 ? 'one' : 'two'
      await tier.put(`${seed}`, sliceEntry(patternBytes(70_000, seed), { bucket }))
    }
    const [one, two] = [tier.statsFor('one'), tier.statsFor('two')]
    assert.deepEqual([one.entries, one.evictions], [0, 4])
    assert.equal(two.entries + two.evictions, 6)
    assert.equal(one.evictions + two.evictions, tier.stats().evictions)
  })

  test('all that belongs to one object, to count it and to free it', async (t) => {
    const { open } = worldOf(t)
    const tier = open()
    for (let index = 0; index < 450; index += 1) {
      const objectKey = index % 3 === 0 ? 'one' : 'other'
      await tier.put(`${index}`, sliceEntry(patternBytes(10, index), { objectKey }))
    }
    assert.equal((await tier.countObject('assets', 'one')).entries, 150)
    assert.equal((await tier.sweepObject('assets', 'other')).entries, 300)
    assert.equal((await tier.sweepObject('elsewhere', 'one')).entries, 0)
    assert.equal(tier.stats().entries, 150)
    assert.equal((await tier.sweepObject('assets', 'one')).bytes > 1500, true)
    assert.equal(tier.stats().bytes, 0)
  })
})

describe('bans on disk', () => {
  test('outlive the tier until they are dropped, in the order of their instants', async (t) => {
    const { open } = worldOf(t)
    const first = open()
    assert.equal(first.saveBan('later', '{"kind":"all"}', 20), true)
    assert.equal(first.saveBan('sooner', '{"key":"ü"}', 10), true)
    assert.equal(first.saveBan('dropped', '{}', 5), true)
    first.dropBan('dropped')
    await first.close()
    assert.deepEqual(open().loadBans(), [
      { id: 'sooner', json: '{"key":"ü"}', at: 10 },
      { id: 'later', json: '{"kind":"all"}', at: 20 },
    ])
  })

  test('that come while the folder is away are saved when it is back', async (t) => {
    const { folder, open, events } = worldOf(t)
    writeFileSync(join(folder, 'not a folder'), '')
    const tier = open({ folder: join(folder, 'not a folder') })
    assert.equal(tier.saveBan('id', '{}', 1), false)
    assert.deepEqual(tier.loadBans(), [{ id: 'id', json: '{}', at: 1 }])
    rmSync(join(folder, 'not a folder'))
    await until(() => states(events).includes('back'), 'it comes back')
    await tier.close()
    const again = open({ folder: join(folder, 'not a folder') })
    assert.deepEqual(again.loadBans(), [{ id: 'id', json: '{}', at: 1 }])
  })
})

describe('tidying a disk tier', () => {
  test('removes old files that no row speaks of, and no others', async (t) => {
    const { folder, open, clock } = worldOf(t)
    clock.now = Date.now()
    const tier = open({ tendMs: 600_000 })
    await tier.put('key', sliceEntry(patternBytes(100_000, 1), { keepUntil: clock.now + 1e9 }))
    const [kept = ''] = filesIn(folder)
    const shelf = kept.slice(0, 2)
    const names = ['old', 'old.tmp', 'young', 'young.tmp'].map((name) => `${shelf}/${name}`)
    for (const name of names) writeFileSync(join(folder, name), 'x')
    for (const name of [kept, ...names.slice(0, 2)]) {
      utimesSync(join(folder, name), (clock.now - 600_000) / 1000, (clock.now - 600_000) / 1000)
    }
    await tier.tidy()
    assert.deepEqual(filesIn(folder), [kept, ...names.slice(2)].toSorted())
    assert.ok(await tier.get('key'))
  })

  test('comes by itself, and frees what expired', async (t) => {
    const { folder, open, clock } = worldOf(t)
    const tier = open()
    await tier.put('short', sliceEntry(patternBytes(100_000, 1), { keepUntil: START + 1000 }))
    await tier.put('long', slice(2))
    clock.now = START + 20 * 60_000
    await until(() => tier.stats().entries === 1, 'it is freed')
    await until(() => filesIn(folder).length === 1, 'its file, too')
    assertSameEntry(await tier.get('long'), slice(2))
  })

  test('gives the disk back what the index no longer needs', async (t) => {
    const { folder, open } = worldOf(t)
    const tier = open()
    for (let seed = 0; seed < 400; seed += 1) await tier.put(`${seed}`, slice(seed, 50_000))
    await tier.sweep(() => true)
    await tier.tidy()
    await tier.close()
    const { size } = statSync(join(folder, 'index.sqlite'))
    assert.ok(size < 8 * MIB, `${size} bytes`)
  })
})

describe('several on one folder', () => {
  test('see what the others put and remove', async (t) => {
    const { open } = worldOf(t)
    const [one, other] = [open(), open()]
    await one.put('key', slice(1))
    assertSameEntry(await other.get('key'), slice(1))
    await other.put('key', slice(2))
    assertSameEntry(await one.get('key'), slice(2))
    await other.remove('key')
    assert.equal(await one.get('key'), undefined)
    assert.equal(one.stats().errors + other.stats().errors, 0)
  })

  test('wait for one that holds the lock, without standing still', async (t) => {
    const { folder, open } = worldOf(t)
    const tier = open()
    const holder = new DatabaseSync(join(folder, 'index.sqlite'))
    holder.exec('BEGIN IMMEDIATE')
    let isKept = false
    const put = tier.put('key', slice(1)).then(() => (isKept = true))
    for (const end = performance.now() + 200; performance.now() < end;) await nextTurn()
    assert.equal(isKept, false)
    assert.equal(await tier.get('key'), undefined)
    holder.exec('ROLLBACK')
    holder.close()
    await put
    assertSameEntry(await tier.get('key'), slice(1))
    assert.equal(tier.stats().errors, 0)
  })
})

test('what is lent to a disk tier is borrowed until it is written', async (t) => {
  const { open } = worldOf(t)
  const tier = open()
  const entry = slice(1, MIB)
  let loans = 0
  const loan = { lend: () => loan, giveBack: () => void (loans -= 1) }
  const lend = (): typeof loan => {
    loans += 1
    return loan
  }
  const written = tier.put('lent', { ...entry, lender: { from: () => entry.bytes, lend } })
  assert.equal(loans, 1)
  await written
  assert.equal(loans, 0)
  assertSameEntry(await tier.get('lent'), entry)
})
