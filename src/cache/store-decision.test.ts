import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { parseRequestDirectives } from '../http/cache-control.ts'
import { formatHttpDate } from '../http/date.ts'
import { storeDecision } from './store-decision.ts'
import type {
  CachePolicy,
  NotStored,
  OriginAnswerFacts,
  StorageTerms,
  StoreRequest,
} from './store-decision.ts'

const NOW = Date.UTC(2030, 0, 1)
const HOUR = 3600
const DAY = 86_400

const answer: OriginAnswerFacts = {
  status: 200,
  cacheControl: undefined,
  cdnCacheControl: undefined,
  expires: undefined,
  date: formatHttpDate(NOW),
  age: undefined,
  vary: undefined,
  hasValidator: true,
  size: 1000,
  requestedAt: NOW,
  receivedAt: NOW,
}

const policy: CachePolicy = {
  ttlMs: HOUR * 1000,
  negativeTtlMs: 10_000,
  minTtlMs: 0,
  maxTtlMs: 30 * DAY * 1000,
  staleWhileRevalidateMs: 60_000,
  staleIfErrorMs: DAY * 1000,
  staleIfSlowMs: 0,
  respectOrigin: true,
  honourRequestDirectives: true,
  maxItemBytes: 1 << 20,
  vary: [],
}

const request: StoreRequest = {
  headers: {},
  directives: parseRequestDirectives(undefined, undefined),
  isAuthorized: false,
}

interface Given {
  readonly answer?: Partial<OriginAnswerFacts>
  readonly policy?: Partial<CachePolicy>
  readonly request?: Partial<StoreRequest>
  readonly jitter?: number
}

function decisionFor(given: Given): ReturnType<typeof storeDecision> {
  const facts = { ...answer, ...given.answer }
  const asked = { ...request, ...given.request }
  return storeDecision(facts, { ...policy, ...given.policy }, asked, given.jitter ?? 0)
}

function termsFor(given: Given): StorageTerms {
  const decision = decisionFor(given)
  assert.equal(decision.kind, 'store')
  return decision.kind === 'store' ? decision.terms : assert.fail()
}

/** Seconds from the reception. */
function offset(instant: number): number {
  return (instant - NOW) / 1000
}

function titled(given: Given): string {
  const { answer: said, policy: set, request: asked } = given
  return JSON.stringify({ ...said, ...set, ...asked }, (_, value: unknown) =>
    value === undefined ? null : value,
  )
}

function freshFor(title: string, rows: readonly (readonly [Given, freshS: number])[]): void {
  describe(title, () => {
    for (const [given, freshS] of rows) {
      test(`${titled(given)} is fresh for ${freshS} s`, () => {
        assert.equal(offset(termsFor(given).freshUntil), freshS)
      })
    }
  })
}

const inAnHour = formatHttpDate(NOW + HOUR * 1000)

freshFor('s-maxage comes before max-age, Expires and the bucket', [
  [{}, HOUR],
  [{ answer: { cacheControl: 'public' } }, HOUR],
  [{ answer: { cacheControl: 'must-revalidate' } }, HOUR],
  [{ answer: { cacheControl: 'max-age=60' } }, 60],
  [{ answer: { cacheControl: 'max-age=0' } }, 0],
  [{ answer: { cacheControl: 'max-age=x' } }, 0],
  [{ answer: { cacheControl: 'max-age=60, s-maxage=5' } }, 5],
  [{ answer: { cacheControl: 'max-age=5', expires: inAnHour } }, 5],
  [{ answer: { expires: inAnHour }, policy: { ttlMs: 5000 } }, HOUR],
  [{ answer: { expires: '0' } }, 0],
  [{ answer: { expires: inAnHour, date: undefined } }, HOUR],
  [{ answer: { expires: inAnHour, date: 'foo' } }, HOUR],
  [{ policy: { ttlMs: 0 } }, 0],
])

freshFor('what CDN-Cache-Control says replaces Cache-Control and Expires (RFC 9213)', [
  [{ answer: { cdnCacheControl: 'max-age=5', cacheControl: 'max-age=60' } }, 5],
  [{ answer: { cdnCacheControl: 'max-age=60', cacheControl: 'max-age=5' } }, 60],
  [{ answer: { cdnCacheControl: 'max-age=60', expires: '0' } }, 60],
  [{ answer: { cdnCacheControl: 'max-age=0', expires: inAnHour } }, 0],
  [{ answer: { cdnCacheControl: 'max-age=60', cacheControl: 'no-store' } }, 60],
  [{ answer: { cdnCacheControl: 'max-age=60', cacheControl: 'private' } }, 60],
  [{ answer: { cdnCacheControl: 'public', cacheControl: 'max-age=5', expires: '0' } }, HOUR],
  [{ answer: { cdnCacheControl: 'max-age="60"', cacheControl: 'max-age=5' } }, 5],
  [{ answer: { cdnCacheControl: '', cacheControl: 'max-age=5' } }, 5],
])

freshFor('the age on arrival is taken off what the origin said (RFC 9111 §4.2)', [
  [{ answer: { cacheControl: 'max-age=60', age: '20' } }, 40],
  [{ answer: { cacheControl: 'max-age=3600', age: '7200' } }, -3600],
  [{ answer: { cacheControl: 'max-age=3600', date: formatHttpDate(NOW - 7_200_000) } }, -3600],
  [{ answer: { cacheControl: 'max-age=60', requestedAt: NOW - 5000 } }, 55],
  [{ answer: { expires: inAnHour, age: '600' } }, 3000],
  [{ answer: { expires: inAnHour, date: formatHttpDate(NOW - 10_000), age: '3620' } }, -10],
])

freshFor("the bucket's own ttl counts from the reception", [
  [{ answer: { age: '7200' } }, HOUR],
  [{ answer: { date: formatHttpDate(NOW - 7_200_000) } }, HOUR],
])

freshFor("min_ttl and max_ttl bound what the origin said, and the bucket's own ttl", [
  [{ answer: { cacheControl: 'max-age=5' }, policy: { minTtlMs: 60_000 } }, 60],
  [{ answer: { cacheControl: 'max-age=0' }, policy: { minTtlMs: 60_000 } }, 60],
  [{ answer: { expires: '0' }, policy: { minTtlMs: 60_000 } }, 60],
  [{ answer: { cacheControl: 'max-age=90' }, policy: { minTtlMs: 60_000 } }, 90],
  [{ answer: { cacheControl: 'max-age=31536000' } }, 30 * DAY],
  [{ answer: { cacheControl: 'max-age=99999999999' } }, 30 * DAY],
  [{ answer: { cacheControl: 'max-age=9' }, policy: { maxTtlMs: 5000 } }, 5],
  [{ policy: { ttlMs: 5000, minTtlMs: 60_000 } }, 60],
  [{ policy: { ttlMs: 5000, minTtlMs: 60_000, respectOrigin: false } }, 60],
  [{ policy: { ttlMs: 90_000, minTtlMs: 60_000 } }, 90],
  [{ policy: { maxTtlMs: 5000 } }, 5],
  [{ policy: { ttlMs: 365 * DAY * 1000 } }, 30 * DAY],
])

freshFor('respect_origin: false leaves the bucket alone to say', [
  [{ answer: { cacheControl: 'max-age=5' }, policy: { respectOrigin: false } }, HOUR],
  [{ answer: { cacheControl: 's-maxage=5' }, policy: { respectOrigin: false } }, HOUR],
  [{ answer: { expires: '0' }, policy: { respectOrigin: false } }, HOUR],
  [{ answer: { cdnCacheControl: 'max-age=5' }, policy: { respectOrigin: false } }, HOUR],
  [{ answer: { status: 404, cacheControl: 'max-age=5' }, policy: { respectOrigin: false } }, 10],
])

freshFor('that an object is absent is kept for negative_ttl, unless the answer says', [
  [{ answer: { status: 404, hasValidator: false } }, 10],
  [{ answer: { status: 404, cacheControl: 'max-age=60' } }, 60],
  [{ answer: { status: 404, cacheControl: 'max-age=60' }, policy: { negativeTtlMs: 0 } }, 60],
  [{ answer: { status: 404, expires: inAnHour } }, HOUR],
  [{ answer: { status: 404, cacheControl: 'max-age=5' }, policy: { minTtlMs: 60_000 } }, 5],
])

freshFor('max_ttl bounds negative_ttl, and min_ttl does not', [
  [{ answer: { status: 404 }, policy: { negativeTtlMs: 90_000, maxTtlMs: 60_000 } }, 60],
  [{ answer: { status: 404 }, policy: { minTtlMs: 60_000 } }, 10],
])

describe("chance takes up to a twentieth of the bucket's own ttl, down to min_ttl", () => {
  const rows: readonly (readonly [Given, freshS: number])[] = [
    [{ jitter: 0 }, 3600],
    [{ jitter: 0.5 }, 3510],
    [{ jitter: 1 }, 3420],
    [{ jitter: 1, policy: { maxTtlMs: 100_000 } }, 95],
    [{ jitter: 0.5, policy: { minTtlMs: 3_500_000 } }, 3510],
    [{ jitter: 1, policy: { minTtlMs: 3_500_000 } }, 3500],
    [{ jitter: 1, policy: { ttlMs: 5000, minTtlMs: 60_000 } }, 60],
    [{ jitter: 1, answer: { status: 404 } }, 9.5],
    [{ jitter: 1, answer: { status: 404 }, policy: { minTtlMs: 60_000 } }, 9.5],
    [{ jitter: 1, answer: { cacheControl: 'max-age=100' } }, 100],
    [{ jitter: 1, answer: { expires: inAnHour } }, HOUR],
  ]
  for (const [given, freshS] of rows) {
    test(`${titled(given)} with ${given.jitter} is fresh for ${freshS} s`, () => {
      assert.equal(offset(termsFor(given).freshUntil), freshS)
    })
  }
})

type StaleRow = readonly [Given, revalidateS: number, errorS: number, isNeverStale: boolean]

function staleFor(title: string, rows: readonly StaleRow[]): void {
  describe(title, () => {
    for (const [given, revalidateS, errorS, isNeverStale] of rows) {
      test(`${titled(given)}: ${revalidateS} s while renewed, ${errorS} s for an error`, () => {
        const terms = termsFor(given)
        assert.equal((terms.staleWhileRevalidateUntil - terms.freshUntil) / 1000, revalidateS)
        assert.equal((terms.staleIfErrorUntil - terms.freshUntil) / 1000, errorS)
        assert.equal(terms.isNeverStale, isNeverStale)
      })
    }
  })
}

staleFor("an answer's own stale-* come before the bucket's (RFC 5861)", [
  [{}, 60, DAY, false],
  [{ answer: { cacheControl: 'max-age=1, stale-while-revalidate=4' } }, 4, DAY, false],
  [{ answer: { cacheControl: 'max-age=1, stale-if-error=4' } }, 60, 4, false],
  [{ answer: { cacheControl: 'stale-while-revalidate=0, stale-if-error=0' } }, 0, 0, false],
  [{ answer: { cacheControl: 'stale-while-revalidate=x' } }, 0, DAY, false],
  [{ answer: { cdnCacheControl: 'stale-if-error=9' } }, 60, 9, false],
  [{ policy: { staleWhileRevalidateMs: 0, staleIfErrorMs: 0 } }, 0, 0, false],
  [{ answer: { status: 404 } }, 0, 0, false],
  [{ answer: { status: 404, cacheControl: 'stale-if-error=5' } }, 0, 5, false],
])

staleFor('an answer that forbids stale use is obeyed (RFC 9111 §4.2.4)', [
  [{ answer: { cacheControl: 'max-age=2, must-revalidate' } }, 0, 0, true],
  [{ answer: { cacheControl: 'max-age=2, proxy-revalidate' } }, 0, 0, true],
  [{ answer: { cacheControl: 'max-age=2, no-cache' } }, 0, 0, true],
  [{ answer: { cacheControl: 'max-age=2, s-maxage=2' } }, 0, 0, true],
  [{ answer: { cacheControl: 'must-revalidate, stale-if-error=60' } }, 0, 0, true],
  [{ answer: { cacheControl: 'no-cache, stale-while-revalidate=60' } }, 0, 0, true],
  [{ answer: { cdnCacheControl: 'must-revalidate' } }, 0, 0, true],
  [{ answer: { cdnCacheControl: 'max-age=2', cacheControl: 'must-revalidate' } }, 60, DAY, false],
])

staleFor('s-maxage forbids stale use but for what the same answer spells out', [
  [{ answer: { cacheControl: 's-maxage=60, stale-while-revalidate=300' } }, 300, 0, false],
  [{ answer: { cacheControl: 's-maxage=60, stale-if-error=300' } }, 0, 300, false],
])

staleFor('respect_origin: false does not let the answer forbid or allow', [
  [
    { answer: { cacheControl: 'must-revalidate' }, policy: { respectOrigin: false } },
    60,
    DAY,
    false,
  ],
  [
    { answer: { cacheControl: 'stale-if-error=5' }, policy: { respectOrigin: false } },
    60,
    DAY,
    false,
  ],
])

describe('no-cache is kept and always validated (RFC 9111 §5.2.2.4)', () => {
  const rows: readonly (readonly [Given, isAlwaysValidated: boolean])[] = [
    [{ answer: { cacheControl: 'no-cache' } }, true],
    [{ answer: { cacheControl: 'max-age=10000, no-cache', expires: inAnHour } }, true],
    [{ answer: { cacheControl: 'no-cache="a"' } }, true],
    [{ answer: { cacheControl: 'no-cache' }, policy: { minTtlMs: 60_000 } }, true],
    [{ answer: { cdnCacheControl: 'no-cache', cacheControl: 'max-age=1000' } }, true],
    [{ answer: { cacheControl: 'max-age=60' } }, false],
    [{ answer: { cacheControl: 'no-cache' }, policy: { respectOrigin: false } }, false],
  ]
  for (const [given, isAlwaysValidated] of rows) {
    test(`${titled(given)}: ${isAlwaysValidated}`, () => {
      assert.equal(termsFor(given).isAlwaysValidated, isAlwaysValidated)
    })
  }
})

describe('a head is kept as long as something can be made of it', () => {
  const short = { staleWhileRevalidateMs: 0, staleIfErrorMs: 0 }
  const bare = { hasValidator: false }
  const rows: readonly (readonly [Given, keepS: number])[] = [
    [{ answer: { ...bare }, policy: short }, HOUR],
    [{ answer: { ...bare } }, HOUR + DAY],
    [
      {
        answer: { ...bare, cacheControl: 'max-age=5, stale-while-revalidate=9, stale-if-error=7' },
      },
      14,
    ],
    [{ answer: { ...bare, cacheControl: 'max-age=5, must-revalidate' } }, 5],
    [{ answer: { cacheControl: 'max-age=5' }, policy: short }, 5 + DAY],
    [{ answer: { cacheControl: 'max-age=0' }, policy: short }, DAY],
    [{ answer: { cacheControl: 'max-age=5', age: '500000' }, policy: short }, DAY],
    [{ answer: { cacheControl: 'no-cache, max-age=500' }, policy: short }, DAY],
    [{ answer: { cacheControl: 'max-age=5' }, policy: { ...short, maxTtlMs: 60_000 } }, 65],
    [{ answer: { ...bare, status: 404 } }, 10],
  ]
  for (const [given, keepS] of rows) {
    test(`${titled(given)} is kept for ${keepS} s`, () => {
      assert.equal(offset(termsFor(given).keepUntil), keepS)
    })
  }
})

describe('what is not kept', () => {
  const asks = (cacheControl: string): Partial<StoreRequest> => ({
    directives: parseRequestDirectives(cacheControl, undefined),
  })
  const rows: readonly (readonly [Given, reason: NotStored])[] = [
    [{ answer: { cacheControl: 'no-store' } }, 'no-store'],
    [{ answer: { cacheControl: 'max-age=10000, no-store', expires: inAnHour } }, 'no-store'],
    [{ answer: { cacheControl: 'private, max-age=3600' } }, 'private'],
    [{ answer: { cacheControl: 'no-store' }, policy: { minTtlMs: 60_000 } }, 'no-store'],
    [{ answer: { cacheControl: 'no-store' }, policy: { respectOrigin: false } }, 'no-store'],
    [{ answer: { cacheControl: 'private' }, policy: { respectOrigin: false } }, 'private'],
    [{ answer: { cdnCacheControl: 'no-store', cacheControl: 'max-age=1000' } }, 'no-store'],
    [{ answer: { cdnCacheControl: 'private', cacheControl: 'max-age=1000' } }, 'private'],
    [{ answer: { cdnCacheControl: 'max-age=10, &&&&&', cacheControl: 'no-store' } }, 'no-store'],
    [{ answer: { cdnCacheControl: 'max-age="10"', cacheControl: 'no-store' } }, 'no-store'],
    [{ answer: { status: 500, cacheControl: 'max-age=60' } }, 'status'],
    [{ answer: { vary: '*' } }, 'vary-any'],
    [{ answer: { vary: 'a, *', cacheControl: 'max-age=60' } }, 'vary-any'],
    [{ request: asks('no-store') }, 'request-no-store'],
    [{ request: { isAuthorized: true }, answer: { expires: inAnHour } }, 'authorization'],
    [{ answer: { size: (1 << 20) + 1 } }, 'too-large'],
    [{ answer: { status: 404, hasValidator: false }, policy: { negativeTtlMs: 0 } }, 'unusable'],
    [{ answer: { hasValidator: false, cacheControl: 'no-cache, max-age=60' } }, 'unusable'],
    [{ answer: { hasValidator: false, cacheControl: 'max-age=0, must-revalidate' } }, 'unusable'],
    [
      {
        answer: {
          hasValidator: false,
          cacheControl: 'max-age=9, stale-if-error=9, stale-while-revalidate=9',
          age: '18',
        },
      },
      'unusable',
    ],
  ]
  for (const [given, reason] of rows) {
    test(`${titled(given)}: ${reason}`, () => {
      assert.deepEqual(decisionFor(given), { kind: 'no', reason })
    })
  }
})

describe('what is kept all the same', () => {
  const rows: readonly Given[] = [
    { answer: { size: 1 << 20 } },
    { answer: { size: undefined } },
    { answer: { cacheControl: 'no-store, must-understand, max-age=60' } },
    { request: { isAuthorized: true }, answer: { cacheControl: 'public, max-age=3600' } },
    { request: { isAuthorized: true }, answer: { cacheControl: 'must-revalidate, max-age=3600' } },
    { request: { isAuthorized: true }, answer: { cacheControl: 's-maxage=3600' } },
    {
      request: { directives: parseRequestDirectives('no-store', undefined) },
      policy: { honourRequestDirectives: false },
    },
    { request: { directives: parseRequestDirectives('no-cache', undefined) } },
  ]
  for (const given of rows) {
    test(titled(given), () => {
      assert.equal(decisionFor(given).kind, 'store')
    })
  }
})

describe('the fields that select an answer are those of its Vary and of the bucket', () => {
  const headers = { foo: '1, 2', 'accept-language': 'de' }
  const rows: readonly (readonly [Given, readonly (readonly [string, string])[]])[] = [
    [{}, []],
    [{ answer: { vary: 'Foo' } }, [['foo', '1,2']]],
    [{ answer: { vary: 'Bar' } }, [['bar', '']]],
    [{ policy: { vary: ['accept-language'] } }, [['accept-language', 'de']]],
    [
      { answer: { vary: 'Foo, Accept-Language' }, policy: { vary: ['accept-language'] } },
      [
        ['accept-language', 'de'],
        ['foo', '1,2'],
      ],
    ],
  ]
  for (const [given, selecting] of rows) {
    test(`${titled(given)}: ${JSON.stringify(selecting)}`, () => {
      assert.deepEqual(termsFor({ ...given, request: { headers } }).selecting, selecting)
    })
  }
})

test('the Date to send is the origin’s, or when it came', () => {
  const date = formatHttpDate(NOW - 5000)
  assert.equal(offset(termsFor({ answer: { date } }).dateAt), -5)
  assert.equal(offset(termsFor({ answer: { date: undefined } }).dateAt), 0)
  assert.equal(offset(termsFor({ answer: { date: 'foo' } }).dateAt), 0)
})

test('the age to send begins with what it was on arrival', () => {
  const terms = termsFor({ answer: { age: '30', requestedAt: NOW - 500 } })
  assert.equal(terms.initialAgeMs, 30_500)
  assert.equal(terms.receivedAt, NOW)
})
