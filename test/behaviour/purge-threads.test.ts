// Threads share their memory and each has bans of its own: a purge that is answered is in force in all.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { openCachedFront, TOKEN } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { request } from '../support/http.ts'
import { until } from '../support/until.ts'

const KEYS = Array.from({ length: 12 }, (_, index) => `k${index}`)
/** A head and a slice each. */
const COPY = 2 * KEYS.length
let front: CachedFront

before(async () => {
  front = await openCachedFront({ server: { threads: 2 }, cache: {} })
  for (const key of KEYS) front.put(key, `body of ${key}`)
})
after(() => front[Symbol.asyncDispose]())

/** Each question is a connection of its own, and goes to one of the threads. */
async function fill(): Promise<void> {
  await until(
    'the memory holds all',
    async () => {
      for (const key of KEYS) await front.look(key)
      return entriesIn('memory')
    },
    (entries) => entries === COPY,
  )
}

async function entriesIn(tier: string): Promise<number> {
  const { json } = await front.call('GET', '/admin/cache/stats')
  return (json[tier] as { entries: number }).entries
}

test('a purge is in force in all threads before it is answered', async () => {
  for (let round = 0; round < 5; round += 1) {
    await fill()
    const { status, json } = await front.purge({ bucket: 'files', prefix: 'k' })
    assert.deepEqual([status, json['entries']], [200, COPY])
    const results: string[] = []
    for (const key of KEYS) results.push(await front.look(key))
    assert.deepEqual(
      results,
      KEYS.map(() => 'MISS'),
    )
  }
})

test('so does a PURGE, whichever thread it comes to', async () => {
  await fill()
  for (const key of KEYS) {
    const headers = { authorization: `Bearer ${TOKEN}` }
    const { status } = await request(`${front.url}/files/${key}`, { method: 'PURGE', headers })
    assert.equal(status, 200)
    assert.equal(await front.look(key), 'MISS')
  }
})

test('a dry run counts once what all threads share', async () => {
  await fill()
  const { json } = await front.purge({ bucket: 'files', key: 'k3', dry_run: true })
  assert.equal(json['entries'], 2)
})

test('what the threads share on disk is counted once', async () => {
  await fill()
  await until(
    'all is on disk',
    () => entriesIn('disk'),
    (entries) => entries === COPY,
  )
})

test('what is stored is found whichever thread holds it', async () => {
  await front.purge({ all: true })
  await front.look('k5')
  for (let round = 0; round < 4; round += 1) {
    const { status } = await front.call('GET', '/admin/cache/info?bucket=files&key=k5')
    assert.equal(status, 200)
  }
})
