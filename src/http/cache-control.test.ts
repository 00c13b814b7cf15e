import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import * as fc from 'fast-check'

import {
  NO_REQUEST_DIRECTIVES,
  NO_RESPONSE_DIRECTIVES,
  parseRequestDirectives,
  parseResponseDirectives,
} from './cache-control.ts'
import type { RequestDirectives, ResponseDirectives } from './cache-control.ts'

type ResponseRow = readonly [header: string, says: Partial<ResponseDirectives>]

function answerSays(title: string, rows: readonly ResponseRow[]): void {
  describe(title, () => {
    for (const [header, says] of rows) {
      test(`${JSON.stringify(header)} says ${JSON.stringify(says)}`, () => {
        const expected = { ...NO_RESPONSE_DIRECTIVES, isPresent: true, ...says }
        assert.deepEqual(parseResponseDirectives(header), expected)
      })
    }
  })
}

answerSays('every directive of an answer is known (RFC 9111 §5.2.2)', [
  ['max-age=60', { maxAgeS: 60 }],
  ['s-maxage=60', { sMaxAgeS: 60 }],
  ['no-store', { noStore: true }],
  ['no-cache', { noCache: true }],
  ['private', { isPrivate: true }],
  ['public', { isPublic: true }],
  ['must-revalidate', { mustRevalidate: true }],
  ['proxy-revalidate', { proxyRevalidate: true }],
  ['must-understand', { mustUnderstand: true }],
  ['immutable', { immutable: true }],
  ['stale-while-revalidate=30', { staleWhileRevalidateS: 30 }],
  ['stale-if-error=30', { staleIfErrorS: 30 }],
  ['public, max-age=60, s-maxage=5', { isPublic: true, maxAgeS: 60, sMaxAgeS: 5 }],
])

answerSays('case and space around commas mean nothing', [
  ['MaX-AgE=3600', { maxAgeS: 3600 }],
  ['No-StOrE', { noStore: true }],
  ['No-CaChE', { noCache: true }],
  ['  max-age=1  ', { maxAgeS: 1 }],
  ['no-store,max-age=1', { noStore: true, maxAgeS: 1 }],
  ['no-store\t,\t max-age=1', { noStore: true, maxAgeS: 1 }],
  [',, max-age=1 ,', { maxAgeS: 1 }],
])

answerSays('what is unknown is ignored (RFC 9111 §5.2.3)', [
  ['foobar, max-age=3600', { maxAgeS: 3600 }],
  ['foo=bar, max-age=3600', { maxAgeS: 3600 }],
  ['max-age-x=5', {}],
  ['x-no-store', {}],
  ['pre-check=0, post-check=0', {}],
])

answerSays('quoted text is one argument and holds no directives', [
  ['extension="max-age=3600", max-age=1', { maxAgeS: 1 }],
  ['max-age=1, extension="max-age=3600"', { maxAgeS: 1 }],
  ['extension="a, no-store, b", max-age=1', { maxAgeS: 1 }],
  ['extension="a\\", no-store", max-age=1', { maxAgeS: 1 }],
  ['max-age="3600"', { maxAgeS: 3600 }],
  ['s-maxage="5"', { sMaxAgeS: 5 }],
])

answerSays('a quote that never closes hides nothing after it', [
  ['extension="a, no-store', { noStore: true }],
])

answerSays('of a directive given twice the first counts (RFC 9111 §4.2.1)', [
  ['max-age=1800, max-age=1', { maxAgeS: 1800 }],
  ['max-age=1, max-age=1800', { maxAgeS: 1 }],
  ['max-age=x, max-age=1800', { maxAgeS: 0 }],
  ['s-maxage=1, S-MAXAGE=9', { sMaxAgeS: 1 }],
])

answerSays('a number that cannot be read is 0: the answer is stale', [
  ['max-age=-3600', { maxAgeS: 0 }],
  ['max-age=3600.0', { maxAgeS: 0 }],
  ['max-age=3600.5', { maxAgeS: 0 }],
  ['max-age=a3600', { maxAgeS: 0 }],
  ['max-age=3600a', { maxAgeS: 0 }],
  ["max-age='3600'", { maxAgeS: 0 }],
  ['max-age="3600', { maxAgeS: 0 }],
  ['max-age="3600"x', { maxAgeS: 0 }],
  ['max-age=""', { maxAgeS: 0 }],
  ['max-age="', { maxAgeS: 0 }],
  ['max-age=', { maxAgeS: 0 }],
  ['max-age', { maxAgeS: 0 }],
  ['max-age =3600', { maxAgeS: 0 }],
  ['max-age= 3600', { maxAgeS: 0 }],
  ['max-age: 3600', {}],
  ['s-maxage=no', { sMaxAgeS: 0 }],
  ['stale-while-revalidate=x', { staleWhileRevalidateS: 0 }],
  ['stale-if-error', { staleIfErrorS: 0 }],
])

answerSays('numbers are long enough for anyone (RFC 9111 §1.2.2)', [
  ['max-age=003600', { maxAgeS: 3600 }],
  ['max-age=2147483647', { maxAgeS: 2147483647 }],
  ['max-age=2147483648', { maxAgeS: 2147483648 }],
  ['max-age=2147483649', { maxAgeS: 2147483648 }],
  ['max-age=99999999999', { maxAgeS: 2147483648 }],
])

answerSays('a flag is meant whatever follows it', [
  ['no-cache="set-cookie"', { noCache: true }],
  ['no-cache="a, b", max-age=3600', { noCache: true, maxAgeS: 3600 }],
  ['private="x-user"', { isPrivate: true }],
  ['no-store=1', { noStore: true }],
  ['no-store =1', { noStore: true }],
])

describe('an answer without directives says nothing', () => {
  for (const header of [undefined, '', ' ', ' , ']) {
    test(JSON.stringify(header) ?? 'no header', () => {
      assert.deepEqual(parseResponseDirectives(header), NO_RESPONSE_DIRECTIVES)
    })
  }
})

type RequestRow = readonly [
  cacheControl: string | undefined,
  pragma: string | undefined,
  says: Partial<RequestDirectives>,
]

describe('the directives of a request (RFC 9111 §5.2.1)', () => {
  const rows: readonly RequestRow[] = [
    [undefined, undefined, {}],
    ['', undefined, {}],
    ['no-store', undefined, { noStore: true }],
    ['No-Cache', undefined, { noCache: true }],
    ['only-if-cached', undefined, { onlyIfCached: true }],
    ['max-age=0', undefined, { maxAgeS: 0 }],
    ['max-age=600, min-fresh=5', undefined, { maxAgeS: 600, minFreshS: 5 }],
    ['max-age="600"', undefined, { maxAgeS: 600 }],
    ['max-age=1, max-age=9', undefined, { maxAgeS: 1 }],
    ['max-stale', undefined, { maxStaleS: 'any' }],
    ['max-stale=100', undefined, { maxStaleS: 100 }],
    ['max-stale=', undefined, {}],
    ['max-stale = 5', undefined, {}],
    ['max-stale=x', undefined, {}],
    ['stale-if-error=60', undefined, { staleIfErrorS: 60 }],
    ['max-age=-1', undefined, {}],
    ['max-age=x', undefined, {}],
    ['min-fresh=', undefined, {}],
    ['stale-if-error=x', undefined, {}],
    ['max-age=99999999999', undefined, { maxAgeS: 2147483648 }],
    [undefined, 'no-cache', { noCache: true }],
    [undefined, 'No-Cache', { noCache: true }],
    [undefined, 'x, no-cache', { noCache: true }],
    [undefined, 'unrecognised-extension', {}],
    [undefined, 'no-store', {}],
    ['max-age=60', 'no-cache', { maxAgeS: 60 }],
    ['', 'no-cache', {}],
  ]
  for (const [cacheControl, pragma, says] of rows) {
    const asked = `Cache-Control: ${cacheControl}, Pragma: ${pragma}`
    test(`${asked} asks ${JSON.stringify(says)}`, () => {
      const expected = { ...NO_REQUEST_DIRECTIVES, ...says }
      assert.deepEqual(parseRequestDirectives(cacheControl, pragma), expected)
    })
  }
})

const piece = fc.constantFrom(
  ...'max-age s-maxage no-store private = " \\ , 5 -1 2147483650 \t \xff ; a'.split(' '),
)
const anyHeader = fc.oneof(
  fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 30 }),
)

test('no header makes a parser throw, and every number it gives is whole and bounded', () => {
  fc.assert(
    fc.property(anyHeader, (header) => {
      const answer = parseResponseDirectives(header)
      const request = parseRequestDirectives(header, undefined)
      for (const value of [...Object.values(answer), ...Object.values(request)]) {
        if (typeof value !== 'number') continue
        assert.ok(Number.isInteger(value) && value >= 0 && value <= 2 ** 31)
      }
    }),
    { seed: 9111, numRuns: 3000 },
  )
})

test('no-store is heard wherever it stands in a well-formed header', () => {
  const other = fc.constantFrom('max-age=5', 'foo', 'private="a, b"', 'x="\\""', 'public', '')
  fc.assert(
    fc.property(fc.array(other), fc.array(other), (before, after) => {
      const header = [...before, 'no-store', ...after].join(', ')
      assert.equal(parseResponseDirectives(header).noStore, true)
      assert.equal(parseRequestDirectives(header, undefined).noStore, true)
    }),
    { seed: 9111, numRuns: 500 },
  )
})
