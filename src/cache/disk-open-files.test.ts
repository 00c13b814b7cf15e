import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'

import { OpenFiles } from './disk-open-files.ts'
import { until } from './disk-world.contract.ts'
import { patternBytes } from './entries.contract.ts'

const LENGTH = 10_000

interface Folder {
  readonly path: string
  readonly open: (mostBytes?: number) => OpenFiles
  /** Of the files in it, how many this process has open. */
  readonly held: () => number
}

function folderOf(t: TestContext): Folder {
  const path = mkdtempSync(join(tmpdir(), 'sluice-open-'))
  const opened: OpenFiles[] = []
  t.after(() => {
    for (const files of opened) files.close()
    rmSync(path, { recursive: true })
  })
  const open = (mostBytes = 1e9): OpenFiles => {
    const files = new OpenFiles(path, () => mostBytes)
    opened.push(files)
    return files
  }
  return { path, open, held: () => descriptorsIn(path) }
}

function descriptorsIn(path: string): number {
  const ends = readdirSync('/proc/self/fd').map((number) => {
    try {
      return readlinkSync(`/proc/self/fd/${number}`)
    } catch {
      return ''
    }
  })
  return ends.filter((end) => end.startsWith(path)).length
}

function write(path: string, count: number): string[] {
  return Array.from({ length: count }, (_, seed) => {
    const name = `ab/${seed}`
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), patternBytes(LENGTH, seed))
    return name
  })
}

async function bytesOf(files: OpenFiles, name: string): Promise<Uint8Array | undefined> {
  const bytes = Buffer.alloc(LENGTH)
  return (await files.readInto(name, bytes)) ? bytes : undefined
}

const onLinux = { skip: existsSync('/proc/self/fd') ? false : 'open files are told by /proc' }

describe('files that stay open', onLinux, () => {
  test('are opened once, however many read them', async (t) => {
    const { path, open, held } = folderOf(t)
    const [name = ''] = write(path, 1)
    const files = open()
    const first = await bytesOf(files, name)
    const others = await Promise.all([1, 2, 3].map(() => bytesOf(files, name)))
    for (const bytes of [first, ...others]) assert.deepEqual(bytes, patternBytes(LENGTH, 0))
    assert.equal(held(), 1)
  })

  test('are one where several open them at the same time', async (t) => {
    const { path, open, held } = folderOf(t)
    const [name = ''] = write(path, 1)
    const files = open()
    await Promise.all([1, 2, 3].map(() => bytesOf(files, name)))
    assert.equal(held(), 1)
  })

  test('are not there for what is missing, and of no use for what is too short', async (t) => {
    const { path, open } = folderOf(t)
    const [name = ''] = write(path, 1)
    const files = open()
    assert.equal(await files.readInto('ab/missing', new Uint8Array(1)), false)
    assert.equal(await files.readInto(name, new Uint8Array(LENGTH + 1)), false)
  })

  test('are let go when nobody has read them for a while', async (t) => {
    const { path, open, held } = folderOf(t)
    const [used = '', unused = ''] = write(path, 2)
    const files = open()
    for (const name of [used, unused]) await bytesOf(files, name)
    files.trim()
    await bytesOf(files, used)
    files.trim()
    assert.equal(held(), 1)
    assert.deepEqual(await bytesOf(files, unused), patternBytes(LENGTH, 1))
  })

  test('are let go when they are removed, and are not found again', async (t) => {
    const { path, open, held } = folderOf(t)
    const [name = ''] = write(path, 1)
    const files = open()
    await bytesOf(files, name)
    await files.remove([name])
    assert.equal(held(), 0)
    assert.equal(await bytesOf(files, name), undefined)
  })

  test('are as many bytes as there may be, those read last', async (t) => {
    const { path, open, held } = folderOf(t)
    const names = write(path, 5)
    const files = open(3 * LENGTH)
    for (const name of names) await bytesOf(files, name)
    assert.equal(held(), 3)
    await bytesOf(files, names[2] ?? '')
    await bytesOf(files, names[0] ?? '')
    rmSync(join(path, 'ab'), { recursive: true })
    const left = await Promise.all(names.map((name) => bytesOf(files, name)))
    assert.deepEqual(
      left.map((bytes) => bytes !== undefined),
      [true, false, true, false, true],
    )
  })

  test('are as many as there may be, however small', async (t) => {
    const { path, open, held } = folderOf(t)
    const files = open()
    for (const name of write(path, 300)) await bytesOf(files, name)
    assert.equal(held(), 256)
  })

  test('are read to their end by who reads them when they are let go', async (t) => {
    const { path, open, held } = folderOf(t)
    const names = write(path, 20)
    const files = open(5 * LENGTH)
    for (let round = 0; round < 20; round += 1) {
      const readings = names.map((name) => bytesOf(files, name))
      files.trim()
      files.trim()
      for (const [seed, bytes] of (await Promise.all(readings)).entries()) {
        assert.deepEqual(bytes, patternBytes(LENGTH, seed))
      }
    }
    const last = names.map((name) => bytesOf(files, name))
    files.close()
    for (const [seed, bytes] of (await Promise.all(last)).entries()) {
      assert.deepEqual(bytes, patternBytes(LENGTH, seed))
    }
    assert.equal(held(), 0)
  })

  test('leave nothing open of what others removed meanwhile', async (t) => {
    const { path, open, held } = folderOf(t)
    const names = write(path, 5)
    const files = open()
    for (const name of names) await bytesOf(files, name)
    rmSync(join(path, 'ab'), { recursive: true })
    files.trim()
    files.trim()
    await until(() => held() === 0, 'they are closed')
  })
})
