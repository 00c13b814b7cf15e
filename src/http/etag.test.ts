import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { matchesStrong, matchesWeak, parseEntityTag, parseEntityTags } from './etag.ts'

describe('one entity tag', () => {
  for (const text of ['"a"', '""', 'W/"a"', '"a,b"', '"a b"', '"\xe9"', '"W/"', '"a\\"']) {
    test(`${text} is one`, () => {
      assert.equal(parseEntityTag(text), text)
    })
  }

  for (const text of [undefined, '', 'a', '"', '"a', 'a"', 'w/"a"', 'W/a', '"a""b"', '"\x01"']) {
    test(`${JSON.stringify(text)} is none`, () => {
      assert.equal(parseEntityTag(text), undefined)
    })
  }
})

describe('a list of entity tags', () => {
  const lists: readonly (readonly [header: string, tags: '*' | readonly string[]])[] = [
    ['*', '*'],
    [' * ', '*'],
    ['', []],
    [', ,', []],
    ['"a"', ['"a"']],
    ['"a", W/"b","c"', ['"a"', 'W/"b"', '"c"']],
    ['"a,b" , "c"', ['"a,b"', '"c"']],
    [',"a",,', ['"a"']],
    ['a, "b"', ['a', '"b"']],
    ['a b, "c"', ['"c"']],
    ['"a"x, "b"', ['"b"']],
    ['x"a", "b"', ['"b"']],
    ['"a" "b", "c"', ['"c"']],
    ['"a\x01", "b"', ['"b"']],
    ['"b", "unfinished', ['"b"']],
    ['"*"', ['"*"']],
  ]
  for (const [header, tags] of lists) {
    test(`${JSON.stringify(header)} is read as ${JSON.stringify(tags)}`, () => {
      assert.deepEqual(parseEntityTags(header), tags)
    })
  }
})

test('tags compare as in the table of RFC 9110 §8.8.3.2', () => {
  const rows = [
    ['W/"1"', 'W/"1"', false, true],
    ['W/"1"', 'W/"2"', false, false],
    ['W/"1"', '"1"', false, true],
    ['"1"', '"1"', true, true],
    ['"1"', '"2"', false, false],
    ['1', '"1"', false, false],
    ['1', '1', true, true],
  ] as const
  for (const [a, b, strong, weak] of rows) {
    assert.deepEqual([matchesStrong(a, b), matchesWeak(a, b)], [strong, weak], `${a} ${b}`)
    assert.deepEqual([matchesStrong(b, a), matchesWeak(b, a)], [strong, weak], `${b} ${a}`)
  }
})
