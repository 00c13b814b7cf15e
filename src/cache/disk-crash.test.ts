import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Readable } from 'node:stream'

import { openDiskTier } from './disk-tier.ts'
import type { DiskTier } from './disk-tier.ts'
import { filesIn } from './disk-world.contract.ts'
import { assertSameEntry, headEntry, patternBytes, sliceEntry } from './entries.contract.ts'
import type { Entry } from './tier.ts'

const KEYS = Array.from({ length: 24 }, (_, index) => `key ${index}`)
const LENGTHS = [0, 300, 40_000, 70_000, 300_000]
const MAX_BYTES = 2 * 1024 * 1024
const KEEP_UNTIL = 9e12
const [, , role, stormFolder = '', stormPuts = 'Infinity'] = process.argv

if (role === 'storm') await storm(stormFolder, Number(stormPuts))
else tests()

/** An entry that tells, by its facts, what its bytes have to be. */
function entryOf(seed: number): Entry {
  const facts = { objectKey: `${seed}`, receivedAt: seed, keepUntil: KEEP_UNTIL }
  const length = LENGTHS[seed % LENGTHS.length] ?? 0
  return length === 0 ? headEntry(facts) : sliceEntry(patternBytes(length, seed), facts)
}

function open(folder: string, now = Date.now): DiskTier {
  return openDiskTier({
    folder,
    maxBytes: MAX_BYTES,
    now,
    emit: (event) => assert.fail(event.kind),
  })
}

/** Puts, gets and removes in four lanes, each so many; a dot for each that was answered. */
async function storm(folder: string, count: number): Promise<void> {
  const tier = open(folder)
  const lane = async (): Promise<void> => {
    for (let turn = 0; turn < count; turn += 1) {
      const seed = Math.floor(Math.random() * 1e9)
      const key = KEYS[seed % KEYS.length] ?? ''
      if (seed % 10 === 9) await tier.remove(key)
      else await tier.put(key, entryOf(seed))
      assertRight(await tier.get(KEYS[(seed >> 8) % KEYS.length] ?? ''))
      process.stdout.write('.')
    }
  }
  await Promise.all([lane(), lane(), lane(), lane()])
  assert.equal(tier.stats().errors, 0)
  await tier.close()
}

function assertRight(found: Entry | undefined): void {
  if (found !== undefined) assertSameEntry(found, entryOf(found.receivedAt))
}

function tests(): void {
  describe('processes on one folder', () => {
    test('killed 50 times in the middle of writing leave no wrong byte and no orphan', async (t) => {
      const folder = folderOf(t)
      let found = 0
      for (let round = 0; round < 25; round += 1) {
        await Promise.all([killedAfter(folder, 1 + round * 3), killedAfter(folder, 40 - round)])
        found += await checkAll(folder)
      }
      assert.ok(found > 25, `only ${found} entries were ever found`)

      const later = open(folder, () => Date.now() + 3_600_000)
      await later.tidy()
      const { entries, bytes } = later.stats()
      await later.close()
      assertAccounts(folder, entries, bytes)
    })

    test('write at once without an error, and stay within the bytes together', async (t) => {
      const folder = folderOf(t)
      const ends = await Promise.all([1, 2].map(() => ended(folder, 60)))
      assert.deepEqual(ends, ['', ''])
      const tier = open(folder)
      const { entries, bytes } = tier.stats()
      await tier.close()
      assert.ok(entries > 0 && bytes <= MAX_BYTES, `${entries} entries, ${bytes} bytes`)
      assertAccounts(folder, entries, bytes)
    })
  })
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-disk-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

function startStorm(
  folder: string,
  ...given: string[]
): ChildProcessByStdio<null, Readable, Readable> {
  // Children begin alike: what one has compiled the next need not.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') }
  return spawn(process.execPath, [import.meta.filename, 'storm', folder, ...given], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function killedAfter(folder: string, answers: number): Promise<void> {
  const child = startStorm(folder)
  child.stderr.pipe(process.stderr)
  let seen = 0
  child.stdout.on('data', (dots: Buffer) => {
    seen += dots.length
    if (seen >= answers) child.kill('SIGKILL')
  })
  const [, signal] = await once(child, 'exit')
  assert.equal(signal, 'SIGKILL')
}

/** What it complained of. */
async function ended(folder: string, count: number): Promise<string> {
  const child = startStorm(folder, `${count}`)
  child.stdout.resume()
  const complaints = child.stderr.toArray()
  await once(child, 'exit')
  return Buffer.concat(await complaints).toString()
}

/** How many are there; those that are not are misses, since none of them is wrong. */
async function checkAll(folder: string): Promise<number> {
  const tier = open(folder)
  for (const key of KEYS) assertRight(await tier.get(key))
  const { hits, errors, bytes } = tier.stats()
  await tier.close()
  assert.equal(errors, 0)
  assert.ok(bytes <= MAX_BYTES)
  return hits
}

/** Every file has its row and every row its file, and the totals are those of the rows. */
function assertAccounts(folder: string, entries: number, bytes: number): void {
  const database = new DatabaseSync(join(folder, 'index.sqlite'))
  const rows = database.prepare('SELECT file, size FROM entries').all()
  const contents = database.prepare('SELECT count(*) AS count FROM contents').get()
  database.close()
  const files = rows.map(({ file }) => file).filter((file) => file !== null)
  assert.deepEqual(filesIn(folder), files.map(String).toSorted())
  assert.equal(contents?.['count'], rows.length - files.length)
  assert.equal(entries, rows.length)
  assert.equal(
    bytes,
    rows.reduce((sum, { size }) => sum + Number(size), 0),
  )
}
