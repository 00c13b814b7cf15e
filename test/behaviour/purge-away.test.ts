// A node that was away while others purged: what stands on its disk from before is believed only
// when every ban since is known.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'

import { openS3Server } from '../../dev/s3-server.ts'
import type { S3Server } from '../../dev/s3-server.ts'
import { callAt, TOKEN } from '../support/cached-front.ts'
import { bucketAt, ORIGIN_BUCKET } from '../support/front.ts'
import { request } from '../support/http.ts'
import { partMissing } from '../support/parts.ts'
import { openRedis } from '../support/redis.ts'
import type { RedisServer } from '../support/redis.ts'
import { openSluice } from '../support/sluice.ts'
import type { Sluice } from '../support/sluice.ts'
import { until } from '../support/until.ts'

const KEYS = { accessKeyId: 'AKIDFRONT', secretAccessKey: 'a secret of the tests' }
const skip = partMissing('redis-server')

let s3: S3Server
let redis: RedisServer
let folder: string
let open: Sluice[]

beforeEach(async () => {
  if (skip !== false) return
  folder = mkdtempSync(join(tmpdir(), 'sluice-away-'))
  open = []
  s3 = await openS3Server({ credentials: [KEYS] })
  s3.createBucket(ORIGIN_BUCKET)
  redis = await openRedis()
})
afterEach(async () => {
  if (skip !== false) return
  for (const node of open) await node.close()
  await redis.close()
  await s3.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Nodes of one name have one disk. Redis keeps none of the objects, so that only disks are asked. */
async function start(name: string, threads = 1): Promise<Sluice> {
  const node = await openSluice({
    server: { threads },
    admin: { token: TOKEN },
    cache: {
      cache_layers: ['disk'],
      disk: { cache_dir: join(folder, name) },
      redis: { enabled: true, redis_url: redis.url },
    },
    buckets: [bucketAt(s3.endpoint, { name: 'files' })],
  })
  open.push(node)
  return node
}

async function stop(node: Sluice, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  node.kill(signal)
  await node.exited
}

async function ask(node: Sluice, key: string): Promise<string> {
  const { headers, text } = await request(`${node.url}/files/${key}`)
  return `${String(headers['x-cache'])} ${text}`
}

/** Until it is a hit: then it is on disk. */
async function keep(node: Sluice, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    s3.putObject(ORIGIN_BUCKET, key, 'first')
    await until(
      `${key} is kept`,
      () => ask(node, key),
      (seen) => seen === 'HIT first',
    )
  }
}

async function purge(node: Sluice, key: string): Promise<void> {
  s3.putObject(ORIGIN_BUCKET, key, 'second')
  const body = JSON.stringify({ bucket: 'files', key })
  const known = async (): Promise<unknown> =>
    (await callAt(node.opsUrl, 'POST', '/admin/cache/purge', { body })).status
  assert.equal(await known(), 200)
  await until(
    'it is published',
    async () => redis.command('XLEN', 'sluice:bans'),
    (length) => !length.startsWith(':0'),
  )
}

/** What is new is kept and believed: only now is it known what of the old is. */
async function settled(node: Sluice): Promise<Sluice> {
  s3.putObject(ORIGIN_BUCKET, 'new', 'first')
  await until(
    'what is new is believed',
    () => ask(node, 'new'),
    (seen) => seen === 'HIT first',
  )
  return node
}

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`a purge while a node is down (${signal}) is one for its disk, too`, { skip }, async () => {
    const away = await start('away')
    await keep(away, 'purged', 'purged-early', 'kept')
    await stop(away, signal)
    const other = await start('other')
    for (const key of ['purged', 'purged-early']) await purge(other, key)

    const node = await start('away')
    assert.match(await ask(node, 'purged-early'), /second/)
    await settled(node)
    assert.equal(await ask(node, 'purged'), 'MISS second')
    assert.equal(await ask(node, 'kept'), 'HIT first')
  })
}

test('what was purged before a node went down stays so', { skip }, async () => {
  const away = await start('away')
  const other = await start('other')
  await keep(away, 'purged', 'kept')
  await keep(other, 'purged')
  await purge(other, 'purged')
  assert.equal(await ask(other, 'purged'), 'MISS second')
  await stop(away, 'SIGKILL')
  await purge(other, 'another')
  await redis.command('XTRIM', 'sluice:bans', 'MAXLEN', '1')
  const node = await settled(await start('away'))
  assert.equal(await ask(node, 'purged'), 'MISS second')
})

test('nothing on disk is believed when bans are gone that it never knew', { skip }, async () => {
  const away = await start('away')
  await keep(away, 'purged', 'kept')
  await purge(away, 'something')
  await stop(away)
  const other = await start('other')
  for (const key of ['purged', 'another']) await purge(other, key)
  await redis.command('XTRIM', 'sluice:bans', 'MAXLEN', '1')
  const node = await settled(await start('away'))
  assert.equal(await ask(node, 'purged'), 'MISS second')
  assert.equal(await ask(node, 'kept'), 'MISS first')
  await stop(node)
  const again = await settled(await start('away'))
  assert.equal(await ask(again, 'kept'), 'HIT first')
})

test('nothing on disk is believed when Redis lost its bans meanwhile', { skip }, async () => {
  const away = await start('away')
  await keep(away, 'purged')
  await purge(away, 'something')
  await stop(away)
  await purge(await start('other'), 'purged')
  await redis.kill()
  await redis.start()
  const node = await settled(await start('away'))
  assert.equal(await ask(node, 'purged'), 'MISS second')
})

test(
  'without Redis at its start a node believes what is new, and of the old nothing',
  { skip },
  async () => {
    const away = await start('away')
    await keep(away, 'purged', 'kept')
    await stop(away)
    await purge(await start('other'), 'purged')
    redis.pause()
    let node: Sluice
    try {
      node = await settled(await start('away'))
      assert.equal(await ask(node, 'purged'), 'MISS second')
    } finally {
      redis.resume()
    }
    await until(
      'Redis is back',
      () => ask(node, 'kept'),
      (seen) => seen === 'HIT first',
    )
    assert.equal(await ask(node, 'purged'), 'HIT second')
  },
)

test(
  'a Redis that loses its bans while nobody is away costs no node what it holds',
  { skip },
  async () => {
    const node = await start('one')
    await keep(node, 'kept')
    await purge(node, 'something')
    await redis.kill()
    await redis.start()
    await until(
      'bans are known again',
      () => ask(node, 'kept'),
      (seen) => seen === 'HIT first',
    )
    await purge(node, 'kept')
    assert.equal(await ask(node, 'kept'), 'MISS second')
    await stop(node)
    const again = await settled(await start('one'))
    assert.equal(await ask(again, 'kept'), 'HIT second')
  },
)

test(
  'what a node kept before it heard of any ban is not believed when bans are gone',
  { skip },
  async () => {
    redis.pause()
    try {
      const away = await start('away')
      await keep(away, 'purged')
      await stop(away)
    } finally {
      redis.resume()
    }
    const other = await start('other')
    for (const key of ['purged', 'another']) await purge(other, key)
    await redis.command('XTRIM', 'sluice:bans', 'MAXLEN', '1')
    const node = await settled(await start('away'))
    assert.equal(await ask(node, 'purged'), 'MISS second')
  },
)
