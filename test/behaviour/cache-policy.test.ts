// What a bucket's cache settings do, one by one, as a client sees it.

import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'

import { openCached, xCacheOf } from '../support/cached.ts'
import { until } from '../support/fleet.ts'
import type { Answer } from '../support/http.ts'

/** Nothing is served stale, and nothing is chance, unless a bucket says so. */
const PLAIN = { stale_while_revalidate: 0, stale_if_error: 0 }

const cached = await openCached({
  cache: { slice_size: '64KiB', disk: { enabled: false } },
  buckets: {
    plain: { cache: PLAIN },
    off: { cache: { enabled: false } },
    short: { cache: { ...PLAIN, ttl: '1s' } },
    never: { cache: { ...PLAIN, ttl: 0 } },
    least: { cache: { ...PLAIN, min_ttl: '1h' } },
    most: { cache: { ...PLAIN, max_ttl: '1s' } },
    absent: { cache: { ...PLAIN, negative_ttl: '1s' } },
    asking: { cache: { ...PLAIN, negative_ttl: 0 } },
    small: { cache: { ...PLAIN, max_item_size: 10 } },
    swr: { cache: { ttl: '1s', stale_while_revalidate: '1h', stale_if_error: 0 } },
    sie: { cache: { ttl: '1s', stale_while_revalidate: 0, stale_if_error: '1h' } },
    slow: { cache: { ...PLAIN, ttl: '1s', stale_if_error: '1h', stale_if_slow: '100ms' } },
    vary: { cache: { ...PLAIN, vary: ['Accept-Language'] } },
    deaf: { cache: { ...PLAIN, respect_origin: false, ttl: '1h' } },
    broken: {
      cache: { ttl: '1s', stale_while_revalidate: 0, stale_if_error: '1h' },
      s3: { circuit_breaker: { failure_threshold: 1, timeout_seconds: 60 } },
    },
  },
})
after(() => cached[Symbol.asyncDispose]())
afterEach(() => cached.s3.clearFaults())

const ask = cached.ask

/** How often S3 was asked for this key. */
function count(key: string): number {
  return cached.asked(key).length
}

/** Until what is stored under the path is no longer fresh: asked in a way that S3 is never asked. */
async function untilStale(path: string): Promise<void> {
  const headers = { 'Cache-Control': 'only-if-cached, max-stale=0' }
  await until(async () => {
    const { status, headers: got } = await ask(path, { headers })
    return status === 504 || xCacheOf({ headers: got } as Answer) === 'STALE'
  }, 'the end of freshness')
}

async function hitsOf(path: string, headers: Record<string, string> = {}): Promise<string[]> {
  const first = await ask(path, { headers })
  const second = await ask(path, { headers })
  return [xCacheOf(first), xCacheOf(second)]
}

describe('a bucket’s own', () => {
  test('enabled: false keeps nothing of it', async () => {
    cached.put('off', 'off', 'x')
    assert.deepEqual(await hitsOf('/off/off'), ['BYPASS', 'BYPASS'])
    assert.equal(count('off'), 2)
  })

  test('ttl says how long what S3 says nothing of is fresh', async () => {
    cached.put('short', 'ttl', 'x')
    assert.deepEqual(await hitsOf('/short/ttl'), ['MISS', 'HIT'])
    await untilStale('/short/ttl')
    assert.equal(xCacheOf(await ask('/short/ttl')), 'REVALIDATED')
    assert.equal(count('ttl'), 2)
  })

  test('ttl: 0 asks every time, and only whether it has changed', async () => {
    cached.put('never', 'zero', 'x')
    assert.deepEqual(await hitsOf('/never/zero'), ['MISS', 'REVALIDATED'])
    assert.deepEqual(
      cached.asked('zero').map(({ status }) => status),
      [206, 304],
    )
  })

  test('min_ttl is longer than what S3 says', async () => {
    cached.put('least', 'min', 'x', { cacheControl: 'max-age=0' })
    assert.deepEqual(await hitsOf('/least/min'), ['MISS', 'HIT'])
    cached.put('plain', 'no-min', 'x', { cacheControl: 'max-age=0' })
    assert.deepEqual(await hitsOf('/plain/no-min'), ['MISS', 'REVALIDATED'])
  })

  test('max_ttl is shorter than what S3 says', async () => {
    cached.put('most', 'max', 'x', { cacheControl: 'max-age=3600' })
    const answer = await ask('/most/max')
    assert.match(String(answer.headers['cache-status']), /; ttl=[01]$/)
  })

  test('negative_ttl says how long it is remembered that there is no object', async () => {
    assert.equal((await ask('/absent/none')).status, 404)
    const again = await ask('/absent/none')
    assert.deepEqual([again.status, xCacheOf(again), count('none')], [404, 'HIT', 1])
    assert.match(String(again.headers['age']), /^[01]$/)
    cached.put('absent', 'none', 'here now')
    await until(async () => (await ask('/absent/none')).text === 'here now', 'the object')
  })

  test('negative_ttl: 0 asks every time', async () => {
    assert.equal((await ask('/asking/none-either')).status, 404)
    cached.put('asking', 'none-either', 'here now')
    assert.equal((await ask('/asking/none-either')).text, 'here now')
  })

  test('max_item_size keeps larger objects out', async () => {
    cached.put('small', 'ten', '0123456789')
    cached.put('small', 'eleven', '0123456789a')
    assert.deepEqual(await hitsOf('/small/ten'), ['MISS', 'HIT'])
    assert.deepEqual(await hitsOf('/small/eleven'), ['MISS', 'MISS'])
    assert.equal((await ask('/small/eleven')).text, '0123456789a')
  })

  test('vary keeps one answer for each value of a request field', async () => {
    cached.put('vary', 'v', 'x')
    assert.deepEqual(await hitsOf('/vary/v', { 'Accept-Language': 'de' }), ['MISS', 'HIT'])
    assert.deepEqual(await hitsOf('/vary/v', { 'Accept-Language': 'fr' }), ['MISS', 'HIT'])
    assert.deepEqual(await hitsOf('/vary/v', { 'Accept-Language': 'de' }), ['HIT', 'HIT'])
  })

  test('respect_origin: false hears only no-store and private', async () => {
    cached.put('deaf', 'no-cache', 'x', { cacheControl: 'no-cache, max-age=0' })
    assert.deepEqual(await hitsOf('/deaf/no-cache'), ['MISS', 'HIT'])
    for (const directive of ['no-store', 'private']) {
      cached.put('deaf', directive, 'x', { cacheControl: directive })
      assert.deepEqual(await hitsOf(`/deaf/${directive}`), ['MISS', 'MISS'])
    }
  })
})

describe('stale_while_revalidate', () => {
  test('serves stale while one request renews it', async () => {
    cached.put('swr', 'renewed', 'old')
    await ask('/swr/renewed')
    cached.put('swr', 'renewed', 'young')
    cached.s3.fault({ kind: 'delay', delayMs: 400, match: { key: 'renewed' } })
    await until(async () => xCacheOf(await ask('/swr/renewed')) === 'STALE', 'a stale answer')
    const all = await Promise.all(Array.from({ length: 20 }, () => ask('/swr/renewed')))
    for (const answer of all) {
      assert.deepEqual([answer.text, xCacheOf(answer)], ['old', 'STALE'])
      assert.match(String(answer.headers['cache-status']), /^sluice; hit; ttl=-\d+; /)
    }
    await until(async () => (await ask('/swr/renewed')).text === 'young', 'the young one')
    assert.equal(count('renewed'), 2)
  })

  test('while the renewal fails, S3 is asked about once a second', async () => {
    cached.put('swr', 'failing', 'old')
    await ask('/swr/failing')
    cached.s3.fault({ kind: 'status', status: 500, match: { key: 'failing' } })
    await until(async () => xCacheOf(await ask('/swr/failing')) === 'STALE', 'a stale answer')
    await until(() => count('failing') === 2, 'a renewal')
    const startedAt = performance.now()
    let answers = 0
    while (performance.now() - startedAt < 600) {
      assert.equal((await ask('/swr/failing')).text, 'old')
      answers += 1
    }
    assert.ok(count('failing') <= 3, `${count('failing')} questions for ${answers} answers`)
  })
})

describe('stale_if_error', () => {
  for (const fault of ['status', 'reset', 'refuse'] as const) {
    test(`serves stale when S3 fails (${fault})`, async () => {
      const key = `error-${fault}`
      cached.put('sie', key, 'old')
      await ask(`/sie/${key}`)
      await untilStale(`/sie/${key}`)
      cached.s3.fault({ kind: fault, status: 503, match: { key } })
      const answer = await ask(`/sie/${key}`)
      assert.deepEqual([answer.status, answer.text, xCacheOf(answer)], [200, 'old', 'STALE'])
      assert.match(String(answer.headers['cache-status']), /^sluice; fwd=stale; ttl=-\d+$/)
    })
  }

  test('while S3 fails it is asked about once a second, and each answer comes at once', async () => {
    cached.put('sie', 'spaced', 'old')
    await ask('/sie/spaced')
    await untilStale('/sie/spaced')
    cached.s3.fault({ kind: 'status', status: 500, match: { key: 'spaced' } })
    for (let i = 0; i < 10; i += 1) assert.equal((await ask('/sie/spaced')).text, 'old')
    assert.ok(count('spaced') <= 4, `${count('spaced')}`)
  })

  test('does not hide that there is no object any more, or that it may not be read', async () => {
    for (const key of ['gone', 'forbidden']) {
      cached.put('sie', key, 'old')
      await ask(`/sie/${key}`)
      await untilStale(`/sie/${key}`)
    }
    cached.s3.removeObject('sie', 'gone')
    assert.equal((await ask('/sie/gone')).status, 404)
    const denied = { status: 403, code: 'AccessDenied' }
    cached.s3.fault({ kind: 'status', ...denied, match: { key: 'forbidden' } })
    assert.equal((await ask('/sie/forbidden')).status, 403)
    assert.equal((await ask('/sie/forbidden')).status, 403)
    cached.s3.clearFaults()
    cached.s3.fault({ kind: 'status', status: 500, match: { key: 'forbidden' } })
    assert.equal((await ask('/sie/forbidden')).status, 502, 'what may not be read is not kept')
  })

  test('of nothing, or of what must be revalidated, there is an error', async () => {
    cached.put('plain', 'strict', 'old', { cacheControl: 'max-age=1' })
    cached.put('sie', 'must', 'old', { cacheControl: 'max-age=1, must-revalidate' })
    for (const path of ['/plain/strict', '/sie/must']) {
      await ask(path)
      await untilStale(path)
    }
    cached.s3.fault({ kind: 'status', status: 500 })
    assert.equal((await ask('/plain/strict')).status, 502)
    assert.equal((await ask('/sie/must')).status, 502)
  })

  test('stands before an open breaker: S3 is not even asked', async () => {
    cached.put('broken', 'breaker', 'old')
    await ask('/broken/breaker')
    await untilStale('/broken/breaker')
    cached.s3.fault({ kind: 'status', status: 500, match: { bucket: 'broken' } })
    assert.equal((await ask('/broken/other')).status, 502)
    const asked = count('breaker')
    const answer = await ask('/broken/breaker')
    assert.deepEqual([answer.text, xCacheOf(answer), count('breaker')], ['old', 'STALE', asked])
    assert.equal((await ask('/broken/other')).status, 503)
  })
})

test('stale_if_slow serves stale when S3 takes longer, and what comes then is kept', async () => {
  cached.put('slow', 'slow', 'old')
  await ask('/slow/slow')
  await untilStale('/slow/slow')
  cached.put('slow', 'slow', 'young')
  cached.s3.fault({ kind: 'delay', delayMs: 1500, match: { key: 'slow' }, times: 1 })
  const answer = await ask('/slow/slow')
  assert.deepEqual([answer.text, xCacheOf(answer)], ['old', 'STALE'])
  await until(async () => (await ask('/slow/slow')).text === 'young', 'the young one')
})

describe('an object’s Cache-Control', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['no-store', ['MISS', 'MISS']],
    ['private', ['MISS', 'MISS']],
    ['no-cache', ['MISS', 'REVALIDATED']],
    ['max-age=0', ['MISS', 'REVALIDATED']],
    ['max-age=3600', ['MISS', 'HIT']],
    ['max-age=0, s-maxage=3600', ['MISS', 'HIT']],
    ['max-age=3600, s-maxage=0', ['MISS', 'REVALIDATED']],
    ['max-age=3600, must-revalidate', ['MISS', 'HIT']],
    ['public', ['MISS', 'HIT']],
  ]
  for (const [cacheControl, expected] of cases) {
    test(`${cacheControl} is ${expected.join(' then ')}`, async () => {
      const key = cacheControl.replaceAll(/[^a-z0-9]/g, '-')
      cached.put('plain', key, 'x', { cacheControl })
      assert.deepEqual(await hitsOf(`/plain/${key}`), expected)
    })
  }

  test('is renewed by a 304, with what it then says', async () => {
    cached.put('plain', 'updated', 'x', { cacheControl: 'max-age=0', etag: '"same"' })
    await ask('/plain/updated')
    cached.put('plain', 'updated', 'x', { cacheControl: 'max-age=3600', etag: '"same"' })
    const renewed = await ask('/plain/updated')
    assert.equal(xCacheOf(renewed), 'REVALIDATED')
    const hit = await ask('/plain/updated')
    for (const answer of [renewed, hit]) {
      assert.equal(answer.headers['cache-control'], 'max-age=3600')
      assert.equal(answer.text, 'x')
    }
    assert.equal(xCacheOf(hit), 'HIT')
    assert.deepEqual(
      cached.asked('updated').map(({ status }) => status),
      [206, 304],
    )
  })

  test('of an object that changed brings the new one with the question', async () => {
    cached.put('plain', 'changed', 'old', { cacheControl: 'max-age=0' })
    await ask('/plain/changed')
    cached.put('plain', 'changed', 'young', { cacheControl: 'max-age=3600' })
    const answer = await ask('/plain/changed')
    assert.deepEqual([answer.text, xCacheOf(answer)], ['young', 'MISS'])
    assert.match(String(answer.headers['cache-status']), /^sluice; fwd=stale; stored; ttl=/)
    assert.equal(xCacheOf(await ask('/plain/changed')), 'HIT')
    assert.equal(count('changed'), 2)
  })
})

describe('a request’s Cache-Control', () => {
  test('no-cache asks S3 whether it has changed', async () => {
    cached.put('plain', 'reload', 'x')
    await ask('/plain/reload')
    for (const headers of [{ 'Cache-Control': 'no-cache' }, { Pragma: 'no-cache' }]) {
      assert.equal(xCacheOf(await ask('/plain/reload', { headers })), 'REVALIDATED')
    }
    assert.equal(xCacheOf(await ask('/plain/reload')), 'HIT')
  })

  test('no-store keeps nothing, and keeps nobody else from keeping it', async () => {
    cached.put('plain', 'secret', 'x')
    const headers = { 'Cache-Control': 'no-store' }
    assert.deepEqual(await hitsOf('/plain/secret', headers), ['MISS', 'MISS'])
    assert.deepEqual(await hitsOf('/plain/secret'), ['MISS', 'HIT'])
  })

  test('only-if-cached is answered from what is held, or 504', async () => {
    cached.put('plain', 'here', 'x')
    const headers = { 'Cache-Control': 'only-if-cached' }
    const missing = await ask('/plain/here', { headers })
    assert.deepEqual([missing.status, JSON.parse(missing.text).error], [504, 'origin_timeout'])
    assert.equal(count('here'), 0)
    await ask('/plain/here')
    assert.equal(xCacheOf(await ask('/plain/here', { headers })), 'HIT')
  })

  test('max-age is how old an answer may be, and min-fresh how long it must stay fresh', async () => {
    cached.put('plain', 'aged', 'x', { cacheControl: 'max-age=60' })
    await ask('/plain/aged')
    const with_ = (value: string): Promise<Answer> =>
      ask('/plain/aged', { headers: { 'Cache-Control': value } })
    assert.equal(xCacheOf(await with_('max-age=60')), 'HIT')
    assert.equal(xCacheOf(await with_('max-age=0')), 'REVALIDATED')
    assert.equal(xCacheOf(await with_('min-fresh=10')), 'HIT')
    assert.equal(xCacheOf(await with_('min-fresh=3600')), 'REVALIDATED')
  })
})
