import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import * as fc from 'fast-check'

import { parseResponseDirectives } from './cache-control.ts'
import { formatHttpDate } from './date.ts'
import { correctedInitialAgeMs, currentAgeMs, statedLifetime } from './freshness.ts'

const NOW = Date.UTC(2030, 0, 1)

describe('the age on arrival (RFC 9111 §4.2.3)', () => {
  const date = (offsetS: number): number => NOW + offsetS * 1000
  const rows: readonly (readonly [
    title: string,
    age: string | undefined,
    dateAt: number | undefined,
    delayMs: number,
    ageMs: number,
  ])[] = [
    ['neither Age nor Date', undefined, undefined, 0, 0],
    ['Date now', undefined, date(0), 0, 0],
    ['Date two hours ago', undefined, date(-7200), 0, 7_200_000],
    ['a fast Date', undefined, date(10), 0, 0],
    ['Age alone', '30', undefined, 0, 30_000],
    ['the way there and back', undefined, date(0), 1500, 1500],
    ['the way there and back with Age', '30', date(0), 1500, 31_500],
    ['a Date older than Age', '30', date(-60), 0, 60_000],
    ['an Age older than Date', '25', date(-10), 0, 25_000],
    ['an Age, and a fast Date', '15', date(10), 0, 15_000],
    ['a Date older than Age and delay', '5', date(-60), 10_000, 60_000],
    ['a clock set back while waiting', undefined, undefined, -5000, 0],
  ]
  for (const [title, ageHeader, dateAt, delayMs, ageMs] of rows) {
    test(`${title}: ${ageMs} ms`, () => {
      const reception = { ageHeader, dateAt, requestedAt: NOW - delayMs, receivedAt: NOW }
      assert.equal(correctedInitialAgeMs(reception), ageMs)
    })
  }

  test('the part of a second that Date cannot say is no age', () => {
    const receivedAt = NOW + 999
    const reception = { ageHeader: undefined, dateAt: NOW, requestedAt: receivedAt, receivedAt }
    assert.equal(correctedInitialAgeMs(reception), 0)
  })
})

describe('an Age that is not one number (RFC 9111 §5.1)', () => {
  const rows: readonly (readonly [header: string, ageS: number])[] = [
    ['7200', 7200],
    [' 7200 ', 7200],
    ['007200', 7200],
    ['7200, 0', 7200],
    ['0, 7200', 0],
    ['0,7200', 0],
    ['0, 0', 0],
    ['3600, 3600', 3600],
    ['2147483647', 2147483647],
    ['2147483648', 2147483648],
    ['2147483649', 2147483648],
    ['abc', 0],
    ['-7200', 0],
    ['7200.0', 0],
    ['7200;foo=bar', 0],
    ['7200;foo=111', 0],
    ['"7200"', 0],
    ['', 0],
    [',7200', 0],
    ['abc, 7200', 0],
  ]
  for (const [ageHeader, ageS] of rows) {
    test(`${JSON.stringify(ageHeader)} is ${ageS} s`, () => {
      const reception = { ageHeader, dateAt: NOW, requestedAt: NOW, receivedAt: NOW }
      assert.equal(correctedInitialAgeMs(reception), ageS * 1000)
    })
  }
})

describe('the current age (RFC 9111 §4.2.3)', () => {
  const rows: readonly (readonly [initialMs: number, residentMs: number, ageMs: number])[] = [
    [0, 0, 0],
    [30_000, 0, 30_000],
    [30_000, 2500, 32_500],
    [30_000, -2500, 30_000],
  ]
  for (const [initialMs, residentMs, ageMs] of rows) {
    test(`${initialMs} ms on arrival and ${residentMs} ms here make ${ageMs} ms`, () => {
      assert.equal(currentAgeMs(initialMs, NOW, NOW + residentMs), ageMs)
    })
  }
})

describe('the freshness lifetime (RFC 9111 §4.2.1)', () => {
  const expires = (offsetS: number): string => formatHttpDate(NOW + offsetS * 1000)
  const rows: readonly (readonly [
    cacheControl: string | undefined,
    expires: string | undefined,
    lifetimeS: number | undefined,
  ])[] = [
    [undefined, undefined, undefined],
    ['public', undefined, undefined],
    ['max-age=60', undefined, 60],
    ['max-age=0', undefined, 0],
    ['max-age=-60', undefined, 0],
    ['max-age=60, s-maxage=5', undefined, 5],
    ['s-maxage=5, max-age=60', undefined, 5],
    ['max-age=1, s-maxage=3600', undefined, 3600],
    ['max-age=0, s-maxage=3600', expires(-10), 3600],
    ['max-age=60, s-maxage=x', undefined, 0],
    ['max-age=60', expires(-7200), 60],
    ['max-age=60', '0', 60],
    ['max-age=0', expires(3600), 0],
    ['max-age=x', expires(3600), 0],
    ['public', expires(3600), 3600],
    [undefined, expires(3600), 3600],
    [undefined, ` ${expires(3600)} `, 3600],
    [undefined, expires(0), 0],
    [undefined, expires(-3600), 0],
  ]
  for (const [cacheControl, expiresHeader, lifetimeS] of rows) {
    test(`${cacheControl} and Expires ${expiresHeader}: ${lifetimeS} s`, () => {
      const directives = parseResponseDirectives(cacheControl)
      const lifetimeMs = statedLifetime(directives, expiresHeader, NOW)?.ms
      assert.equal(lifetimeMs, lifetimeS === undefined ? undefined : lifetimeS * 1000)
    })
  }

  test('Expires counts from Date, not from our clock', () => {
    const lifetimeMs = statedLifetime(parseResponseDirectives(''), expires(300), NOW + 400_000)?.ms
    assert.equal(lifetimeMs, 0)
  })
})

describe('an Expires that is no date is in the past (RFC 9111 §5.3)', () => {
  const malformed = [
    '0',
    '-1',
    '',
    'never',
    'Thu, 18 Aug 2050 02:01:18 UTC',
    'Thu, 18 Aug 2050 02:01:18 AEST',
    'Thu, 18 Aug 50 02:01:18 GMT',
    'Thu 18 Aug 2050 02:01:18 GMT',
    'Thu, 18  Aug  2050 02:01:18 GMT',
    'Thu, 18-Aug-2050 02:01:18 GMT',
    'Thu, 18 Aug 2050 02.01.18 GMT',
    'Thu, 18 Aug 2050 2:01:18 GMT',
    'Thu, 18 Aug 2050 02:01:18',
    '2050-08-18T02:01:18Z',
    'Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:19 GMT',
  ]
  for (const expires of malformed) {
    test(JSON.stringify(expires), () => {
      assert.equal(statedLifetime(parseResponseDirectives(''), expires, NOW)?.ms, 0)
    })
  }
})

describe('an Expires in any of the three formats and any case is read (RFC 9111 §4.2)', () => {
  const at = Date.UTC(2050, 7, 18, 2, 1, 18)
  const read: readonly (readonly [expires: string, expiresAt: number])[] = [
    ['Thu, 18 Aug 2050 02:01:18 GMT', at],
    ['THU, 18 Aug 2050 02:01:18 GMT', at],
    ['Thu, 18 AUG 2050 02:01:18 GMT', at],
    ['Thu, 18 Aug 2050 02:01:18 gMT', at],
    ['thu, 18 aug 2050 02:01:18 gmt', at],
    ['Thursday, 18-Aug-50 02:01:18 GMT', at],
    ['THURSDAY, 18-AUG-50 02:01:18 GMT', at],
    ['Thu Aug 18 02:01:18 2050', at],
    ['thu aug  8 02:01:18 2050', Date.UTC(2050, 7, 8, 2, 1, 18)],
    ['Tue, 19 Jan 2038 14:14:08 GMT', Date.UTC(2038, 0, 19, 14, 14, 8)],
    ['Sun, 21 Nov 2286 04:46:39 GMT', Date.UTC(2286, 10, 21, 4, 46, 39)],
  ]
  for (const [expires, expiresAt] of read) {
    test(expires, () => {
      const lifetimeMs = statedLifetime(parseResponseDirectives(''), expires, NOW)?.ms
      assert.equal(lifetimeMs, expiresAt - NOW)
    })
  }
})

test('no Age and no Expires makes anything throw or gives a negative time', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 })
  const at = fc.integer({ min: 0, max: 4e12 })
  fc.assert(
    fc.property(text, text, at, at, (ageHeader, expires, dateAt, receivedAt) => {
      const reception = { ageHeader, dateAt, requestedAt: dateAt, receivedAt }
      const lifetimeMs = statedLifetime(parseResponseDirectives(''), expires, dateAt)?.ms
      assert.ok(correctedInitialAgeMs(reception) >= 0)
      assert.ok(lifetimeMs !== undefined && lifetimeMs >= 0)
    }),
    { seed: 9111, numRuns: 2000 },
  )
})
