// Purges through the real port: what a rule covers is a miss from the answer on, and nothing else is.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { openCachedFront, TOKEN } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import { until } from '../support/until.ts'

let front: CachedFront

before(async () => {
  const others = (endpoint: string): object[] => [
    bucketAt(endpoint, { name: 'other', cache: { tags: { metadata: ['cache-tag'] } } }),
  ]
  front = await openCachedFront({ cache: {} }, { buckets: others })
})
after(() => front[Symbol.asyncDispose]())

const KEYS = ['a/1.css', 'a/b/2.css', 'a/3.js', 'ab.css'] as const
const TAGS: Readonly<Record<string, string>> = { 'a/1.css': 'red, round', 'a/3.js': 'red' }
const PATHS = ['files', 'other'].flatMap((bucket) => KEYS.map((key) => `/${bucket}/${key}`))

async function fill(): Promise<void> {
  for (const key of KEYS)
    front.put(key, `body of ${key}`, { metadata: { 'cache-tag': TAGS[key] ?? '' } })
  for (const path of PATHS) await lookAt(path)
  assert.deepEqual(await pathsThatAre('HIT'), PATHS)
}

async function lookAt(path: string): Promise<string> {
  const { headers } = await request(front.url + path)
  return String(headers['x-cache'])
}

async function pathsThatAre(result: string): Promise<string[]> {
  const found: string[] = []
  for (const path of PATHS) if ((await lookAt(path)) === result) found.push(path)
  return found
}

test('a purge answers with its rule and with what it covered', async () => {
  await fill()
  const { status, json } = await front.purge({ bucket: 'files', key: 'a/1.css' })
  const { entries, bytes, ...rest } = json
  assert.equal(status, 200)
  assert.deepEqual(rest, {
    status: 'ok',
    rule: { bucket: 'files', key: 'a/1.css' },
    nodes: { acknowledged: 1, known: 1 },
  })
  assert.equal(entries, 2, 'its head and its slice')
  assert.ok(Number(bytes) >= 'body of a/1.css'.length, String(bytes))
})

test('what could not be kept is asked for anew after a purge, and kept', async () => {
  front.put('once.css', 'private', { cacheControl: 'no-store' })
  assert.deepEqual(
    [await lookAt('/files/once.css'), await lookAt('/files/once.css')],
    ['MISS', 'MISS'],
  )
  front.put('once.css', 'public')
  await front.purge({ bucket: 'files', prefix: 'once' })
  assert.deepEqual(
    [await lookAt('/files/once.css'), await lookAt('/files/once.css')],
    ['MISS', 'HIT'],
  )
})

const RULES: readonly [rule: object, purged: readonly string[]][] = [
  [{ bucket: 'files', key: 'a/1.css' }, ['/files/a/1.css']],
  [{ bucket: 'files', prefix: 'a/' }, ['/files/a/1.css', '/files/a/b/2.css', '/files/a/3.js']],
  [{ prefix: 'a/b' }, ['/files/a/b/2.css', '/other/a/b/2.css']],
  [{ bucket: 'other', pattern: 'a/*.css' }, ['/other/a/1.css']],
  [{ bucket: 'other', pattern: '**.css' }, ['/other/a/1.css', '/other/a/b/2.css', '/other/ab.css']],
  [{ tag: 'red' }, ['/other/a/1.css', '/other/a/3.js']],
  [{ bucket: 'other', tag: 'round' }, ['/other/a/1.css']],
  [{ bucket: 'files', all: true }, PATHS.filter((path) => path.startsWith('/files'))],
  [{ all: true }, PATHS],
]

for (const [rule, purged] of RULES) {
  test(`${JSON.stringify(rule)} purges ${purged.join(', ')} and no more`, async () => {
    await fill()
    const { status, json } = await front.purge(rule)
    assert.equal(status, 200)
    assert.deepEqual(json['rule'], rule)
    assert.deepEqual(await pathsThatAre('MISS'), purged)
    assert.deepEqual(await pathsThatAre('HIT'), PATHS)
  })
}

test('a dry run counts what it would purge, and purges nothing', async () => {
  await fill()
  const order = { bucket: 'files', prefix: 'a/' }
  const dry = await front.purge({ ...order, dry_run: true })
  assert.equal(dry.status, 200)
  assert.equal(dry.json['dry_run'], true)
  assert.equal(dry.json['entries'], 6, 'three heads, three slices')
  assert.deepEqual(await pathsThatAre('HIT'), PATHS)

  const real = await front.purge(order)
  assert.deepEqual([real.json['entries'], real.json['bytes']], [6, dry.json['bytes']])
})

test('a soft purge leaves an object stale: it is served while one request renews it', async () => {
  await fill()
  const asked = front.s3.requests.length
  const { status } = await front.purge({ bucket: 'files', key: 'ab.css', soft: true })
  assert.equal(status, 200)
  assert.equal(await lookAt('/files/ab.css'), 'STALE')
  await until(
    'it is renewed',
    () => lookAt('/files/ab.css'),
    (result) => result === 'HIT',
  )
  const renewals = front.s3.requests.slice(asked).filter(({ key }) => key === 'ab.css')
  assert.deepEqual(
    renewals.map((renewal) => renewal.status),
    [304],
  )
})

test('a hard purge after a soft one is hard', async () => {
  await fill()
  await front.purge({ bucket: 'files', key: 'ab.css', soft: true })
  await front.purge({ bucket: 'files', key: 'ab.css' })
  assert.equal(await lookAt('/files/ab.css'), 'MISS')
})

test('what is purged is answered as the origin has it now', async () => {
  front.put('news.txt', 'old')
  const read = async (): Promise<string> => (await request(`${front.url}/files/news.txt`)).text
  assert.equal(await read(), 'old')
  front.put('news.txt', 'new')
  assert.equal(await read(), 'old')
  await front.purge({ bucket: 'files', key: 'news.txt' })
  assert.equal(await read(), 'new')
})

test('that there is no such object is purged too', async () => {
  assert.equal((await request(`${front.url}/files/late.txt`)).status, 404)
  front.put('late.txt', 'here now')
  assert.equal((await request(`${front.url}/files/late.txt`)).status, 404)
  await front.purge({ bucket: 'files', key: 'late.txt' })
  assert.equal((await request(`${front.url}/files/late.txt`)).status, 200)
})

test('a purge of what is not there is a purge of nothing', async () => {
  const { status, json } = await front.purge({ bucket: 'files', key: 'never/heard/of' })
  assert.deepEqual([status, json['entries'], json['bytes']], [200, 0, 0])
})

const PLACES: readonly [path: string, body: object, purged: readonly string[]][] = [
  ['/files/a/1.css', {}, ['/files/a/1.css']],
  ['/files/a%2Fb%2F2.css', {}, ['/files/a/b/2.css']],
  ['/files/%61b.css', {}, ['/files/ab.css']],
  ['/other', {}, PATHS.filter((path) => path.startsWith('/other'))],
  ['/other', { dry_run: true }, []],
]

for (const [path, body, purged] of PLACES) {
  test(`the path ${path} with ${JSON.stringify(body)} purges ${purged.join(', ')}`, async () => {
    await fill()
    const { status } = await front.purge(body, path)
    assert.equal(status, 200)
    assert.deepEqual(await pathsThatAre('MISS'), purged)
  })
}

test('an order by path may go without a body', async () => {
  await fill()
  const { status } = await front.call('POST', '/admin/cache/purge/files/ab.css')
  assert.equal(status, 200)
  assert.deepEqual(await pathsThatAre('MISS'), ['/files/ab.css'])
})

test('PURGE of an address purges the object behind it', async () => {
  await fill()
  const headers = { authorization: `Bearer ${TOKEN}` }
  const answer = await request(`${front.url}/files/a/b%2F2.css?v=7`, { method: 'PURGE', headers })
  assert.equal(answer.status, 200, answer.text)
  assert.deepEqual(JSON.parse(answer.text).rule, { bucket: 'files', key: 'a/b/2.css' })
  assert.deepEqual(await pathsThatAre('MISS'), ['/files/a/b/2.css'])
})

test('PURGE with X-Soft-Purge: 1 leaves the object stale', async () => {
  await fill()
  const headers = { authorization: `Bearer ${TOKEN}`, 'x-soft-purge': '1' }
  const answer = await request(`${front.url}/files/ab.css`, { method: 'PURGE', headers })
  assert.equal(answer.status, 200)
  assert.equal(await lookAt('/files/ab.css'), 'STALE')
})

test('PURGE without the token is refused, wherever it goes', async () => {
  await fill()
  for (const path of ['/files/ab.css', '/nowhere']) {
    const bare = await request(front.url + path, { method: 'PURGE' })
    assert.deepEqual([bare.status, JSON.parse(bare.text).error], [401, 'token_missing'])
    assert.equal(bare.headers['www-authenticate'], 'Bearer')
    const headers = { authorization: `Bearer ${TOKEN}x` }
    const wrong = await request(front.url + path, { method: 'PURGE', headers })
    assert.deepEqual([wrong.status, JSON.parse(wrong.text).error], [401, 'token_invalid'])
  }
  assert.deepEqual(await pathsThatAre('HIT'), PATHS)
})

test('PURGE of an address that leads nowhere is refused', async () => {
  const headers = { authorization: `Bearer ${TOKEN}` }
  const ask = async (path: string): Promise<unknown[]> => {
    const { status, text } = await request(front.url + path, { method: 'PURGE', headers })
    return [status, JSON.parse(text).error]
  }
  assert.deepEqual(await ask('/nowhere'), [404, 'no_route'])
  assert.deepEqual(await ask('/files/'), [404, 'not_found'])
  assert.deepEqual(await ask('/files/../other/ab.css'), [400, 'invalid_path'])
})

const WRONG: readonly [body: unknown, message: string][] = [
  [{}, 'The rule is empty: say key, prefix, pattern, tag or all.'],
  [{ bucket: 'files' }, 'The rule is empty: say key, prefix, pattern, tag or all.'],
  [{ soft: true }, 'The rule is empty: say key, prefix, pattern, tag or all.'],
  [{ bucket: 'files', all: false }, 'The field all is true or left out.'],
  [{ bucket: 'files', all: 'yes' }, 'The field all is true or left out.'],
  [{ all: null }, 'The field all is true or left out.'],
  [{ key: 'ab.css' }, 'The field key needs the field bucket.'],
  [{ bucket: 'flies', key: 'ab.css' }, 'The bucket is not known.'],
  [{ bucket: 7, all: true }, 'The field bucket is not a text.'],
  [{ bucket: 'files', key: ['ab.css'] }, 'The field key is not a text.'],
  [{ bucket: 'files', key: '' }, 'The field key is empty.'],
  [{ prefix: '' }, 'The field prefix is empty.'],
  [{ pattern: '' }, 'The field pattern is empty.'],
  [{ tag: '' }, 'The field tag is empty.'],
  [{ tag: 'x'.repeat(1025) }, 'The field tag is longer than 1024 bytes.'],
  [{ bucket: 'files', key: 'ab.css', prefix: 'a' }, 'The fields key and prefix are two rules.'],
  [{ bucket: 'files', tag: 'red', all: true }, 'The fields tag and all are two rules.'],
  [{ all: true, soft: 1 }, 'The field soft is neither true nor false.'],
  [{ all: true, soft: null }, 'The field soft is neither true nor false.'],
  [{ all: true, dry_run: null }, 'The field dry_run is neither true nor false.'],
  [{ all: true, dry_run: 'true' }, 'The field dry_run is neither true nor false.'],
  [{ all: true, dryRun: true }, 'The field dryRun is not known.'],
  [{ all: true, '"><b>': 1 }, 'The field with that name is not known.'],
  [[], 'The body is not a JSON object.'],
  ['all', 'The body is not a JSON object.'],
  [null, 'The body is not a JSON object.'],
]

for (const [body, message] of WRONG) {
  test(`the order ${JSON.stringify(body).slice(0, 60)} is refused: ${message}`, async () => {
    const { status, json } = await front.purge(body)
    assert.deepEqual([status, json['error'], json['message']], [400, 'invalid_request', message])
  })
}

const WRONG_CALLS: readonly [path: string, body: string, code: string, message: string][] = [
  ['', '{"all": tru', 'invalid_request', 'The body is not JSON.'],
  ['', '\u0000', 'invalid_request', 'The body is not JSON.'],
  [
    '',
    `{"all":true,"tag":"${'x'.repeat(65_536)}"}`,
    'invalid_request',
    'The body is longer than 64 KiB.',
  ],
  [
    '?dry_run=true',
    '{"all":true}',
    'invalid_request',
    'A purge has no query: say soft and dry_run in the body.',
  ],
  [
    '/files/ab.css',
    '{"key":"x"}',
    'invalid_request',
    'The field key says again what the path says.',
  ],
  ['/files/', '{}', 'invalid_request', 'The field key is empty.'],
  ['/flies', '{}', 'invalid_request', 'The bucket is not known.'],
  ['/files/%zz', '{}', 'invalid_path', 'The path of the request is not valid.'],
  ['/files/../other', '{}', 'invalid_path', 'The path of the request is not valid.'],
]

for (const [path, body, code, message] of WRONG_CALLS) {
  test(`a call of purge${path} with ${JSON.stringify(body.slice(0, 20))} is refused: ${message}`, async () => {
    const { status, json } = await front.call('POST', `/admin/cache/purge${path}`, { body })
    assert.deepEqual([status, json['error'], json['message']], [400, code, message])
  })
}

test('an order that is refused purges nothing', async () => {
  await fill()
  for (const [body] of WRONG) await front.purge(body)
  for (const [path, body] of WRONG_CALLS)
    await front.call('POST', `/admin/cache/purge${path}`, { body })
  assert.deepEqual(await pathsThatAre('HIT'), PATHS)
})
