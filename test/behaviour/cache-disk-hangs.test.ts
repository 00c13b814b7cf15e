// A disk that does not answer any more: who needs it waits, and nobody else.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, constants, globSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import { until } from '../support/until.ts'

/** More than there are threads to wait for files. */
const OBJECTS = 16
const BODY = 'x'.repeat(100_000)

test('files that do not answer hold up nothing but what is in them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-disk-'))
  try {
    const disk = { cache_dir: folder }
    await using front = await openCachedFront(
      { cache: { cache_layers: ['disk'], disk } },
      { buckets: (endpoint) => [bucketAt(byName(endpoint), NAMED)] },
    )
    const keys = await fill(front, folder)
    for (const file of filesIn(folder)) makeSilent(join(folder, file))
    const waiting = keys.map((key) => request(`${front.url}/files/${key}`))
    await until(
      'all are there',
      () => underWay(front),
      (count) => count === OBJECTS,
    )

    front.put('other', 'is had')
    // Its origin has to be found by its name, for which Node needs the threads that files need.
    assert.equal((await request(`${front.url}/named/other`)).text, 'is had')

    await Promise.all(filesIn(folder).map((file) => makeEnd(join(folder, file))))
    for (const answer of await Promise.all(waiting)) assert.equal(answer.text, BODY)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

const NAMED = { name: 'named', s3: { health_check: { enabled: false } } }

function byName(endpoint: string): string {
  return endpoint.replace('127.0.0.1', 'localhost')
}

async function fill(front: CachedFront, folder: string): Promise<string[]> {
  const keys = Array.from({ length: OBJECTS }, (_, index) => `object-${index}`)
  for (const key of keys) {
    front.put(key, BODY)
    await front.look(key)
  }
  const isKept = (count: number): boolean => count === OBJECTS
  await until('all are kept', async () => filesIn(folder).length, isKept)
  return keys
}

function filesIn(folder: string): string[] {
  return globSync('??/*', { cwd: folder }).filter((name) => !name.endsWith('.tmp'))
}

async function underWay({ opsUrl }: CachedFront): Promise<number> {
  const { text } = await request(`${opsUrl}/metrics`)
  return Number(/^sluice_http_requests_in_flight (\d+)$/m.exec(text)?.[1])
}

/** Whoever opens it to read waits until somebody opens it to write. */
function makeSilent(path: string): void {
  rmSync(path)
  assert.equal(spawnSync('mkfifo', [path]).status, 0)
}

/** Until somebody waits for it, it cannot be opened. */
async function makeEnd(path: string): Promise<void> {
  const open = async (): Promise<boolean> => {
    try {
      closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
      return true
    } catch {
      return false
    }
  }
  await until(`${path} is opened`, open, (isOpen) => isOpen)
}
