import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { NO_RESPONSE_DIRECTIVES } from './cache-control.ts'
import type { ResponseDirectives } from './cache-control.ts'
import { parseTargetedDirectives } from './targeted-cache-control.ts'

describe('CDN-Cache-Control speaks to this cache (RFC 9213)', () => {
  const rows: readonly (readonly [header: string, says: Partial<ResponseDirectives>])[] = [
    ['max-age=3600', { maxAgeS: 3600 }],
    ['max-age=0', { maxAgeS: 0 }],
    ['max-age=-5', { maxAgeS: 0 }],
    ['max-age=2147483648', { maxAgeS: 2147483648 }],
    ['max-age=99999999999', { maxAgeS: 2147483648 }],
    ['max-age=1, max-age=2', { maxAgeS: 2 }],
    ['s-maxage=5', { sMaxAgeS: 5 }],
    ['foobar, max-age=3600', { maxAgeS: 3600 }],
    ['foobar', {}],
    ['foo="x", bar=(1 2)', {}],
    ['no-store', { noStore: true }],
    ['no-store=?1', { noStore: true }],
    ['no-cache', { noCache: true }],
    ['no-cache="a, b"', { noCache: true }],
    ['private', { isPrivate: true }],
    ['private="a"', { isPrivate: true }],
    ['public, immutable', { isPublic: true, immutable: true }],
    ['must-revalidate, proxy-revalidate', { mustRevalidate: true, proxyRevalidate: true }],
    ['must-understand', { mustUnderstand: true }],
    ['stale-while-revalidate=1, stale-if-error=2', { staleWhileRevalidateS: 1, staleIfErrorS: 2 }],
  ]
  for (const [header, says] of rows) {
    test(`${header} says ${JSON.stringify(says)}`, () => {
      const expected = { ...NO_RESPONSE_DIRECTIVES, isPresent: true, ...says }
      assert.deepEqual(parseTargetedDirectives(header), expected)
    })
  }
})

describe('a CDN-Cache-Control that is empty or wrong is as if absent (RFC 9213 §2.2)', () => {
  const ignored = [
    undefined,
    '',
    ' ',
    'max-age=10000, &&&&&',
    'max-age="10000"',
    'max-age=1.5',
    'max-age',
    'max-age =100',
    'max-age= 100',
    'MaX-aGe=3600',
    'no-store="x"',
    'no-store=?0',
    'no-store=1',
    'private=1',
    'no-cache=?0',
    'stale-if-error=soon',
  ]
  for (const header of ignored) {
    test(JSON.stringify(header) ?? 'no header', () => {
      assert.equal(parseTargetedDirectives(header), undefined)
    })
  }
})
