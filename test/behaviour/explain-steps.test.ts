// What is told at each step of an explanation, in words and facts.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { openCachedFront, TOKEN } from '../support/cached-front.ts'
import type { CachedFront } from '../support/cached-front.ts'
import { explainAt, stepOf } from '../support/explained.ts'
import type { Asked, Explained, Step } from '../support/explained.ts'
import { bucketAt } from '../support/front.ts'
import { request } from '../support/http.ts'
import { until } from '../support/until.ts'

let front: CachedFront

const SECRET = 'a-password-nobody-says-back'
const DEAD = 'http://127.0.0.1:1'

before(async () => {
  front = await openCachedFront(
    { cache: { cache_layers: ['memory', 'disk'], slice_size: '64KiB' } },
    {
      buckets: (endpoint) => [
        bucketAt(endpoint, { name: 'hosted', hosts: ['cdn.example.com'] }),
        bucketAt(endpoint, { name: 'deep', path_prefix: '/files/deep' }),
        bucketAt(endpoint, { name: 'tagged', cache: { tags: { pattern: '^([^/]+)/' } } }),
        bucketAt(endpoint, { name: 'prefixed', s3: { key_prefix: 'inside/' } }),
        bucketAt(endpoint, {
          name: 'bounded',
          cache: { ttl: '1h', min_ttl: '2m', max_ttl: '5m', max_item_size: '1KiB' },
        }),
        bucketAt(endpoint, { name: 'deaf', cache: { respect_origin: false, ttl: '7m' } }),
        bucketAt(endpoint, {
          name: 'several',
          cache: { enabled: false },
          s3: {
            balance: 'round_robin',
            health_check: { enabled: false },
            replicas: [
              { name: 'one', priority: 1 },
              { name: 'two', priority: 1 },
              { name: 'far', priority: 2 },
            ],
          },
        }),
        bucketAt(endpoint, {
          name: 'broken',
          cache: { ttl: '0s', stale_while_revalidate: '0s', stale_if_error: '1h' },
          s3: {
            circuit_breaker: { failure_threshold: 1 },
            health_check: { enabled: false },
            retry: { max_attempts: 1 },
            replicas: [
              { name: 'dead', endpoint: DEAD },
              { name: 'alive', priority: 2 },
            ],
          },
        }),
      ],
    },
  )
  front.put('a', 'body')
  front.put('long', 'x'.repeat(200 * 1024))
  front.put('inside/a', 'body')
})
after(() => front[Symbol.asyncDispose]())

const explain = (asked: Asked): Promise<Explained> => explainAt(front, asked)

async function step(name: string, asked: Asked): Promise<Step> {
  return stepOf(await explain(asked), name)
}

async function get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  await request(`${front.url}${path}`, { headers })
}

test('steps stand in their order, and the one that says no is the last', async () => {
  const names = async (path: string): Promise<string[]> =>
    (await explain({ path })).steps.map(({ step: name }) => name)
  assert.deepEqual(await names('/files/a'), [
    'receive',
    'route',
    'ip_filter',
    'slots',
    'plan',
    'cache',
    'origin',
    'answer',
  ])
  assert.deepEqual(await names('/files/../a'), ['receive'])
  assert.deepEqual(await names('/none'), ['receive', 'route'])
  assert.deepEqual(await names('/files/a?partNumber=0'), [
    'receive',
    'route',
    'ip_filter',
    'slots',
    'plan',
  ])
  assert.deepEqual(await names('/ready'), ['receive', 'own'])
})

test('receive tells the path as it is decoded, or why it is refused', async () => {
  assert.equal((await step('receive', { path: '/files/a%2Fb%20%C3%BC' }))['path'], '/files/a/b ü')
  assert.equal((await step('receive', { path: '/files/ü' }))['path'], '/files/ü')
  const refused = await step('receive', { path: '/files/%2e%2e/x' })
  assert.deepEqual([refused.outcome, refused['code']], ['refused', 'invalid_path'])
  assert.match(refused.reason, /dot segment/)
})

test('route tells the bucket and why, and what it was preferred to', async () => {
  const route = await step('route', { path: '/files/deep/x', headers: { host: 'Any.Host:80' } })
  assert.deepEqual(
    [route['bucket'], route['path_prefix'], route['rest']],
    ['deep', '/files/deep', 'x'],
  )
  assert.match(JSON.stringify(route['passed_over']), /"bucket":"files".*another goes before it/)
})

test('route tells the near misses where there is no bucket', async () => {
  const nearTo = async (asked: Asked): Promise<string> =>
    JSON.stringify((await step('route', asked))['near_misses'])
  assert.match(await nearTo({ path: '/hosted/a' }), /"bucket":"hosted".*only for cdn\.example\.com/)
  assert.match(await nearTo({ path: '/fiels/a' }), /"bucket":"files".*nearly that of the path/)
  assert.match(await nearTo({ path: '/FILES/a' }), /"bucket":"files"/)
  assert.match(await nearTo({ path: '/filesdeep' }), /"bucket":"files"/)
  assert.equal(await nearTo({ path: '/quite/another' }), '[]')
})

test('plan tells what is asked for, and what of it is ignored', async () => {
  const headers = { range: 'bytes=1-2,-5', 'if-none-match': '"a"', 'if-range': '"b"' }
  const plan = await step('plan', { path: '/files/a?versionId=3', headers })
  assert.deepEqual(plan['ranges'], ['bytes=1-2', 'bytes=-5'])
  assert.deepEqual(plan['conditions'], { if_none_match: '"a"', if_range: '"b"' })
  assert.deepEqual(plan['ignored'], ['versionId: allow_versions is off'])
  const ignored = await step('plan', { path: '/files/a', headers: { range: 'rows=1' } })
  assert.match(JSON.stringify(ignored['ignored']), /Range: it is none that is understood/)
})

test('cache tells which layers hold the object, and which of its slices', async () => {
  await get('/files/long', { range: 'bytes=70000-70001' })
  const cache = await step('cache', { path: '/files/long' })
  assert.deepEqual(cache['tier'], 'memory')
  const { total, held } = cache['slices'] as { total: number; held: { memory: number[][] } }
  assert.deepEqual([total, held.memory], [4, [[1, 1]]])
  const { outcome, reason } = await step('origin', { path: '/files/long' })
  assert.deepEqual([outcome, reason], ['asked', 'It is asked for the bytes that are not held.'])
})

test('cache tells the ban that covers what is kept', async () => {
  await get('/tagged/red/x')
  front.put('red/x', 'body')
  await get('/tagged/red/x')
  await front.purge({ bucket: 'tagged', prefix: 'red/' })
  // Swept at once, or still there: either way nothing of it is of use.
  assert.equal((await step('cache', { path: '/tagged/red/x' })).outcome, 'fetch')

  await get('/tagged/a')
  await front.purge({ bucket: 'tagged', key: 'a', soft: true })
  const soft = await step('cache', { path: '/tagged/a' })
  assert.equal(soft.outcome, 'refresh')
  const [layer] = soft['layers'] as { tier: string; purged: { rule: object; soft: boolean } }[]
  assert.deepEqual([layer?.tier, layer?.purged.rule], ['memory', { bucket: 'tagged', key: 'a' }])
  assert.equal(layer?.purged.soft, true)
  assert.equal(typeof soft['soft_purged_at'], 'string')
})

const LIFETIMES: readonly [
  bucket: string,
  cacheControl: string,
  source: object,
  seconds: number,
][] = [
  ['files', 's-maxage=90, max-age=50', { source: 's-maxage' }, 90],
  ['files', 'max-age=50', { source: 'max-age' }, 50],
  ['bounded', 'max-age=50', { source: 'max-age', bounded_by: 'min_ttl' }, 120],
  ['bounded', 'max-age=5000', { source: 'max-age', bounded_by: 'max_ttl' }, 300],
  ['bounded', 'public', { source: 'ttl', bounded_by: 'max_ttl' }, 300],
  ['deaf', 'max-age=50', { source: 'ttl' }, 420],
  ['files', 'public', { source: 'ttl' }, 3600],
]

for (const [bucket, cacheControl, source, wanted] of LIFETIMES) {
  test(`cache tells who says how long "${cacheControl}" is fresh in ${bucket}`, async () => {
    const key = `of-${bucket}-${cacheControl.replaceAll(/\W/g, '')}`
    front.put(key, 'body', { cacheControl })
    await get(`/${bucket}/${key}`)
    const cache = await step('cache', { path: `/${bucket}/${key}` })
    const { seconds, ...rest } = cache['lifetime'] as { seconds: number }
    assert.deepEqual(rest, source)
    assert.ok(seconds <= wanted && seconds >= wanted * 0.94, `${seconds} of ${wanted}`)
  })
}

test('cache tells that an absence is kept for negative_ttl, and what answers would become', async () => {
  await get('/files/absent')
  const cache = await step('cache', { path: '/files/absent' })
  assert.deepEqual(cache['head'], { status: 404, tags: [] })
  assert.equal((cache['lifetime'] as { source: string }).source, 'negative_ttl')
  const { object, not_found: absence } = cache['would_store'] as Record<string, object>
  assert.deepEqual(object, {
    stored: true,
    ttl: 3600,
    stale_while_revalidate: 60,
    stale_if_error: 86_400,
  })
  assert.deepEqual(
    { ...absence, ttl: 0 },
    { stored: true, ttl: 0, stale_while_revalidate: 0, stale_if_error: 0 },
  )
  const headers = { authorization: `Bearer ${SECRET}` }
  const own = await step('cache', { path: '/files/absent2', headers })
  assert.deepEqual((own['would_store'] as { object: object }).object, {
    stored: false,
    reason: 'authorization',
  })
})

test('cache tells that it is off', async () => {
  const cache = await step('cache', { path: '/several/a' })
  assert.deepEqual([cache.outcome, cache['enabled']], ['off', false])
})

interface ReplicaTold {
  readonly name: string
  readonly tried: number | null
  readonly object: string
  readonly breaker: string
  readonly last_failure?: string
}

async function replicasFor(path: string): Promise<readonly ReplicaTold[]> {
  return (await step('origin', { path }))['replicas'] as readonly ReplicaTold[]
}

test('origin tells the replicas in their turn, and takes nobody his', async () => {
  const order = async (): Promise<unknown> =>
    (await replicasFor('/several/a')).map(({ name, tried }) => [name, tried])
  const first = [
    ['one', 1],
    ['two', 2],
    ['far', 3],
  ]
  assert.deepEqual(await order(), first)
  assert.deepEqual(await order(), first)
  await get('/several/a')
  assert.deepEqual(await order(), [
    ['two', 1],
    ['one', 2],
    ['far', 3],
  ])
})

test('origin tells the key with its prefix, and what is asked first', async () => {
  const [replica] = await replicasFor('/prefixed/a')
  assert.equal(replica?.object, 'inside/a')
  const origin = await step('origin', { path: '/prefixed/a', headers: { range: 'bytes=5-6' } })
  assert.deepEqual(origin['question'], { method: 'GET', key: 'a', range: 'bytes=0-65535' })
})

test('origin tells the breaker that is open, and who is tried instead', async () => {
  await get('/broken/a')
  const [first, second] = await replicasFor('/broken/a')
  assert.deepEqual([first?.name, first?.tried, first?.breaker], ['alive', 1, 'closed'])
  assert.deepEqual([second?.name, second?.tried, second?.breaker], ['dead', null, 'open'])
  assert.equal(second?.last_failure, 'connect')
})

/** What is kept is stale, and the origin is gone. */
async function openStale(failureThreshold: number): Promise<CachedFront> {
  const own = await openCachedFront(
    {},
    {
      s3: {
        circuit_breaker: { failure_threshold: failureThreshold },
        health_check: { enabled: false },
        retry: { max_attempts: 1 },
      },
    },
  )
  const cacheControl = 'max-age=0, stale-while-revalidate=0, stale-if-error=600'
  own.put('a', 'body', { cacheControl })
  await request(`${own.url}/files/a`)
  await own.s3.close()
  return own
}

async function foretell(own: CachedFront): Promise<unknown[]> {
  const { summary, steps } = await explainAt(own, { path: '/files/a' })
  const origin = steps.find(({ step: name }) => name === 'origin')?.outcome
  return [summary.verdict, summary.status, summary.x_cache, origin]
}

test('what is stale is foretold in place of an origin that cannot be asked', async () => {
  await using own = await openStale(1)
  assert.deepEqual(await foretell(own), ['revalidate', null, 'MISS', 'asked'])
  const stale = await request(`${own.url}/files/a`)
  assert.deepEqual([stale.status, stale.headers['x-cache']], [200, 'STALE'])
  const later = ['revalidate', 200, 'STALE', 'unavailable']
  await until(
    'a second has passed',
    () => foretell(own),
    (told) => JSON.stringify(told) === JSON.stringify(later),
  )
  const { status } = (await explainAt(own, { path: '/files/b' })).summary
  assert.equal(status, 503)
})

test('an origin that has just failed to renew is foretold not to be asked', async () => {
  await using own = await openStale(1000)
  const renewed = async (): Promise<unknown[]> => {
    await request(`${own.url}/files/a`)
    return foretell(own)
  }
  const spared = ['revalidate', 200, 'STALE', 'not asked']
  await until('it is', renewed, (told) => JSON.stringify(told) === JSON.stringify(spared))
})

test('answer tells the fields that leave, and the rules for them', async () => {
  await get('/files/a')
  const answer = await step('answer', { path: '/files/a', method: 'HEAD' })
  const lines = answer['headers'] as string[]
  const lengths = lines.filter((line) => line.startsWith('Content-Length'))
  assert.deepEqual(lengths, ['Content-Length: 4'])
  assert.ok(lines.includes('Accept-Ranges: bytes'))
  assert.match(String(answer['cache_status']), /^sluice; hit; ttl=\d+; detail=memory$/)
  const rules = { set: [], remove: [], metadata_headers: true }
  assert.deepEqual(answer['header_rules'], rules)
})

test('no secret of the request or the configuration is said back', async () => {
  const headers = { authorization: `Bearer ${SECRET}`, cookie: `a=${SECRET}`, 'x-amz-x': SECRET }
  const told = await explain({ path: `/files/a?token=${SECRET}`, headers })
  for (const word of [SECRET, TOKEN, 'a secret of the tests', 'AKIDFRONT']) {
    assert.ok(!JSON.stringify(told).includes(word), word)
    assert.ok(!front.sluice.stdout().includes(word), word)
  }
})

test('an explanation is for whoever has the token', async () => {
  const { status, json } = await front.call('GET', '/admin/explain?path=/files/a', { token: '' })
  assert.deepEqual([status, json['error']], [401, 'token_missing'])
})

const WRONG: readonly [query: string, words: string][] = [
  ['', 'The query parameter path is missing.'],
  ['path=/a&path=/b', 'The query parameter path is given twice.'],
  ['path=/a&hosts=b', 'A query parameter is not known: say path, method, host, address, header.'],
  ['path=/a&method=a%20b', 'The method is none.'],
  ['path=/a&address=here', 'The address is none: say 192.0.2.1 or 2001:db8::1.'],
  ['path=/a&method=PURGE', 'PURGE is an order, and no request that is served.'],
  ['path=/a&header=Range', 'A header is none: write header=Name: value.'],
  ['path=/a&header=A:%0d%0aB:c', 'A header is none: write header=Name: value.'],
]

for (const [query, words] of WRONG) {
  test(`explain?${query} is refused`, async () => {
    const { status, json } = await front.call('GET', `/admin/explain?${query}`)
    assert.deepEqual([status, json['error'], json['message']], [400, 'invalid_request', words])
  })
}
