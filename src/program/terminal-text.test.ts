import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { cut, harmless, padEnd, padStart, widthOf } from './terminal-text.ts'

test('nothing is left that a terminal would obey', () => {
  const hostile = '\u001b[2Jred\u009b31m\u0007\r\n\t\u202eevil\u2066\u200b\ufeff\u007f'
  assert.equal(harmless(hostile), '·[2Jred·31m·····evil····')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 0, max: 40 }), (text, width) => {
      assert.ok(!/[\p{Cc}\p{Cf}]/u.test(cut(text, width)))
      assert.ok(widthOf(cut(text, width)) <= width)
    }),
    { seed: 7 },
  )
})

test('a text is as wide as a terminal shows it', () => {
  assert.deepEqual(['abc', '日本', 'e\u0301', '🎬', ''].map(widthOf), [3, 4, 1, 2, 0])
})

test('what is too long is cut, and says so', () => {
  assert.deepEqual([cut('abcdef', 4), cut('abcd', 4), cut('日本語', 4)], ['abc…', 'abcd', '日…'])
})

test('columns are as wide as they are told to be', () => {
  assert.deepEqual(
    [padEnd('日', 4), padStart('日', 4), padEnd('long', 2)],
    ['日  ', '  日', 'long'],
  )
})
