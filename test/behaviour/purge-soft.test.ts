// Soft purges in a row: how long what they covered may be served stale counts from the first.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import { until } from '../support/until.ts'

function openBrief(): Promise<CachedFront> {
  const cache = { ttl: '1h', stale_while_revalidate: '300ms', stale_if_error: '600ms' }
  return openCachedFront(
    {},
    { buckets: (endpoint) => [bucketAt(endpoint, { name: 'brief', cache })] },
  )
}

test('an object that is softly purged again and again is not served stale for ever', async () => {
  await using front = await openBrief()
  front.put('a', 'held')
  assert.equal((await request(`${front.url}/brief/a`)).status, 200)
  front.s3.fault({ kind: 'status', status: 503 })

  const order = { bucket: 'brief', key: 'a', soft: true }
  const purgeAndLook = async (): Promise<number> => {
    assert.equal((await front.purge(order)).status, 200)
    return (await request(`${front.url}/brief/a`)).status
  }
  assert.equal(await purgeAndLook(), 200)
  await until('it is served no more', purgeAndLook, (status) => status >= 500, 5000)
})

test('of soft purges by several rules the first that covers an object counts', async () => {
  await using front = await openBrief()
  front.put('a', 'held')
  assert.equal((await request(`${front.url}/brief/a`)).status, 200)
  front.s3.fault({ kind: 'status', status: 503 })

  const rules = [{ key: 'a' }, { prefix: 'a' }, { all: true }]
  let turns = 0
  const purgeAndLook = async (): Promise<number> => {
    const rule = rules[turns % rules.length]
    turns += 1
    assert.equal((await front.purge({ bucket: 'brief', ...rule, soft: true })).status, 200)
    return (await request(`${front.url}/brief/a`)).status
  }
  assert.equal(await purgeAndLook(), 200)
  await until('it is served no more', purgeAndLook, (status) => status >= 500, 5000)
})
