// An origin may answer so late that the purges since it was asked are done with, and forgotten.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { request } from '../support/http.ts'
import { until } from '../support/until.ts'

const NODE_OPTIONS = `--import ${new URL('../support/jumping-clock.ts', import.meta.url).href}`

function openJumping(): Promise<CachedFront> {
  return openCachedFront({ server: { threads: 1 } }, { env: { NODE_OPTIONS } })
}

/** More than a minute passes, and whatever is swept every so often is swept. */
async function passTime(front: CachedFront): Promise<void> {
  front.sluice.kill('SIGUSR2')
  await front.purge({ bucket: 'files', key: 'another' })
  await front.purge({ bucket: 'files', key: 'yet another' })
}

/** Returns when the origin has been asked, long before it answers. */
async function askSlowly(front: CachedFront): Promise<{ answer: ReturnType<typeof request> }> {
  const fault = { kind: 'delay', match: { key: 'page' }, times: 1, delayMs: 3000 } as const
  const slow = front.s3.fault(fault)
  const answer = request(`${front.url}/files/page`)
  await until(
    'it is asked for',
    async () => slow.hits,
    (hits) => hits === 1,
  )
  return { answer }
}

test('an answer that comes long after a purge to a question from before it is not kept', async () => {
  await using front = await openJumping()
  front.put('page', 'old')
  const { answer } = await askSlowly(front)
  assert.equal((await front.purge({ bucket: 'files', key: 'page' })).status, 200)
  await passTime(front)

  const { status, text } = await answer
  assert.deepEqual([status, text], [200, 'old'])
  front.put('page', 'new')
  assert.equal((await request(`${front.url}/files/page`)).text, 'new')
  assert.equal(await front.look('page'), 'HIT', 'what comes in time is kept')
})

test('whoever asks after a purge is not given an answer from long before it', async () => {
  await using front = await openJumping()
  front.put('page', 'old')
  const { answer } = await askSlowly(front)
  assert.equal((await front.purge({ bucket: 'files', key: 'page' })).status, 200)
  const waiting = request(`${front.url}/files/page`)
  await passTime(front)

  assert.equal((await answer).status, 200)
  assert.equal(front.s3.requests.filter(({ key }) => key === 'page').length, 1)
  const { headers } = await waiting
  assert.equal(front.s3.requests.filter(({ key }) => key === 'page').length, 2)
  assert.equal(headers['x-cache'], 'MISS')
})

test('a download that takes long is kept', async () => {
  await using front = await openJumping()
  front.put('page', Buffer.alloc(300_000, 'x'))
  front.s3.fault({ kind: 'slow', match: { key: 'page' }, times: 1, bytesPerSecond: 150_000 })
  const early = request(`${front.url}/files/page`)
  await until(
    'its head is kept',
    async () => (await front.call('GET', '/admin/cache/info?bucket=files&key=page')).status,
    (status) => status === 200,
  )
  await passTime(front)
  assert.equal((await early).body.length, 300_000)
  assert.equal(await front.look('page'), 'HIT')
})
