// What one bucket may take of memory and disk: a flood of its own objects is its own trouble.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { openCached, xCacheOf } from '../support/cached.ts'
import type { Cached } from '../support/cached.ts'
import { until } from '../support/until.ts'

const KIB = 1024
const FLOOD = 48
const CALM = 4

/** 12 MiB come by, where there is room for 8. */
async function openFlooded(layer: 'memory' | 'disk', maxSize: string): Promise<Cached> {
  const cached = await openCached({
    cache: {
      cache_layers: [layer],
      memory: { max_cache_size_mb: 8 },
      disk: { max_disk_cache_size_mb: 8 },
    },
    buckets: { calm: {}, flood: { cache: { max_size: maxSize } } },
  })
  for (let index = 0; index < CALM; index += 1) await fetchOne(cached, 'calm', index)
  for (let index = 0; index < FLOOD; index += 1) await fetchOne(cached, 'flood', index)
  return cached
}

async function fetchOne(cached: Cached, bucket: string, index: number): Promise<void> {
  cached.put(bucket, `${bucket}-${index}`, { seed: `${bucket}-${index}`, size: 256 * KIB })
  await cached.ask(`/${bucket}/${bucket}-${index}`)
}

async function look({ ask }: Cached, bucket: string, index: number): Promise<string> {
  return xCacheOf(await ask(`/${bucket}/${bucket}-${index}`, { method: 'HEAD' }))
}

async function fetched(cached: Cached, bucket: string, count: number): Promise<number[]> {
  const found: number[] = []
  cached.s3.clearRequests()
  // The newest first: what is missed comes in again, and must not push out what is still to be looked at.
  for (let index = count - 1; index >= 0; index -= 1) {
    await cached.ask(`/${bucket}/${bucket}-${index}`)
    if (cached.asked(`${bucket}-${index}`).length === 0) found.push(index)
  }
  return found
}

for (const layer of ['memory', 'disk'] as const) {
  describe(`max_size of a bucket, on ${layer}`, () => {
    test('keeps its flood from pushing out the objects of another', async () => {
      await using cached = await openFlooded(layer, '2MiB')
      assert.deepEqual(await fetched(cached, 'calm', CALM), [3, 2, 1, 0])
    })

    test('is filled with what came last', async () => {
      await using cached = await openFlooded(layer, '2MiB')
      const newest = (): Promise<string> => look(cached, 'flood', FLOOD - 1)
      await until('it is written', newest, (result) => result === 'HIT')
      const held = await fetched(cached, 'flood', FLOOD)
      assert.ok(held.length >= 5 && held.length <= 8, `${held.length} of 256 KiB in 2 MiB`)
      assert.deepEqual(
        held,
        held.map((_, index) => FLOOD - 1 - index),
      )
    })

    test('of as much as there is lets it push out all others', async () => {
      await using cached = await openFlooded(layer, '8MiB')
      assert.deepEqual(await fetched(cached, 'calm', CALM), [])
    })
  })
}
