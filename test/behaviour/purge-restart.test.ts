// What is purged stays purged, however the program ends, and its space is freed behind the answer.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { callAt, openCachedFront, TOKEN } from '../support/cached-front.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'
import { until } from '../support/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-purge-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const OBJECTS = 400
let folders = 0

function onDisk(layers: readonly string[] = ['disk']): object {
  folders += 1
  return { cache_layers: layers, disk: { cache_dir: join(folder, String(folders)) } }
}

async function entriesOnDisk(opsUrl: string): Promise<number> {
  const { json } = await callAt(opsUrl, 'GET', '/admin/cache/stats')
  const { disk } = json
  return typeof disk === 'object' && disk !== null && 'entries' in disk ? Number(disk.entries) : -1
}

test('kill -9 right after the answer does not bring purged objects back from disk', async () => {
  const cache = onDisk(['memory', 'disk'])
  await using front = await openCachedFront({ cache })
  const keys = Array.from({ length: OBJECTS }, (_, index) => `gone/${index}`)
  for (const key of [...keys, 'kept']) {
    front.put(key, `body of ${key}`)
    await front.look(key)
  }
  const whole = 2 * (OBJECTS + 1)
  await until(
    'all is on disk',
    () => entriesOnDisk(front.opsUrl),
    (entries) => entries === whole,
  )

  const purged = await front.purge({ bucket: 'files', prefix: 'gone/' })
  front.sluice.kill('SIGKILL')
  assert.deepEqual([purged.status, purged.json['entries']], [200, 2 * OBJECTS])
  await front.sluice.exited

  const buckets = [bucketAt(front.s3.endpoint, { name: 'files' })]
  await using again = await openSluice({ buckets, cache, admin: { token: TOKEN } })
  const look = async (key: string): Promise<string> =>
    String((await request(`${again.url}/files/${key}`)).headers['x-cache'])
  assert.equal(await look('kept'), 'HIT')
  const results = await Promise.all(keys.map(look))
  assert.deepEqual([...new Set(results)], ['MISS'])
})

test('a soft purge is still one after a restart', async () => {
  const cache = onDisk()
  await using front = await openCachedFront({ cache })
  for (const key of ['soft', 'kept']) {
    front.put(key, `body of ${key}`)
    await front.look(key)
  }
  await until(
    'all is on disk',
    () => entriesOnDisk(front.opsUrl),
    (entries) => entries === 4,
  )
  await front.purge({ bucket: 'files', key: 'soft', soft: true })
  front.sluice.kill('SIGKILL')
  await front.sluice.exited

  const buckets = [bucketAt(front.s3.endpoint, { name: 'files' })]
  await using again = await openSluice({ buckets, cache })
  const look = async (key: string): Promise<string> =>
    String((await request(`${again.url}/files/${key}`)).headers['x-cache'])
  assert.deepEqual([await look('kept'), await look('soft')], ['HIT', 'STALE'])
})

test('the space of what was purged is freed behind the answer, in memory and on disk', async () => {
  await using front = await openCachedFront({ cache: onDisk(['memory', 'disk']) })
  for (let index = 0; index < 30; index += 1) {
    front.put(`k${index}`, 'body')
    await front.look(`k${index}`)
  }
  const entries = async (): Promise<unknown[]> => {
    const { json } = await front.call('GET', '/admin/cache/stats')
    return Object.values(json).map((tier) => (tier as { entries: number }).entries)
  }
  await until('all is kept', entries, ([memory, disk]) => memory === 60 && disk === 60)
  const rules = [{ bucket: 'files', key: 'k7' }, { pattern: 'k1?' }, { bucket: 'files', all: true }]
  const left = [58, 38, 0]
  for (const [index, rule] of rules.entries()) {
    assert.equal((await front.purge(rule)).status, 200)
    const wanted = left[index]
    await until('it is swept', entries, (now) => now.every((count) => count === wanted))
  }
})

test('a purge while the folder of the disk cache is lost is not called durable', async () => {
  const cache = onDisk(['memory', 'disk'])
  await using front = await openCachedFront({ cache })
  front.put('a', 'body')
  await front.look('a')
  await until(
    'all is on disk',
    () => entriesOnDisk(front.opsUrl),
    (entries) => entries === 2,
  )
  rmSync(join(folder, String(folders)), { recursive: true, force: true })
  await front.sluice.logLine(({ event, state }) => event === 'tier' && state === 'aside')
  const { status, json } = await front.purge({ bucket: 'files', key: 'a' })
  assert.deepEqual([status, json['status']], [503, 'not_durable'])
  assert.equal(await front.look('a'), 'MISS')
})
