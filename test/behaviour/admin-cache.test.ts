// The operator's calls: who may make them, what they tell of the cache, and what they leave behind.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { callAt, openCachedFront, TOKEN } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { bucketAt, openFront } from '../support/front.ts'
import { request } from '../support/http.ts'
import { connect } from '../support/peer.ts'
import { until } from '../support/until.ts'

let front: CachedFront

before(async () => {
  const tagged = { tags: { metadata: ['cache-tag'] } }
  const others = (endpoint: string): object[] => [
    bucketAt(endpoint, { name: 'tagged', cache: { ...tagged, ttl: '1h', stale_if_error: '1d' } }),
    bucketAt(endpoint, { name: 'quick', cache: { ttl: '0s', stale_while_revalidate: '1h' } }),
  ]
  const cache = { cache_layers: ['memory', 'disk'], slice_size: '64KiB' }
  front = await openCachedFront({ cache }, { buckets: others })
})
after(() => front[Symbol.asyncDispose]())

const CALLS: readonly [method: string, path: string][] = [
  ['POST', '/admin/cache/purge'],
  ['POST', '/admin/cache/purge/files'],
  ['GET', '/admin/cache/stats'],
  ['GET', '/admin/cache/info?bucket=files&key=a'],
  ['GET', '/admin/nothing'],
]

for (const [method, path] of CALLS) {
  test(`${method} ${path} needs the token`, async () => {
    const bare = await front.call(method, path, { token: '', body: '{"all":true}' })
    assert.deepEqual([bare.status, bare.json['error']], [401, 'token_missing'])
    assert.equal(bare.answer.headers['www-authenticate'], 'Bearer')
    assert.equal(bare.answer.headers['cache-control'], 'no-store')
    assert.equal(bare.json['request_id'], bare.answer.headers['x-request-id'])

    for (const token of [`${TOKEN}x`, TOKEN.slice(1), TOKEN.toLowerCase()]) {
      const wrong = await front.call(method, path, { token, body: '{"all":true}' })
      assert.deepEqual([wrong.status, wrong.json['error']], [401, 'token_invalid'])
      assert.equal(wrong.answer.headers['www-authenticate'], 'Bearer error="invalid_token"')
    }
  })
}

const SCHEMES: readonly [authorization: string, status: number][] = [
  [`Bearer ${TOKEN}`, 200],
  [`bearer  ${TOKEN}`, 200],
  [`BEARER ${TOKEN}`, 200],
  [`Basic ${TOKEN}`, 401],
  [TOKEN, 401],
  [`Bearer`, 401],
  [`Bearer ${TOKEN} ${TOKEN}`, 401],
  [`Bearer "${TOKEN}"`, 401],
]

for (const [authorization, status] of SCHEMES) {
  test(`the credential "${authorization.replaceAll(TOKEN, 'token')}" is answered ${status}`, async () => {
    const called = await front.call('GET', '/admin/cache/stats', {
      token: '',
      headers: { authorization },
    })
    assert.equal(called.status, status)
  })
}

test('without a token in the configuration there is no /admin, and no PURGE', async () => {
  await using closed = await openFront()
  for (const [method, path] of CALLS) {
    const { status, json } = await callAt(closed.opsUrl, method, path, { body: '{"all":true}' })
    assert.deepEqual([status, json['error']], [404, 'no_route'])
  }
  const headers = { authorization: `Bearer ${TOKEN}` }
  const purge = await request(`${closed.url}/files/a`, { method: 'PURGE', headers })
  assert.equal(purge.status, 405)
  assert.equal(purge.headers.allow, 'GET, HEAD, OPTIONS')
})

test('the main port has no /admin', async () => {
  for (const [method, path] of CALLS) {
    const { status } = await callAt(front.url, method, path, { body: '{"all":true}' })
    assert.equal(status, method === 'POST' ? 405 : 404)
  }
})

test('a call with another method, or to another path, is refused', async () => {
  const refused = async (method: string, path: string): Promise<unknown[]> => {
    const { status, json, answer } = await front.call(method, path)
    return [status, json['error'], answer.headers.allow]
  }
  const wrong = (allow: string): unknown[] => [405, 'method_not_allowed', allow]
  assert.deepEqual(await refused('GET', '/admin/cache/purge'), wrong('POST'))
  assert.deepEqual(await refused('DELETE', '/admin/cache/purge/files'), wrong('POST'))
  assert.deepEqual(await refused('POST', '/admin/cache/stats'), wrong('GET, HEAD'))
  assert.deepEqual(await refused('PUT', '/admin/cache/info'), wrong('GET, HEAD'))
  const none = [404, 'no_route', undefined]
  assert.deepEqual(await refused('GET', '/admin/'), none)
  assert.deepEqual(await refused('GET', '/admin/cache/statistics'), none)
  assert.deepEqual(await refused('GET', '/admin/cache/info/files'), none)
  assert.deepEqual(await refused('POST', '/admin/cache/purged'), none)
})

test('HEAD of a call has the head of its answer and no body', async () => {
  const { answer } = await front.call('HEAD', '/admin/cache/stats')
  assert.deepEqual([answer.status, answer.text], [200, ''])
  assert.ok(Number(answer.headers['content-length']) > 20)
})

interface Counts {
  readonly hits: number
  readonly misses: number
  readonly entries: number
  readonly bytes: number
  readonly evictions: number
  readonly hit_rate: number
}

async function statsOf(tier: string, bucket = ''): Promise<Counts> {
  const { status, json } = await front.call('GET', `/admin/cache/stats${bucket}`)
  assert.equal(status, 200)
  // The shape is what this file is about.
  return json[tier] as Counts
}

test('the statistics of a tier count its hits, misses, entries and bytes', async () => {
  await front.purge({ all: true })
  const empty = async (): Promise<number> => (await statsOf('disk')).entries
  await until('it is empty', empty, (entries) => entries === 0)
  front.put('counted', 'x'.repeat(1000))
  const before = { memory: await statsOf('memory'), disk: await statsOf('disk') }
  assert.equal(await front.look('counted'), 'MISS')
  assert.equal(await front.look('counted'), 'HIT')
  assert.equal(await front.look('counted'), 'HIT')
  await until('it is on disk', empty, (entries) => entries === 2)

  const memory = await statsOf('memory')
  assert.deepEqual(Object.keys(memory).toSorted(), [
    'bytes',
    'entries',
    'errors',
    'evictions',
    'hit_rate',
    'hits',
    'misses',
  ])
  assert.equal(memory.entries, 2, 'a head and a slice')
  assert.ok(memory.bytes >= 1000 && memory.bytes < 10_000, String(memory.bytes))
  assert.ok(memory.hits >= before.memory.hits + 4, 'two heads, two slices')
  assert.ok(memory.misses > before.memory.misses)
  assert.equal(memory.hit_rate, memory.hits / (memory.hits + memory.misses))
  const disk = await statsOf('disk')
  assert.equal(disk.hits, before.disk.hits, 'memory is asked first')
  assert.ok(disk.misses > before.disk.misses)
  assert.ok(disk.bytes >= 1000)
})

test('the statistics of a bucket are of that bucket alone', async () => {
  await front.purge({ all: true })
  await until(
    'it is empty',
    () => statsOf('memory'),
    ({ entries }) => entries === 0,
  )
  front.put('counted', 'x'.repeat(1000))
  await front.look('counted')
  await front.look('counted')
  const [files, tagged] = [await statsOf('memory', '/files'), await statsOf('memory', '/tagged')]
  assert.equal(files.hit_rate, files.hits / (files.hits + files.misses))
  assert.deepEqual([tagged.hits, tagged.misses, tagged.hit_rate], [0, 0, 0])
  assert.equal(files.entries, 2)
  assert.ok(files.bytes >= 1000 && files.hits >= 2)
  assert.deepEqual([tagged.entries, tagged.bytes], [0, 0])
  await until(
    'it is on disk',
    () => statsOf('disk', '/files'),
    ({ entries }) => entries === 2,
  )
  assert.equal((await statsOf('disk', '/tagged')).entries, 0)
})

test('there are no statistics of a bucket that there is not', async () => {
  const { status, json } = await front.call('GET', '/admin/cache/stats/flies')
  assert.deepEqual([status, json['error']], [404, 'not_found'])
})

async function infoOf(bucket: string, key: string): Promise<Record<string, unknown>> {
  const query = `bucket=${bucket}&key=${encodeURIComponent(key)}`
  const { status, json } = await front.call('GET', `/admin/cache/info?${query}`)
  assert.equal(status, 200, JSON.stringify(json))
  return { ...json }
}

test('info tells what is kept of an object: head, freshness, slices and tiers', async () => {
  const body = 'x'.repeat(200 * 1024)
  front.put('a b/ü.txt', body, {
    contentType: 'text/plain',
    metadata: { 'cache-tag': 'red, round' },
  })
  const path = `${front.url}/tagged/${encodeURIComponent('a b/ü.txt')}`
  const whole = await request(path)
  const both = await until(
    'all is on disk',
    () => infoOf('tagged', 'a b/ü.txt'),
    ({ slices }) => ({ ...(slices as { held: { disk: number } }) }).held.disk === 4,
  )
  const { head, freshness, slices, tiers, received_at: receivedAt } = both
  assert.deepEqual(head, {
    status: 200,
    size: body.length,
    etag: whole.headers.etag,
    content_type: 'text/plain',
    tags: ['red', 'round'],
  })
  assert.deepEqual(slices, { size: 65_536, total: 4, held: { memory: 4, disk: 4 } })
  assert.deepEqual(tiers, ['memory', 'disk'])
  const { state, ttl, age, ...instants } = { ...(freshness as Record<string, unknown>) }
  assert.equal(state, 'fresh')
  assert.ok(Number(ttl) > 3000 && Number(ttl) <= 3600, String(ttl))
  assert.ok(Number(age) < 60, String(age))
  const at = (name: string): number => Date.parse(String(instants[name]))
  const received = Date.parse(String(receivedAt))
  assert.ok(Math.abs(at('fresh_until') - received - 3_600_000) < 400_000)
  assert.equal(at('stale_while_revalidate_until') - at('fresh_until'), 60_000)
  assert.equal(at('stale_if_error_until') - at('fresh_until'), 86_400_000)
})

test('info of an object of which a part is kept counts that part', async () => {
  front.put('part', 'x'.repeat(300 * 1024))
  const headers = { range: 'bytes=70000-70001' }
  assert.equal((await request(`${front.url}/tagged/part`, { headers })).status, 206)
  const { slices } = await infoOf('tagged', 'part')
  const { total, held } = slices as { total: number; held: { memory: number } }
  assert.equal(total, 5)
  assert.ok(held.memory >= 1 && held.memory < 5, String(held.memory))
})

test('info is no use of what it tells of', async () => {
  front.put('looked-at', 'body')
  await front.look('looked-at')
  const counts = async (): Promise<unknown> => {
    const { hits, misses } = await statsOf('memory')
    return { hits, misses, disk: (await statsOf('disk')).hits }
  }
  const before = await counts()
  await infoOf('files', 'looked-at')
  assert.deepEqual(await counts(), before)
})

test('info tells that an object is stale, and since when a purge made it so', async () => {
  front.put('soon', 'body')
  await request(`${front.url}/quick/soon`)
  const stale = await infoOf('quick', 'soon')
  assert.equal((stale['freshness'] as { state: string }).state, 'stale-while-revalidate')

  front.put('softly', 'body')
  await request(`${front.url}/tagged/softly`)
  await front.purge({ bucket: 'tagged', key: 'softly', soft: true })
  const soft = await infoOf('tagged', 'softly')
  assert.equal((soft['freshness'] as { state: string }).state, 'stale-while-revalidate')
  assert.ok(!Number.isNaN(Date.parse(String(soft['soft_purged_at']))))
})

test('info tells that it is known that there is no object', async () => {
  assert.equal((await request(`${front.url}/files/nowhere`)).status, 404)
  const { head } = await infoOf('files', 'nowhere')
  assert.deepEqual(head, { status: 404, tags: [] })
})

test('info of what is not stored, or was purged, is not found', async () => {
  const ask = async (query: string): Promise<unknown[]> => {
    const { status, json } = await front.call('GET', `/admin/cache/info?${query}`)
    return [status, json['error'], json['message']]
  }
  const none = [404, 'not_found', 'Nothing is stored for this key.']
  assert.deepEqual(await ask('bucket=files&key=never'), none)
  front.put('gone', 'body')
  await front.look('gone')
  assert.equal((await ask('bucket=files&key=gone'))[0], 200)
  await front.purge({ bucket: 'files', key: 'gone' })
  assert.deepEqual(await ask('bucket=files&key=gone'), none)

  const wrong = (message: string): unknown[] => [400, 'invalid_request', message]
  assert.deepEqual(await ask('key=gone'), wrong('The query parameter bucket is missing.'))
  assert.deepEqual(await ask('bucket=files'), wrong('The query parameter key is missing.'))
  assert.deepEqual(await ask('bucket=flies&key=a'), wrong('The bucket is not known.'))
})

test('half of an order does nothing, and is no trouble', async () => {
  await using fresh = await openCachedFront()
  fresh.put('a', 'body')
  await fresh.look('a')
  const port = Number(new URL(fresh.opsUrl).port)
  const head = `Host: x\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 100\r\n`
  const peer = await connect(port)
  peer.send(`POST /admin/cache/purge HTTP/1.1\r\n${head}\r\n{"all":true}`)
  peer.destroy()
  const line = await fresh.sluice.logLine(({ event }) => event === 'admin' || event === 'bug')
  assert.deepEqual([line['event'], line['status']], ['admin', 400])
  assert.equal(await fresh.look('a'), 'HIT')
})

test('every call leaves one event in the log, without its token', async () => {
  await using fresh = await openCachedFront()
  const headers = { authorization: `Bearer ${TOKEN}` }
  await fresh.purge({ bucket: 'files', key: 'logged' })
  await fresh.purge({ bucket: 'files' })
  await fresh.call('GET', '/admin/cache/stats')
  await fresh.call('GET', '/admin/cache/info?bucket=files&key=x')
  await fresh.call('GET', '/admin/cache/stats', { token: `wrong-${TOKEN}` })
  await fresh.call('GET', '/admin/else')
  await request(`${fresh.url}/files/by/address`, { method: 'PURGE', headers })
  await request(`${fresh.url}/files/by/address`, { method: 'PURGE' })
  await fresh.sluice.logLine(
    ({ event, status, call }) => event === 'admin' && status === 401 && call === 'purge',
  )
  const events = fresh.sluice.logLines().filter(({ event }) => event === 'admin')
  assert.deepEqual(
    events.map(({ call, rule, status }) => [call, rule, status]),
    [
      ['purge', '{"bucket":"files","key":"logged"}', 200],
      ['purge', undefined, 400],
      ['stats', undefined, 200],
      ['info', '{"bucket":"files","key":"x"}', 404],
      ['unknown', undefined, 401],
      ['unknown', undefined, 404],
      ['purge', '{"bucket":"files","key":"by/address"}', 200],
      ['purge', undefined, 401],
    ],
  )
  assert.ok(!fresh.sluice.stdout().includes(TOKEN))
})
