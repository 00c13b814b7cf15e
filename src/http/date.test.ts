import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import * as fc from 'fast-check'

import { formatHttpDate, parseHttpDate } from './date.ts'

const NOV_6 = Date.UTC(1994, 10, 6, 8, 49, 37)

describe('an HTTP-date (RFC 9110 §5.6.7)', () => {
  const read: readonly (readonly [text: string, ms: number])[] = [
    ['Sun, 06 Nov 1994 08:49:37 GMT', NOV_6],
    ['Sunday, 06-Nov-94 08:49:37 GMT', NOV_6],
    ['Sun Nov  6 08:49:37 1994', NOV_6],
    ['Sun Nov 06 08:49:37 1994', NOV_6],
    ['Mon, 06 Nov 1994 08:49:37 GMT', NOV_6],
    ['Wednesday, 16-Nov-94 08:49:37 GMT', Date.UTC(1994, 10, 16, 8, 49, 37)],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['Thu, 29 Feb 2024 23:59:59 GMT', Date.UTC(2024, 1, 29, 23, 59, 59)],
    ['Tue, 29 Feb 2000 00:00:00 GMT', Date.UTC(2000, 1, 29)],
    ['Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2017, 0, 1)],
    ['Thursday, 01-Jan-70 00:00:00 GMT', 0],
    ['Monday, 01-Jan-69 00:00:00 GMT', Date.UTC(2069, 0, 1)],
    ['Fri, 31 Dec 9999 23:59:59 GMT', Date.UTC(9999, 11, 31, 23, 59, 59)],
    ['Sat, 01 Jan 0000 00:00:00 GMT', -62167219200000],
  ]
  for (const [text, ms] of read) {
    test(`${text} is read`, () => {
      assert.equal(parseHttpDate(text), ms)
    })
  }

  const refused = [
    '',
    '0',
    'now',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 06 Nov 1994 08:49:37 GMT ',
    'sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 gmt',
    'Foo, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Foo 1994 08:49:37 GMT',
    'Sun,  6 Nov 1994 08:49:37 GMT',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 31 Nov 1994 08:49:37 GMT',
    'Wed, 29 Feb 2023 08:49:37 GMT',
    'Thu, 29 Feb 1900 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:37 GMT',
    'Sun, 06 Nov 1994 08:49:61 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'Sun, dd Nov 1994 08:49:37 GMT',
    'Sun, 06-Nov-94 08:49:37 GMT',
    'Sunday, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 199d 08:49:37 GMT',
    'Sunday, 06+Nov-94 08:49:37 GMT',
    'Someday, 06-Nov-94 08:49:37 GMT',
    'Sunday, 06-Nov-1994 08:49:37 GMT',
    'Sun Nov 6 08:49:37 1994',
    'Sun Nov _6 08:49:37 1994',
    'Sun Nov  6 08:49:37 1994 GMT',
  ]
  for (const text of refused) {
    test(`${JSON.stringify(text)} is no date`, () => {
      assert.equal(parseHttpDate(text), undefined)
    })
  }
})

test('every second from year 0 to 9999 is written as the platform writes it, and read back', () => {
  const second = fc.integer({ min: -62167219200, max: 253402300799 })
  fc.assert(
    fc.property(second, fc.nat({ max: 999 }), (seconds, fraction) => {
      const text = formatHttpDate(seconds * 1000 + fraction)
      assert.equal(text, new Date(seconds * 1000).toUTCString())
      assert.equal(parseHttpDate(text), seconds * 1000)
    }),
    { seed: 9110, numRuns: 2000 },
  )
})

test('every day around the turn of four centuries is written as the platform writes it', () => {
  for (const year of [1600, 1900, 2000, 2100]) {
    for (let day = -400; day < 400; day++) {
      const ms = Date.UTC(year, 0, 1) + day * 86_400_000
      assert.equal(formatHttpDate(ms), new Date(ms).toUTCString())
    }
  }
})
