import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { fileBytes, generateBytes, heldBytes, invertedBytes, seededBytes } from './object-bytes.ts'
import type { ObjectBytes } from './object-bytes.ts'

const size = 200_000

async function read(bytes: ObjectBytes, start: number, end: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of bytes.read(start, end)) pieces.push(piece)
  return Buffer.concat(pieces)
}

test('any part of an object is that part of the whole, however it is kept', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'object-bytes-'))
  t.after(() => rm(folder, { recursive: true }))
  const expected = generateBytes('seed', 0, size)
  await writeFile(join(folder, 'file'), expected)
  const kept = [
    heldBytes(expected),
    seededBytes('seed', size),
    fileBytes(join(folder, 'file'), size),
  ]
  const offset = fc.integer({ min: 0, max: size })
  await fc.assert(
    fc.asyncProperty(offset, offset, fc.constantFrom(...kept), async (a, b, bytes) => {
      const [start, end] = [Math.min(a, b), Math.max(a, b)]
      assert.ok((await read(bytes, start, end)).equals(expected.subarray(start, end)))
    }),
    { seed: 1, numRuns: 60 },
  )
})

test('made-up bytes differ by seed and from one place to the next', () => {
  assert.notDeepEqual(generateBytes('a', 0, 64), generateBytes('b', 0, 64))
  assert.notDeepEqual(generateBytes('a', 0, 64), generateBytes('a', 64, 128))
  assert.deepEqual(generateBytes('a', 2 ** 40 + 3, 2 ** 40 + 5).length, 2)
})

test('another version has none of the bytes of the first', async () => {
  const bytes = await read(invertedBytes(heldBytes(Buffer.from([0, 1, 255]))), 0, 3)
  assert.deepEqual(bytes, Buffer.from([255, 254, 0]))
})
