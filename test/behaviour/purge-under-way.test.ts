// What is on its way from the origin when a purge comes is of the time before it.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import { request } from '../support/http.ts'
import { until } from '../support/until.ts'

test('an answer that the origin was asked for before a purge is not kept after it', async () => {
  await using front = await openCachedFront()
  front.put('page', 'old')
  // S3 has read the old version, and takes its time to send it.
  const slow = front.s3.fault({ kind: 'slow', match: { key: 'page' }, times: 1, bytesPerSecond: 2 })
  const early = request(`${front.url}/files/page`)
  await until(
    'it is asked for',
    async () => slow.hits,
    (hits) => hits === 1,
  )

  assert.equal((await front.purge({ bucket: 'files', key: 'page' })).status, 200)
  front.put('page', 'new')
  const late = await request(`${front.url}/files/page`)
  assert.equal(late.text, 'new')

  // Whoever asked before the purge may have either, as a whole.
  const { text, aborted } = await early
  assert.ok(!aborted && (text === 'old' || text === 'new'), text)
  const after = await request(`${front.url}/files/page`)
  assert.equal(after.text, 'new')
})

test('an answer that comes after a purge to a question from before it is not kept', async () => {
  await using front = await openCachedFront()
  front.put('page', 'old')
  const slow = front.s3.fault({ kind: 'delay', match: { key: 'page' }, times: 1, delayMs: 1500 })
  const early = request(`${front.url}/files/page`)
  await until(
    'it is asked for',
    async () => slow.hits,
    (hits) => hits === 1,
  )
  assert.equal((await front.purge({ tag: 'none', dry_run: true })).status, 200)
  assert.equal((await front.purge({ bucket: 'files', all: true })).status, 200)
  assert.equal((await early).status, 200)
  assert.equal(await front.look('page'), 'MISS')
  assert.equal(await front.look('page'), 'HIT')
})
