// Fetching ahead: what an operator names is in the cache before anybody asks for it.

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'

import { openCachedFront } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import { assertMoves } from '../support/metrics.ts'
import { begin, listings, objectsAsked, prewarm, taskOf } from '../support/prewarm.ts'
import { until } from '../support/until.ts'

const ODD_KEYS = [
  'odd/a b',
  'odd/a+b',
  'odd/été',
  'odd/日本',
  'odd/what?versionId=1',
  'odd/a#b',
  'odd/100%25',
  'odd/<&>"\'',
  'odd//double',
  'odd/dir/',
  'odd/line\nbreak',
]
const KEY_PREFIX = 'deep/er+ é/'
/** More than a page of a listing holds. */
const MANY = 1100
const TASK_ID = /^[0-9a-f-]{36}$/

let front: CachedFront

before(async () => {
  const others = (endpoint: string): object[] => [
    bucketAt(endpoint, { name: 'below', s3: { key_prefix: KEY_PREFIX } }),
    bucketAt(endpoint, { name: 'plain', cache: { enabled: false } }),
    bucketAt(endpoint, { name: 'small', cache: { max_item_size: '10B' } }),
  ]
  const warming = { rate_limit: 100_000, concurrency: 20 }
  front = await openCachedFront(
    { cache: { cache_layers: ['memory'], slice_size: '64KiB', warming } },
    { buckets: others, s3: { retry: { max_attempts: 1 } } },
  )
  for (let index = 0; index < MANY; index += 1) front.put(`many/${index}`, 'x')
  for (const key of ODD_KEYS) {
    front.put(key, `body of ${key}`)
    front.put(KEY_PREFIX + key, `below, ${key}`)
  }
})
after(() => front[Symbol.asyncDispose]())
beforeEach(async () => {
  await front.purge({ all: true })
  front.s3.clearFaults()
  front.s3.clearRequests()
})

async function get(key: string, bucket = 'files'): Promise<[cacheStatus: string, text: string]> {
  const path = key.split('/').map(encodeURIComponent).join('/')
  const { headers, text } = await request(`${front.url}/${bucket}/${path}`)
  return [String(headers['cache-status']).replace(/ ttl=\d+;/, ''), text]
}

const HIT = 'sluice; hit; detail=memory'

test('after it, the first GET is a hit in memory, and the origin is asked nothing more', async () => {
  const keys = Array.from({ length: 10 }, (_, index) => `warm/${index}`)
  for (const key of keys) front.put(key, `body of ${key}`)
  front.put('cold', 'not named')
  const task = await prewarm(front, { bucket: 'files', prefix: 'warm/' })
  const { status, objects, bytes, problems, order } = task
  assert.deepEqual(objects, { found: 10, done: 10, skipped: 0, unstored: 0, failed: 0 })
  assert.deepEqual([status, bytes, problems], ['completed', 10 * 14, []])
  assert.deepEqual(order, { bucket: 'files', prefix: 'warm/', recursive: true })
  assert.ok(task.ended_at !== null && task.ended_at >= task.started_at)
  assert.deepEqual(objectsAsked(front), keys)
  for (const key of keys) assert.deepEqual(await get(key), [HIT, `body of ${key}`])
  assert.deepEqual(objectsAsked(front), keys)
})

test('every byte of an object of many slices is kept', async () => {
  const size = 1024 * 1024 + 5
  front.put('large', { size, seed: 'large' })
  const task = await prewarm(front, { bucket: 'files', keys: ['large'] })
  assert.deepEqual([task.status, task.bytes], ['completed', size])
  front.s3.clearRequests()
  const answer = await request(`${front.url}/files/large`)
  assert.deepEqual([answer.headers['x-cache'], answer.body.length], ['HIT', size])
  assert.deepEqual(objectsAsked(front), [])
})

test('what it brings in is counted, and what was there already is not', async () => {
  front.put('counted', 'eight by')
  const order = { bucket: 'files', keys: ['counted'] }
  await assertMoves(front.opsUrl, () => prewarm(front, order), [
    ['sluice_prewarm_objects_total', {}, 1],
    ['sluice_prewarm_bytes_total', {}, 8],
  ])
  await assertMoves(front.opsUrl, () => prewarm(front, order), [
    ['sluice_prewarm_objects_total', {}, 0],
    ['sluice_prewarm_bytes_total', {}, 0],
  ])
})

test('keys are taken as they are, and each once', async () => {
  const keys = [...ODD_KEYS, ...ODD_KEYS]
  const task = await prewarm(front, { bucket: 'files', keys })
  assert.deepEqual([task.status, task.objects.done], ['completed', ODD_KEYS.length])
  assert.deepEqual(task.order, { bucket: 'files', keys: ODD_KEYS.length })
  assert.deepEqual(listings(front), [])
  for (const key of ODD_KEYS) assert.deepEqual(await get(key), [HIT, `body of ${key}`])
})

test('a listing finds odd keys as they are', async () => {
  const task = await prewarm(front, { bucket: 'files', prefix: 'odd/' })
  assert.deepEqual([task.status, task.objects.done], ['completed', ODD_KEYS.length])
  front.s3.clearRequests()
  for (const key of ODD_KEYS) assert.deepEqual(await get(key), [HIT, `body of ${key}`])
  assert.deepEqual(objectsAsked(front), [])
})

test("below a bucket's key prefix, keys are those that clients ask for", async () => {
  const task = await prewarm(front, { bucket: 'below', prefix: 'odd/a' })
  assert.deepEqual(
    [task.status, task.objects.done, listings(front)[0]?.['prefix']],
    ['completed', 3, `${KEY_PREFIX}odd/a`],
  )
  assert.deepEqual(await get('odd/a+b', 'below'), [HIT, 'below, odd/a+b'])
  const whole = await prewarm(front, { bucket: 'below' })
  const { found, done, skipped } = whole.objects
  assert.deepEqual([found, done, skipped], [ODD_KEYS.length, ODD_KEYS.length - 3, 3])
})

test('what a key prefix is for itself is no object below it', async () => {
  front.put(KEY_PREFIX, '')
  const { status, objects } = await prewarm(front, { bucket: 'below' })
  assert.deepEqual([status, objects.found, objects.failed], ['completed', ODD_KEYS.length, 0])
})

test('a listing of several pages is followed to its end', async () => {
  const { status, objects } = await prewarm(front, { bucket: 'files', prefix: 'many/' })
  assert.deepEqual([status, objects.found, objects.done], ['completed', MANY, MANY])
  const [first, second, ...more] = listings(front)
  assert.deepEqual(more, [])
  assert.deepEqual(
    [
      first?.['encoding-type'],
      first?.['continuation-token'],
      typeof second?.['continuation-token'],
    ],
    ['url', undefined, 'string'],
  )
})

test('max_files bounds how many are found, and how far is listed', async () => {
  const few = await prewarm(front, { bucket: 'files', prefix: 'many/', max_files: 3 })
  assert.deepEqual([few.status, few.objects.found, few.objects.done], ['completed', 3, 3])
  assert.deepEqual([objectsAsked(front).length, listings(front).length], [3, 1])
  const more = await prewarm(front, { bucket: 'files', prefix: 'many/', max_files: 1005 })
  assert.deepEqual([more.objects.found, more.objects.skipped], [1005, 3])
})

test('without recursion only what lies directly below the prefix is found', async () => {
  for (const key of ['tree/a', 'tree/b', 'tree/c/d', 'tree/c/e/f']) front.put(key, key)
  const flat = await prewarm(front, { bucket: 'files', prefix: 'tree/', recursive: false })
  assert.deepEqual([flat.status, flat.objects.done], ['completed', 2])
  assert.deepEqual(objectsAsked(front), ['tree/a', 'tree/b'])
  const deep = await prewarm(front, { bucket: 'files', prefix: 'tree/', recursive: true })
  assert.deepEqual([deep.objects.found, deep.objects.skipped, deep.objects.done], [4, 2, 2])
})

test('a prefix that nothing begins with completes with nothing', async () => {
  const { status, objects, bytes } = await prewarm(front, { bucket: 'files', prefix: 'nothing/' })
  assert.deepEqual([status, objects.found, bytes], ['completed', 0, 0])
})

test('what is held is skipped, what was stale is renewed', async () => {
  front.put('held', 'held')
  front.put('soft', 'soft')
  await get('held')
  await get('soft')
  await front.purge({ bucket: 'files', key: 'soft', soft: true })
  front.s3.clearRequests()
  const { objects } = await prewarm(front, { bucket: 'files', keys: ['held', 'soft'] })
  assert.deepEqual([objects.skipped, objects.done], [1, 1])
  assert.deepEqual(objectsAsked(front), ['soft'])
  assert.deepEqual(await get('soft'), [HIT, 'soft'])
})

test('a stale object whose origin fails has not been warmed', async () => {
  front.put('stale', 'stale')
  await get('stale')
  await front.purge({ bucket: 'files', key: 'stale', soft: true })
  front.s3.fault({ kind: 'status', status: 500, match: { key: 'stale' } })
  const { status, objects, problems } = await prewarm(front, { bucket: 'files', keys: ['stale'] })
  assert.deepEqual([status, objects.failed], ['failed', 1])
  assert.deepEqual(problems, [{ key: 'stale', reason: 'origin_failed' }])
})

test('what may not be kept is told, and its bytes are not read', async () => {
  front.put('fits', '123456789')
  front.put('too-large', { size: 50_000_000, seed: 'large' })
  front.put('not-ours', 'private', { cacheControl: 'private' })
  const keys = ['fits', 'too-large', 'not-ours']
  const { status, objects, bytes, problems } = await prewarm(front, { bucket: 'small', keys })
  assert.deepEqual([status, objects.done, objects.unstored, bytes], ['completed', 1, 2, 9])
  assert.deepEqual(
    problems.map(({ reason }) => reason),
    ['not_stored', 'not_stored'],
  )
  const read = front.s3.requests.find(({ key }) => key === 'too-large')
  assert.ok(read !== undefined && read.bytesSent < 50_000_000)
  await until(
    'the origin is let go',
    async () => read.state,
    (state) => state === 'aborted',
  )
})

test('keys that fail are counted and told, and the others are warmed', async () => {
  for (const key of ['good', 'broken', 'secret', 'cut']) front.put(key, key)
  front.put('cut', { size: 300_000, seed: 'cut' })
  front.s3.fault({ kind: 'status', status: 500, match: { key: 'broken' } })
  front.s3.fault({ kind: 'status', status: 403, code: 'AccessDenied', match: { key: 'secret' } })
  front.s3.fault({ kind: 'cut', afterBytes: 100_000, match: { key: 'cut' } })
  const keys = ['good', 'broken', 'secret', 'missing', 'cut', 'x/../y']
  const { status, objects, bytes, problems } = await prewarm(front, { bucket: 'files', keys })
  assert.equal(status, 'completed')
  assert.deepEqual(objects, { found: 6, done: 1, skipped: 0, unstored: 0, failed: 5 })
  assert.equal(bytes, 4)
  const reasons = Object.fromEntries(problems.map(({ key, reason }) => [key, reason]))
  assert.deepEqual(reasons, {
    broken: 'origin_failed',
    secret: 'origin_forbidden',
    missing: 'not_found',
    cut: 'origin_unavailable',
    'x/../y': 'invalid_path',
  })
})

test('a task none of whose objects can be had has failed, and keeps its last ten problems', async () => {
  const keys = Array.from({ length: 30 }, (_, index) => `missing/${index}`)
  const task = await prewarm(front, { bucket: 'files', keys })
  assert.deepEqual([task.status, task.reason, task.objects.failed], ['failed', 'all_failed', 30])
  assert.equal(task.problems.length, 10)
})

test('a listing that fails at once fails the task', async () => {
  front.s3.fault({ kind: 'status', status: 500, match: { key: '' } })
  const failed = await prewarm(front, { bucket: 'files', prefix: 'many/' })
  assert.deepEqual(
    [failed.status, failed.reason, failed.objects.found],
    ['failed', 'origin_failed', 0],
  )
  front.s3.clearFaults()
  front.s3.fault({ kind: 'status', status: 403, code: 'AccessDenied', match: { key: '' } })
  const forbidden = await prewarm(front, { bucket: 'files', prefix: 'many/' })
  assert.deepEqual([forbidden.status, forbidden.reason], ['failed', 'origin_forbidden'])
})

test('a listing that fails half way fails the task, which keeps what it has', async () => {
  front.s3.fault({ kind: 'status', status: 500, match: { key: '' }, skip: 1 })
  const { status, reason, objects } = await prewarm(front, { bucket: 'files', prefix: 'many/' })
  assert.deepEqual(
    [status, reason, objects.found, objects.done],
    ['failed', 'origin_failed', 1000, 1000],
  )
})

test('tasks are found again, the youngest first', async () => {
  const older = await begin(front, { bucket: 'files', keys: ['odd/a b'] })
  await taskOf(front, older)
  const { task_id: younger } = await prewarm(front, { bucket: 'files', keys: ['odd/a+b'] })
  assert.match(younger, TASK_ID)
  const { status, json } = await front.call('GET', '/admin/cache/prewarm')
  assert.equal(status, 200)
  const ids = (json['tasks'] as { task_id: string }[]).map(({ task_id: id }) => id)
  assert.deepEqual(ids.slice(0, 2), [younger, older])
  const unknown = await front.call('GET', '/admin/cache/prewarm/no-such-task')
  assert.deepEqual([unknown.status, unknown.json['error']], [404, 'not_found'])
})

test('of the finished tasks the last hundred are remembered', async () => {
  const { task_id: first } = await prewarm(front, { bucket: 'files', keys: ['odd/a b'] })
  for (let count = 0; count < 100; count += 1) {
    await prewarm(front, { bucket: 'files', keys: ['odd/a b'] })
  }
  const { json } = await front.call('GET', '/admin/cache/prewarm')
  assert.equal((json['tasks'] as unknown[]).length, 100)
  assert.equal((await front.call('GET', `/admin/cache/prewarm/${first}`)).status, 404)
})

test('a task that has ended says so in the log', async () => {
  const { task_id: id } = await prewarm(front, { bucket: 'files', keys: ['odd/a b', 'missing'] })
  const line = await front.sluice.logLine((one) => one['event'] === 'prewarm' && one['task'] === id)
  const { bucket, status, done, failed, bytes } = line
  assert.deepEqual([bucket, status, done, failed, bytes], ['files', 'completed', 1, 1, 15])
})

const WRONG: readonly [order: unknown, words: RegExp][] = [
  [{}, /The field bucket is missing\./],
  [[], /The body is not a JSON object\./],
  [{ bucket: 'flies' }, /The bucket is not known\./],
  [{ bucket: 'plain' }, /The bucket is not cached\./],
  [{ bucket: 'files', prefx: 'a' }, /The field prefx is not known\./],
  [{ bucket: 'files', prefix: '' }, /The field prefix is empty\./],
  [{ bucket: 'files', prefix: 7 }, /The field prefix is not a text\./],
  [{ bucket: 'files', keys: [] }, /The field keys is empty\./],
  [{ bucket: 'files', keys: 'a' }, /The field keys is not a list\./],
  [{ bucket: 'files', keys: ['a', ''] }, /One of the keys is empty\./],
  [{ bucket: 'files', keys: [null] }, /One of the keys is not a text\./],
  [{ bucket: 'files', keys: ['é'.repeat(513)] }, /One of the keys is longer than 1024 bytes\./],
  [{ bucket: 'files', keys: ['a'], prefix: 'a' }, /The field prefix has no meaning beside keys\./],
  [{ bucket: 'files', keys: ['a'], recursive: true }, /The field recursive has no meaning/],
  [{ bucket: 'files', keys: ['a'], max_files: 1 }, /The field max_files has no meaning/],
  [{ bucket: 'files', recursive: 'no' }, /The field recursive is neither true nor false\./],
  [{ bucket: 'files', max_files: 0 }, /The field max_files is not a whole number from 1 on\./],
  [{ bucket: 'files', max_files: 1.5 }, /The field max_files is not a whole number from 1 on\./],
]

for (const [order, words] of WRONG) {
  test(`the order ${JSON.stringify(order).slice(0, 60)} is refused`, async () => {
    const body = JSON.stringify(order)
    const { status, json } = await front.call('POST', '/admin/cache/prewarm', { body })
    assert.deepEqual([status, json['error']], [400, 'invalid_request'])
    assert.match(String(json['message']), words)
    // Probes have no key.
    assert.deepEqual(
      front.s3.requests.filter(({ key }) => key !== ''),
      [],
    )
  })
}

test('each call has its methods, and needs the token', async () => {
  const allowed = async (method: string, path: string): Promise<unknown[]> => {
    const { status, answer } = await front.call(method, path)
    return [status, answer.headers.allow]
  }
  assert.deepEqual(await allowed('DELETE', '/admin/cache/prewarm'), [405, 'POST, GET, HEAD'])
  assert.deepEqual(await allowed('POST', '/admin/cache/prewarm/x'), [405, 'GET, HEAD, DELETE'])
  for (const [method, path] of [
    ['POST', ''],
    ['GET', ''],
    ['GET', '/x'],
    ['DELETE', '/x'],
  ] as const) {
    const { status } = await front.call(method, `/admin/cache/prewarm${path}`, { token: '' })
    assert.equal(status, 401)
  }
})
