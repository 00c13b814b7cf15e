import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { LineWriter } from './line-writer.ts'

const folder = mkdtempSync(join(tmpdir(), 'line-writer-'))
after(() => rmSync(folder, { recursive: true }))

const lines = Array.from({ length: 3000 }, (_, n) => `${n} ${'x'.repeat(n % 700)}é\n`)

test('every line is written, in order', async () => {
  const fd = openSync(join(folder, 'lines'), 'w')
  const writer = new LineWriter(fd, true)
  for (const line of lines) writer.write(line)
  await writer.close()
  closeSync(fd)
  assert.equal(readFileSync(join(folder, 'lines'), 'utf8'), lines.join(''))
})

test('a sudden end writes what is held back', () => {
  const fd = openSync(join(folder, 'sudden'), 'a')
  const writer = new LineWriter(fd, true)
  for (const line of lines) writer.write(line)
  writer.flush()
  const written = readFileSync(join(folder, 'sudden'), 'utf8')
  closeSync(fd)
  // The first piece is on its way by itself, and may land among the others.
  const found = new Set(written.split('\n'))
  assert.ok(lines.slice(100).every((line) => found.has(line.trimEnd())))
})

test('a full disk loses the lines and nothing else', async () => {
  const fd = openSync('/dev/full', 'w')
  const writer = new LineWriter(fd, true)
  for (const line of lines) writer.write(line)
  await writer.close()
  writer.flush()
  closeSync(fd)
})

test('a reader that sleeps is not waited for, and finds whole lines', async () => {
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  const writer = new LineWriter(fd, true)
  for (let round = 0; round < 20; round += 1) for (const line of lines) writer.write(line)
  await writer.close()
  const found = Buffer.alloc(1024 * 1024)
  const text = found.toString('utf8', 0, readSync(fd, found))
  closeSync(fd)
  assert.ok(text.length > 10_000)
  assert.ok(lines.join('').startsWith(text) && text.endsWith('\n'))
})

test('what a slow reader cost is said when the rest has been written', async () => {
  const path = join(folder, 'slow')
  execFileSync('mkfifo', [path])
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  const writer = new LineWriter(fd, true)
  const long = `${'y'.repeat(2000)}\n`
  const said = 4000
  for (let count = 0; count < said; count += 1) writer.write(long)
  let text = ''
  const chunk = Buffer.alloc(256 * 1024)
  while (!text.includes('lines-lost')) {
    text += await readSome(fd, chunk)
  }
  closeSync(fd)
  const written = text.split('\n').filter((line) => line.startsWith('y')).length
  assert.equal(JSON.parse(text.trimEnd().split('\n').at(-1) ?? '').lost, said - written)
  assert.ok(written > 0 && written < said)
})

/** Empty while the writer has not come yet. */
async function readSome(fd: number, chunk: Buffer): Promise<string> {
  await new Promise((resolve) => setImmediate(resolve))
  try {
    return chunk.toString('utf8', 0, readSync(fd, chunk))
  } catch {
    return ''
  }
}
