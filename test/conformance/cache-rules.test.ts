// What HTTP caching asks of a shared cache that only reads (RFC 9111, 9110, 9213, 5861), against an
// origin whose answers are dictated. The cases follow the ideas of the public HTTP cache tests.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import { openDictatedOrigin, secondsFromNow } from '../support/dictated-origin.ts'
import type { Dictated } from '../support/dictated-origin.ts'
import { request } from '../support/http.ts'
import type { Answer } from '../support/http.ts'
import { openSluice } from '../support/sluice.ts'

const origin = await openDictatedOrigin()

function bucket(name: string, cache: object): object {
  const s3 = {
    bucket: name,
    endpoint: origin.endpoint,
    credentials: 'anonymous',
    health_check: { enabled: false },
    retry: { max_attempts: 1 },
    circuit_breaker: { failure_threshold: 1000 },
  }
  return { name, path_prefix: `/${name}`, s3, cache }
}

/** Nothing beyond what the answers say: no lifetime of its own, no stale use. */
const BARE = { ttl: 0, negative_ttl: 0, stale_while_revalidate: 0, stale_if_error: 0 }

const sluice = await openSluice({
  cache: { disk: { enabled: false }, slice_size: '64KiB' },
  buckets: [bucket('c', BARE), bucket('stale', { ...BARE, stale_if_error: '1h' })],
})
after(async () => {
  await sluice.close()
  await origin[Symbol.asyncDispose]()
})

let keys = 0

/** Has an object say this, and gives how to ask for it. */
function dictated(...answers: readonly Dictated[]): Subject {
  return dictatedIn('c', ...answers)
}

function dictatedIn(name: string, ...answers: readonly Dictated[]): Subject {
  const key = `object-${(keys += 1)}`
  origin.dictate(key, answers)
  const ask = (headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> =>
    request(`${sluice.url}/${name}/${key}`, { headers, method })
  return { ask, key, asked: () => origin.asked(key) }
}

interface Subject {
  readonly key: string
  ask(headers?: Record<string, string>, method?: string): Promise<Answer>
  asked(): ReturnType<typeof origin.asked>
}

type Reuse = 'reused' | 'asked again'

async function reuseOf({ ask, asked }: Subject): Promise<Reuse> {
  const first = await ask()
  const before = asked().length
  const second = await ask()
  assert.deepEqual([first.status, second.status], [200, 200])
  assert.deepEqual(second.body, first.body)
  return asked().length === before ? 'reused' : 'asked again'
}

type Headers = NonNullable<Dictated['headers']>

function reuseTable(cases: readonly (readonly [string, Headers, Reuse])[]): void {
  for (const [what, headers, expected] of cases) {
    test(`${what} is ${expected}`, async () => {
      assert.equal(await reuseOf(dictated({ headers })), expected)
    })
  }
}

function cacheControlTable(cases: readonly (readonly [string, Reuse])[]): void {
  reuseTable(cases.map(([value, reuse]) => [value, { 'Cache-Control': value }, reuse]))
}

describe('freshness by Cache-Control (RFC 9111 §5.2.2)', () => {
  cacheControlTable([
    ['max-age=3600', 'reused'],
    ['max-age=0', 'asked again'],
    ['max-age=2147483648', 'reused'],
    ['max-age=99999999999', 'reused'],
    ['max-age=-1', 'asked again'],
    ['max-age=3600.0', 'asked again'],
    ['max-age=a3600', 'asked again'],
    ["max-age='3600'", 'asked again'],
    ['max-age="3600"', 'reused'],
    ['max-age =100', 'asked again'],
    ['MaX-aGe=3600', 'reused'],
    ['x-max-age=3600', 'asked again'],
    ['something="a, max-age=3600, b"', 'asked again'],
    ['something="a", max-age=3600', 'reused'],
    ['s-maxage=3600', 'reused'],
    ['s-maxage=3600, max-age=0', 'reused'],
    ['s-maxage=0, max-age=3600', 'asked again'],
    ['max-age=3600, max-age=0', 'reused'],
    ['max-age=0, max-age=3600', 'asked again'],
    ['private, max-age=3600', 'asked again'],
    ['private="x", max-age=3600', 'asked again'],
    ['no-store, max-age=3600', 'asked again'],
    ['NO-STORE, max-age=3600', 'asked again'],
    ['no-cache, max-age=3600', 'asked again'],
    ['no-cache="x", max-age=3600', 'asked again'],
    ['public, max-age=3600, must-revalidate', 'reused'],
    ['max-age=3600, no-storeX', 'reused'],
  ])
  reuseTable([
    ['what is said in two lines', { 'Cache-Control': ['max-age=3600', 'no-store'] }, 'asked again'],
    ['no word of any lifetime', {}, 'asked again'],
    ['Pragma: no-cache in an answer', { 'Cache-Control': 'max-age=3600', Pragma: 'no-cache' }, 'reused'], // prettier-ignore
    ['a Set-Cookie beside a lifetime', { 'Cache-Control': 'max-age=3600', 'Set-Cookie': 'a=b' }, 'reused'], // prettier-ignore
  ])
})

describe('freshness by Expires (RFC 9111 §5.3)', () => {
  const year = new Date().getUTCFullYear() + 1
  const malformed = [
    '0',
    '-1',
    `Fri, 01 Jan ${year} 00:00:00`,
    `Fri, 01 Jan ${year} 00:00:00 UTC`,
    `Fri, 01 Jan ${year} 00:00:00 AEST`,
    `Fri 01 Jan ${year} 00:00:00 GMT`,
    `Fri, 1 Jan ${year} 00:00:00 GMT`,
    `Fri, 01 Jan  ${year} 00:00:00 GMT`,
    `Fri, 01-Jan-${year} 00:00:00 GMT`,
    `Fri, 01 Jan ${year} 00.00.00 GMT`,
    `Fri, 01 Jan ${year} 0:00:00 GMT`,
    `Fri, 01 Jan ${year} 00:00:00 GMT, Fri, 01 Jan ${year} 00:00:00 GMT`,
  ]
  reuseTable([
    ['one in the future', { Expires: secondsFromNow(3600) }, 'reused'],
    ['one in the past', { Expires: secondsFromNow(-3600) }, 'asked again'],
    ['one that is now', { Expires: secondsFromNow(0) }, 'asked again'],
    ['one after a Date long ago', { Expires: secondsFromNow(-7100), Date: secondsFromNow(-7200) }, 'asked again'], // prettier-ignore
    ['one behind max-age=0', { Expires: secondsFromNow(3600), 'Cache-Control': 'max-age=0' }, 'asked again'], // prettier-ignore
    ['one before max-age', { Expires: secondsFromNow(-3600), 'Cache-Control': 'max-age=60' }, 'reused'], // prettier-ignore
    ['one behind an unknown directive', { Expires: secondsFromNow(3600), 'Cache-Control': 'foo' }, 'reused'], // prettier-ignore
    ...malformed.map((Expires) => [`“${Expires}”`, { Expires }, 'asked again'] as const),
  ])
})

describe('age (RFC 9111 §4.2.3, §5.1)', () => {
  const maxAge = { 'Cache-Control': 'max-age=3600' }
  reuseTable([
    ['an Age within the lifetime', { ...maxAge, Age: '1800' }, 'reused'],
    ['an Age beyond the lifetime', { ...maxAge, Age: '7200' }, 'asked again'],
    ['an Age of several, of which the first counts', { ...maxAge, Age: '0, 7200' }, 'reused'],
    ['an Age that is no number', { ...maxAge, Age: 'abc' }, 'reused'],
    ['a negative Age', { ...maxAge, Age: '-7200' }, 'reused'],
    ['an Age with a fraction', { ...maxAge, Age: '7200.0' }, 'reused'],
    ['a Date long before', { ...maxAge, Date: secondsFromNow(-7200) }, 'asked again'],
    ['a Date to come', { ...maxAge, Date: secondsFromNow(7200) }, 'reused'],
  ])

  test('what it had when it came is told, and grows', async () => {
    const { ask } = dictated({ headers: { ...maxAge, Age: '100' } })
    assert.ok(Number((await ask()).headers['age']) >= 100)
    assert.ok(Number((await ask()).headers['age']) >= 100)
  })

  test('by the Date counts too', async () => {
    const { ask } = dictated({ headers: { ...maxAge, Date: secondsFromNow(-50) } })
    const first = await ask()
    const second = await ask()
    assert.ok(Number(second.headers['age']) >= 49)
    assert.equal(second.headers['date'], first.headers['date'])
  })
})

describe('CDN-Cache-Control (RFC 9213)', () => {
  reuseTable([
    ['alone', { 'CDN-Cache-Control': 'max-age=3600' }, 'reused'],
    ['before Cache-Control', { 'CDN-Cache-Control': 'max-age=3600', 'Cache-Control': 'max-age=0' }, 'reused'], // prettier-ignore
    ['max-age=0 before Cache-Control', { 'CDN-Cache-Control': 'max-age=0', 'Cache-Control': 'max-age=3600' }, 'asked again'], // prettier-ignore
    ['before Expires', { 'CDN-Cache-Control': 'max-age=3600', Expires: secondsFromNow(-60) }, 'reused'], // prettier-ignore
    ['no-store', { 'CDN-Cache-Control': 'no-store', 'Cache-Control': 'max-age=3600' }, 'asked again'], // prettier-ignore
    ['private', { 'CDN-Cache-Control': 'private', 'Cache-Control': 'max-age=3600' }, 'asked again'],
    ['that cannot be read', { 'CDN-Cache-Control': 'max-age=&&', 'Cache-Control': 'max-age=3600' }, 'reused'], // prettier-ignore
    ['that is empty', { 'CDN-Cache-Control': '', 'Cache-Control': 'max-age=3600' }, 'reused'],
  ])

  test('stays inside', async () => {
    const { ask } = dictated({ headers: { 'CDN-Cache-Control': 'max-age=3600' } })
    assert.equal((await ask()).headers['cdn-cache-control'], undefined)
  })
})

describe('Vary (RFC 9111 §4.1)', () => {
  const varying = (Vary: string | string[]): Subject =>
    dictated({ headers: { 'Cache-Control': 'max-age=3600', Vary } })

  async function isReused(
    subject: Subject,
    first: Record<string, string>,
    second: Record<string, string>,
  ): Promise<boolean> {
    await subject.ask(first)
    const before = subject.asked().length
    await subject.ask(second)
    return subject.asked().length === before
  }

  const cases: readonly (readonly [
    string | string[],
    Record<string, string>,
    Record<string, string>,
    boolean,
  ])[] = [
    ['Foo', { Foo: '1' }, { Foo: '1' }, true],
    ['Foo', { Foo: '1' }, { Foo: '2' }, false],
    ['Foo', { Foo: '1' }, {}, false],
    ['Foo', {}, { Foo: '1' }, false],
    ['Foo', {}, {}, true],
    ['Foo', { Foo: '1', Other: '1' }, { Foo: '1', Other: '2' }, true],
    ['Foo, Bar', { Foo: '1', Bar: '1' }, { Foo: '1', Bar: '1' }, true],
    ['Foo, Bar', { Foo: '1', Bar: '1' }, { Foo: '1', Bar: '2' }, false],
    [['Foo', 'Bar'], { Foo: '1', Bar: '1' }, { Foo: '1', Bar: '2' }, false],
    ['*', {}, {}, false],
    ['Foo, *', { Foo: '1' }, { Foo: '1' }, false],
    [['*', 'Foo'], { Foo: '1' }, { Foo: '1' }, false],
    ['fOO', { FOO: '1' }, { foo: '1' }, true],
    ['Accept-Language', { 'Accept-Language': 'en, de' }, { 'Accept-Language': 'de,en' }, true],
  ]
  for (const [vary, first, second, expected] of cases) {
    const what = `${JSON.stringify(vary)}, ${JSON.stringify(first)}, then ${JSON.stringify(second)}`
    test(`${what}: ${expected ? 'reused' : 'asked again'}`, async () => {
      assert.equal(await isReused(varying(vary), first, second), expected)
    })
  }

  test('several answers are kept side by side', async () => {
    const { ask, asked } = varying('Foo')
    for (const Foo of ['1', '2', '3', '1', '2', '3']) await ask({ Foo })
    assert.equal(asked().length, 3)
  })
})

describe('validation (RFC 9111 §4.3)', () => {
  const stale = { 'Cache-Control': 'max-age=0' }

  test('asks with the stored tag, weak or not', async () => {
    for (const ETag of ['"a"', 'W/"a"', '"a, b"', '""']) {
      const { ask, asked } = dictated({ headers: { ...stale, ETag }, isConditional: true })
      const first = await ask()
      const second = await ask()
      assert.deepEqual([asked()[1]?.headers['if-none-match'], asked()[1]?.status], [ETag, 304])
      assert.deepEqual([second.status, second.text], [200, first.text])
    }
  })

  test('asks with the date where there is no tag', async () => {
    const lastModified = 'Mon, 01 Jan 2024 00:00:00 GMT'
    const headers = { ...stale, 'Last-Modified': lastModified }
    const { ask, asked } = dictated({ headers, isConditional: true })
    await ask()
    assert.equal((await ask()).text, 'the body')
    assert.deepEqual([asked()[1]?.headers['if-modified-since'], asked()[1]?.status], [lastModified, 304]) // prettier-ignore
  })

  test('a 304 updates what is stored (RFC 9111 §3.2)', async () => {
    const ETag = '"a"'
    const { ask, asked } = dictated(
      { headers: { ...stale, ETag, 'x-amz-meta-a': '1', 'Content-Language': 'de' } },
      {
        status: 304,
        headers: {
          'Cache-Control': 'max-age=3600',
          ETag,
          'x-amz-meta-a': '2',
          'Content-Length': '99',
          'Content-Encoding': 'br',
          Expires: 'never',
        },
      },
    )
    await ask()
    for (const answer of [await ask(), await ask()]) {
      const { headers } = answer
      assert.deepEqual([answer.status, answer.text], [200, 'the body'])
      assert.deepEqual([headers['x-amz-meta-a'], headers['expires']], ['2', 'never'])
      assert.deepEqual([headers['content-length'], headers['content-language']], ['8', 'de'])
      assert.equal(headers['content-encoding'], undefined)
    }
    assert.equal(asked().length, 2)
  })

  test('a 304 that names another tag is not believed', async () => {
    const { ask, asked } = dictated(
      { headers: { ...stale, ETag: '"a"' } },
      { status: 304, headers: { ETag: '"b"' } },
      { headers: { ...stale, ETag: '"b"' }, body: 'another' },
    )
    await ask()
    assert.equal((await ask()).text, 'another')
    assert.equal(asked().length, 3)
  })

  test('a 200 takes the place of what was stored', async () => {
    const { ask, asked } = dictated(
      { headers: { ...stale, ETag: '"a"', 'x-amz-meta-a': '1' } },
      { headers: { 'Cache-Control': 'max-age=3600', ETag: '"b"' }, body: 'another' },
    )
    await ask()
    for (const answer of [await ask(), await ask()]) {
      assert.deepEqual([answer.text, answer.headers['x-amz-meta-a']], ['another', undefined])
    }
    assert.equal(asked().length, 2)
  })
})

describe('a client’s conditions (RFC 9110 §13) are answered from what is stored', () => {
  const ETag = '"abc"'
  const headers = { 'Cache-Control': 'max-age=3600', ETag, 'Last-Modified': 'Mon, 01 Jan 2024 00:00:00 GMT' } // prettier-ignore
  const cases: readonly (readonly [Record<string, string>, number])[] = [
    [{ 'If-None-Match': '"abc"' }, 304],
    [{ 'If-None-Match': 'W/"abc"' }, 304],
    [{ 'If-None-Match': '"x", "abc"' }, 304],
    [{ 'If-None-Match': '"x",W/"abc" , "y"' }, 304],
    [{ 'If-None-Match': '*' }, 304],
    [{ 'If-None-Match': '"x"' }, 200],
    [{ 'If-None-Match': 'abc' }, 200],
    [{ 'If-Modified-Since': 'Mon, 01 Jan 2024 00:00:00 GMT' }, 304],
    [{ 'If-Modified-Since': 'Sun, 31 Dec 2023 23:59:59 GMT' }, 200],
    [{ 'If-Modified-Since': 'Tue, 02 Jan 2024 00:00:00 GMT' }, 304],
    [{ 'If-None-Match': '"x"', 'If-Modified-Since': 'Tue, 02 Jan 2024 00:00:00 GMT' }, 200],
  ]
  for (const [conditions, status] of cases) {
    test(`${JSON.stringify(conditions)}: ${status}`, async () => {
      const { ask, asked } = dictated({ headers })
      await ask()
      const answer = await ask(conditions)
      assert.deepEqual([answer.status, answer.headers['etag']], [status, ETag])
      assert.equal(asked().length, 1)
    })
  }

  test('a miss with a condition that is met is a 304, and stored all the same', async () => {
    const { ask } = dictated({ headers })
    assert.equal((await ask({ 'If-None-Match': ETag })).status, 304)
    assert.equal((await ask()).text, 'the body')
  })
})

describe('HEAD (RFC 9111 §4.3.5)', () => {
  const fresh = { 'Cache-Control': 'max-age=3600', ETag: '"a"' }

  test('is answered from a stored GET', async () => {
    const { ask, asked } = dictated({ headers: fresh })
    await ask()
    const head = await ask({}, 'HEAD')
    assert.deepEqual([head.status, head.headers['content-length'], asked().length], [200, '8', 1])
  })

  test('renews a stored GET that is still the same', async () => {
    const { ask, asked } = dictated(
      { headers: { 'Cache-Control': 'max-age=0', ETag: '"a"' } },
      { headers: { ...fresh, 'x-amz-meta-a': '2' } },
    )
    await ask()
    await ask({}, 'HEAD')
    const got = await ask()
    assert.deepEqual([got.text, got.headers['x-amz-meta-a']], ['the body', '2'])
    assert.deepEqual(
      asked().map(({ method }) => method),
      ['GET', 'HEAD'],
    )
  })

  test('drops a stored GET that is another now', async () => {
    const { ask } = dictated(
      { headers: { 'Cache-Control': 'max-age=0', ETag: '"a"' } },
      { headers: { ...fresh, ETag: '"b"' }, body: 'another' },
    )
    await ask()
    await ask({}, 'HEAD')
    assert.equal((await ask()).text, 'another')
  })
})

describe('parts (RFC 9111 §3.3, §3.4)', () => {
  const size = 200_000
  const body = Array.from({ length: size }, (_, i) => String.fromCharCode(97 + (i % 23))).join('')
  const headers = { 'Cache-Control': 'max-age=3600', ETag: '"strong"' }

  test('a whole that is stored answers ranges', async () => {
    const { ask, asked } = dictated({ headers, body: '0123456789' })
    await ask()
    for (const [range, text] of [
      ['bytes=0-1', '01'],
      ['bytes=8-', '89'],
      ['bytes=-3', '789'],
    ]) {
      // prettier-ignore
      const answer = await ask({ Range: range ?? '' })
      assert.deepEqual([answer.status, answer.text], [206, text])
    }
    assert.equal(asked().length, 1)
  })

  test('a part that is stored answers the same and smaller ranges', async () => {
    const { ask, asked } = dictated({ headers, body })
    await ask({ Range: 'bytes=70000-80000' })
    const again = await ask({ Range: 'bytes=70001-70010' })
    assert.deepEqual([again.status, again.text], [206, body.slice(70_001, 70_011)])
    assert.equal(asked().length, 1)
  })

  test('a part is completed with what is missing, of the same version', async () => {
    const { ask, asked } = dictated({ headers, body })
    await ask({ Range: 'bytes=0-10' })
    const whole = await ask()
    assert.deepEqual([whole.status, whole.text], [200, body])
    assert.equal(asked()[1]?.headers['range'], `bytes=65536-${size - 1}`)
    assert.equal(asked()[1]?.headers['if-match'], '"strong"')
  })

  test('parts of different versions are never put together', async () => {
    const { ask } = dictated(
      { headers, body },
      { headers: { ...headers, ETag: '"other"' }, body: body.toUpperCase() },
    )
    await ask({ Range: 'bytes=0-10' })
    const part = await ask({ Range: 'bytes=65536-65540' })
    assert.deepEqual([part.status, part.text], [206, body.slice(65_536, 65_541).toUpperCase()])
    assert.equal((await ask()).text, body.toUpperCase())
  })

  test('parts without any validator are not put together', async () => {
    const unnamed = { 'Cache-Control': 'max-age=3600' }
    const { ask } = dictated(
      { headers: unnamed, body },
      { headers: unnamed, body: body.toUpperCase() },
    )
    await ask({ Range: 'bytes=0-10' })
    assert.equal((await ask()).text, body.toUpperCase())
  })
})

describe('stale answers (RFC 9111 §4.2.4, RFC 5861)', () => {
  async function whenOriginFails(name: string, cacheControl: string): Promise<Answer> {
    const headers = { 'Cache-Control': cacheControl, ETag: '"a"' }
    const { ask } = dictatedIn(name, { headers }, { status: 500 })
    await ask()
    return ask()
  }

  const cases: readonly (readonly [string, string, number])[] = [
    ['stale', 'max-age=0', 200],
    ['stale', 'max-age=0, must-revalidate', 502],
    ['stale', 'max-age=0, proxy-revalidate', 502],
    ['stale', 's-maxage=0', 502],
    ['stale', 'no-cache, max-age=60', 502],
    ['c', 'max-age=0', 502],
    ['c', 'max-age=0, stale-if-error=60', 200],
    ['stale', 'max-age=0, stale-if-error=0', 502],
  ]
  for (const [name, cacheControl, status] of cases) {
    const policy = name === 'stale' ? 'a bucket that allows stale use' : 'a bucket that does not'
    test(`${cacheControl} when S3 fails, in ${policy}: ${status}`, async () => {
      assert.equal((await whenOriginFails(name, cacheControl)).status, status)
    })
  }

  test('stale-while-revalidate serves stale, and the next has the new one', async () => {
    const swr = { 'Cache-Control': 'max-age=0, stale-while-revalidate=60' }
    const { ask, asked } = dictated(
      { headers: { ...swr, ETag: '"a"' }, body: 'old' },
      { headers: { 'Cache-Control': 'max-age=3600', ETag: '"b"' }, body: 'young' },
    )
    await ask()
    assert.equal((await ask()).text, 'old')
    const deadline = performance.now() + 10_000
    while ((await ask()).text !== 'young' && performance.now() < deadline) continue
    assert.equal((await ask()).text, 'young')
    assert.equal(asked().length, 2)
  })
})

describe('other statuses', () => {
  test('a 404 is kept as long as it says', async () => {
    const { ask, asked } = dictated({ status: 404, headers: { 'Cache-Control': 'max-age=3600' } })
    for (let i = 0; i < 2; i += 1) assert.equal((await ask()).status, 404)
    assert.equal(asked().filter(({ method }) => method === 'GET').length, 1)
  })

  test('a failure is kept by nobody', async () => {
    const maxAge = { 'Cache-Control': 'max-age=3600' }
    const { ask } = dictated({ status: 500, headers: maxAge }, { headers: maxAge })
    assert.equal((await ask()).status, 502)
    assert.equal((await ask()).status, 200)
  })
})

test('an answer to a request with Authorization is shared only where it says so (§3.5)', async () => {
  const Authorization = 'Basic eDp5'
  for (const [cacheControl, requests] of [
    ['max-age=60', 2],
    ['public, max-age=60', 1],
    ['s-maxage=60', 1],
  ] as const) {
    // prettier-ignore
    const { ask, asked } = dictated({ headers: { 'Cache-Control': cacheControl } })
    await ask({ Authorization })
    await ask()
    assert.equal(asked().length, requests, cacheControl)
  }
})
