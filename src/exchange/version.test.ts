import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { BARE_HEAD } from './object-head.ts'
import type { ObjectHead } from './object-head.ts'
import { isSameVersion, isToldApart, strongTag } from './version.ts'

const THEN = 'Sun, 06 Nov 1994 08:49:37 GMT'
const LATER = 'Sun, 06 Nov 1994 08:49:38 GMT'

function head(etag?: string, lastModified?: string, date?: string, size?: number): ObjectHead {
  return { ...BARE_HEAD, etag, lastModified, size, caching: { ...BARE_HEAD.caching, date } }
}

describe('an object is told apart from its other versions', () => {
  const rows: readonly (readonly [says: string, head: ObjectHead, isSo: boolean])[] = [
    ['by a strong tag', head('"a"'), true],
    ['by a strong tag, as young as it may be', head('"a"', THEN, THEN), true],
    ['by a date a second ago', head(undefined, THEN, LATER), true],
    ['by a date, where nobody says when it was sent', head(undefined, THEN), true],
    ['by a date beside a weak tag', head('W/"a"', THEN, LATER), true],
    ['not by a date of the same second', head('W/"a"', THEN, THEN), false],
    ['not by a date to come', head(undefined, LATER, THEN), false],
    ['not by what is no date', head(undefined, 'then', LATER), false],
    ['not by a weak tag', head('W/"a"'), false],
    ['not by nothing', head(), false],
  ]
  for (const [says, seen, isSo] of rows) {
    test(says, () => assert.equal(isToldApart(seen), isSo))
  }

  test('and a strong tag is what it is asked for by', () => {
    const tags = ['"a"', 'W/"a"', undefined].map((etag) => strongTag(head(etag)))
    assert.deepEqual(tags, ['"a"', undefined, undefined])
  })
})

describe('two answers are of one version, as far as they tell', () => {
  const rows: readonly (readonly [says: string, one: ObjectHead, other: ObjectHead, boolean])[] = [
    ['one strong tag', head('"a"', THEN), head('"a"', LATER), true],
    ['two tags', head('"a"', THEN), head('"b"', THEN), false],
    ['a strong tag and the same as a weak one', head('"a"'), head('W/"a"'), false],
    ['one weak tag and one date', head('W/"a"', THEN), head('W/"a"', THEN), true],
    ['one weak tag and two dates', head('W/"a"', THEN), head('W/"a"', LATER), false],
    ['one date', head(undefined, THEN), head(undefined, THEN), true],
    ['two dates', head(undefined, THEN), head(undefined, LATER), false],
    ['a date and none', head(undefined, THEN), head(), false],
    ['two sizes', head('"a"', THEN, THEN, 1), head('"a"', THEN, THEN, 2), false],
    ['a size and none', head('"a"', THEN, THEN, 1), head('"a"', THEN, THEN), true],
    ['nothing', head(), head(), true],
  ]
  for (const [says, one, other, isSo] of rows) {
    test(says, () => {
      assert.equal(isSameVersion(one, other), isSo)
      assert.equal(isSameVersion(other, one), isSo)
    })
  }
})
