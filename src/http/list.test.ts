import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import * as fc from 'fast-check'

import { splitList } from './list.ts'

describe('a comma-separated list (RFC 9110 §5.6.1)', () => {
  const rows: readonly (readonly [text: string, members: readonly string[]])[] = [
    ['', []],
    [' , ,', []],
    ['a', ['a']],
    ['a,b', ['a', 'b']],
    [' a ,\tb ', ['a', 'b']],
    ['a,,b,', ['a', 'b']],
    ['a="b,c",d', ['a="b,c"', 'd']],
    ['a="b\\",c",d', ['a="b\\",c"', 'd']],
    ['"a" "b,c", d', ['"a" "b,c"', 'd']],
    ['a="b, no-store', ['a="b', 'no-store']],
    ['a="b\\", c', ['a="b\\"', 'c']],
    ["a='b,c'", ["a='b", "c'"]],
  ]
  for (const [text, members] of rows) {
    test(`${JSON.stringify(text)} has ${members.length} members`, () => {
      assert.deepEqual(splitList(text), members)
    })
  }
})

test('members are given back as they were written, whatever was quoted in them', () => {
  const quoted = fc
    .string({ maxLength: 6 })
    .map((text) => `"${text.replace(/["\\]/g, (character) => `\\${character}`)}"`)
  const member = fc.oneof(fc.constantFrom('a', 'b=c', 'd e'), quoted)
  fc.assert(
    fc.property(fc.array(member, { maxLength: 6 }), (members) => {
      assert.deepEqual(splitList(members.join(' , ')), members)
    }),
    { seed: 9110, numRuns: 1000 },
  )
})

test('a million quotes that nothing closes are read in one pass', () => {
  const text = '"' + '\\"'.repeat(1_000_000)
  assert.deepEqual(splitList(text), [text])
})
