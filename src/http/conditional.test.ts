import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import {
  evaluateConditions,
  hasPreconditions,
  ifRangeHolds,
  readConditions,
} from './conditional.ts'
import type { ConditionOutcome, Validators } from './conditional.ts'

const EARLIER = 'Sun, 06 Nov 1994 08:49:36 GMT'
const MODIFIED = 'Sun, 06 Nov 1994 08:49:37 GMT'
const MODIFIED_850 = 'Sunday, 06-Nov-94 08:49:37 GMT'
const LATER = 'Sun, 06 Nov 1994 08:49:38 GMT'

const both: Validators = { etag: '"a"', lastModified: MODIFIED }
const weak: Validators = { etag: 'W/"a"', lastModified: undefined }
const none: Validators = { etag: undefined, lastModified: undefined }

type Row = readonly [headers: Record<string, string>, validators: Validators, ConditionOutcome]

function holds(title: string, rows: readonly Row[]): void {
  describe(title, () => {
    for (const [headers, validators, outcome] of rows) {
      test(`${JSON.stringify(headers)} against ${validators.etag}: ${outcome}`, () => {
        assert.equal(evaluateConditions(readConditions(headers), validators), outcome)
      })
    }
  })
}

holds('If-Match compares strongly and fails with 412 (RFC 9110 §13.1.1)', [
  [{}, both, 'proceed'],
  [{ 'if-match': '"a"' }, both, 'proceed'],
  [{ 'if-match': '"b", "a"' }, both, 'proceed'],
  [{ 'if-match': '"b"' }, both, 'failed'],
  [{ 'if-match': 'W/"a"' }, both, 'failed'],
  [{ 'if-match': 'W/"a"' }, weak, 'failed'],
  [{ 'if-match': 'a' }, both, 'failed'],
  [{ 'if-match': '' }, both, 'failed'],
  [{ 'if-match': '*' }, both, 'proceed'],
  [{ 'if-match': '*' }, none, 'proceed'],
  [{ 'if-match': '"a"' }, none, 'failed'],
])

holds('If-None-Match compares weakly and answers 304 (RFC 9110 §13.1.2)', [
  [{ 'if-none-match': '"a"' }, both, 'not-modified'],
  [{ 'if-none-match': 'W/"a"' }, both, 'not-modified'],
  [{ 'if-none-match': '"a"' }, weak, 'not-modified'],
  [{ 'if-none-match': '"b", "c,d", W/"a"' }, both, 'not-modified'],
  [{ 'if-none-match': '"b"' }, both, 'proceed'],
  [{ 'if-none-match': '' }, both, 'proceed'],
  [{ 'if-none-match': '*' }, none, 'not-modified'],
  [{ 'if-none-match': '"a"' }, none, 'proceed'],
])

holds('If-Modified-Since answers 304 unless newer (RFC 9110 §13.1.3)', [
  [{ 'if-modified-since': EARLIER }, both, 'proceed'],
  [{ 'if-modified-since': MODIFIED }, both, 'not-modified'],
  [{ 'if-modified-since': MODIFIED_850 }, both, 'not-modified'],
  [{ 'if-modified-since': LATER }, both, 'not-modified'],
  [{ 'if-modified-since': 'yesterday' }, both, 'proceed'],
  [{ 'if-modified-since': LATER }, none, 'proceed'],
  [{ 'if-modified-since': LATER }, { etag: '"a"', lastModified: 'broken' }, 'proceed'],
])

holds('If-Unmodified-Since fails when newer (RFC 9110 §13.1.4)', [
  [{ 'if-unmodified-since': EARLIER }, both, 'failed'],
  [{ 'if-unmodified-since': MODIFIED }, both, 'proceed'],
  [{ 'if-unmodified-since': LATER }, both, 'proceed'],
  [{ 'if-unmodified-since': 'yesterday' }, both, 'proceed'],
  [{ 'if-unmodified-since': EARLIER }, none, 'proceed'],
])

holds('tags come before dates, and refusals before 304 (RFC 9110 §13.2.2)', [
  [{ 'if-match': '"a"', 'if-unmodified-since': EARLIER }, both, 'proceed'],
  [{ 'if-match': '"b"', 'if-unmodified-since': LATER }, both, 'failed'],
  [{ 'if-none-match': '"b"', 'if-modified-since': LATER }, both, 'proceed'],
  [{ 'if-none-match': '"a"', 'if-modified-since': EARLIER }, both, 'not-modified'],
  [{ 'if-match': '"b"', 'if-none-match': '"a"' }, both, 'failed'],
  [{ 'if-match': '"a"', 'if-none-match': '"a"' }, both, 'not-modified'],
  [{ 'if-unmodified-since': EARLIER, 'if-modified-since': LATER }, both, 'failed'],
  [{ 'if-unmodified-since': LATER, 'if-none-match': '"a"' }, both, 'not-modified'],
])

test('every condition but If-Range is a precondition', () => {
  const names = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since']
  for (const name of names) assert.equal(hasPreconditions(readConditions({ [name]: '' })), true)
  assert.equal(hasPreconditions(readConditions({ 'if-range': '"a"', range: 'bytes=0-' })), false)
  assert.equal(readConditions({ 'if-range': '"a"' }).ifRange, '"a"')
})

describe('If-Range (RFC 9110 §13.1.5)', () => {
  const rows: readonly (readonly [string | undefined, Validators, boolean])[] = [
    [undefined, none, true],
    ['"a"', both, true],
    ['"b"', both, false],
    ['W/"a"', both, false],
    ['W/"a"', weak, false],
    ['"a"', none, false],
    ['', both, false],
    ['"a", "b"', both, false],
    [MODIFIED, both, true],
    [MODIFIED_850, both, true],
    [EARLIER, both, false],
    [LATER, both, false],
    [MODIFIED, none, false],
  ]
  for (const [ifRange, validators, isHeld] of rows) {
    test(`${ifRange} against ${validators.etag}: ${isHeld}`, () => {
      assert.equal(ifRangeHolds(ifRange, validators), isHeld)
    })
  }
})
