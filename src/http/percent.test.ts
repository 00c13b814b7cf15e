import assert from 'node:assert/strict'
import { test } from 'node:test'

import { decodePercent, decodeFormPercent } from './percent.ts'

test('a plus stays a plus in a path and is a space in a form', () => {
  assert.equal(decodePercent('a+b%2B'), 'a+b+')
  assert.equal(decodeFormPercent('a+b%2B'), 'a b+')
})

test('escapes are decoded once', () => {
  assert.equal(decodePercent('%2525'), '%25')
  assert.equal(decodePercent('%00%7F'), '\0\x7f')
})

test('malformed escapes and malformed UTF-8 decode to nothing', () => {
  for (const text of ['%', '%4', '%4x', '%x4', '%%41', '%FF', '%C0%80', '%ED%BF%BF', '\u0100']) {
    assert.equal(decodePercent(text), undefined, text)
  }
})
