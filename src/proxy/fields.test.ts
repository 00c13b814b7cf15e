import assert from 'node:assert/strict'
import { test } from 'node:test'

import { dropFields, keepFields } from './fields.ts'

const LIST = ['ETag', '"a"', 'Content-Type', 'text/html', 'X-Own', '1', 'x-own', '2']

test('fields are kept by name, in any case and any number', () => {
  assert.deepEqual(keepFields(LIST, new Set(['x-own', 'etag'])), [
    'ETag',
    '"a"',
    'X-Own',
    '1',
    'x-own',
    '2',
  ])
  assert.deepEqual(keepFields(LIST, new Set()), [])
})

test('fields are dropped by name, in any case and any number', () => {
  assert.deepEqual(dropFields(LIST, new Set(['x-own'])), LIST.slice(0, 4))
  assert.equal(dropFields(LIST, new Set()), LIST)
})
