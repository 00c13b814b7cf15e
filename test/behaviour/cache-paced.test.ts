// A body that comes faster than its reader takes it is whole, wherever it ends among its slices.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

import { openDictatedOrigin } from '../support/dictated-origin.ts'
import { download, sha256 } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'

const MIB = 1024 * 1024
/** More than what lies between the two when nobody reads. */
const AHEAD_BYTES = 16 * MIB
const TIMES = 4

const origin = await openDictatedOrigin()
const sluice = await openSluice({
  cache: { cache_layers: ['memory'], slice_size: '1MiB' },
  buckets: [
    {
      name: 'b',
      path_prefix: '/b',
      s3: { bucket: 'b', endpoint: origin.endpoint, credentials: 'anonymous' },
    },
  ],
})
after(async () => {
  await sluice.close()
  await origin[Symbol.asyncDispose]()
})

for (const tail of [10_000, 200_000, 400_000]) {
  test(`${tail} bytes behind its last full slice`, async () => {
    const body = 'all of it'.repeat(AHEAD_BYTES).slice(0, AHEAD_BYTES + tail)
    const expected = sha256(body)
    for (let time = 0; time < TIMES; time += 1) {
      const key = `${tail}-${time}`
      origin.dictate(key, [{ headers: { ETag: '"v1"' }, body }])
      const answer = await download(`${sluice.url}/b/${key}`, {
        onChunk: (_chunk, before) => (before < 8 * MIB ? undefined : delay(1)),
      })
      assert.equal(answer.sha256, expected)
    }
  })
}
