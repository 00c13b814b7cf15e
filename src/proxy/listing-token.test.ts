import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { readPageToken, writePageToken } from './listing-token.ts'

test('a place comes back as it was, in letters that need no escape', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }), (after) => {
      if (after.includes('\0') || Buffer.byteLength(after) > 1536) return
      const token = writePageToken(after)
      assert.match(token, /^[\w.-]+$/)
      assert.equal(readPageToken(token), after)
    }),
    { seed: 7 },
  )
})

test('what was not written here is refused', () => {
  for (const token of [
    '',
    'a',
    '1.',
    '1.YQ==',
    '1.!',
    '2.YQ',
    '1.AA',
    '1./w',
    `1.${'QUFB'.repeat(600)}`,
  ]) {
    assert.throws(() => readPageToken(token), { code: 'invalid_request' }, token)
  }
})

test('anything at all is read, or refused', () => {
  fc.assert(
    fc.property(fc.string(), (token) => {
      try {
        assert.equal(writePageToken(readPageToken(token)), token)
      } catch (error) {
        assert.equal(Object(error).code, 'invalid_request')
      }
    }),
    { seed: 7 },
  )
})
