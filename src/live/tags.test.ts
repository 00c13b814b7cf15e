import assert from 'node:assert/strict'
import { test } from 'node:test'

import { NO_CACHING } from '../exchange/object-head.ts'
import type { ObjectHead } from '../exchange/object-head.ts'
import { taggerFor } from './tags.ts'

function headWith(metadata: readonly string[]): ObjectHead {
  return {
    size: 1,
    etag: undefined,
    lastModified: undefined,
    contentType: undefined,
    fields: [],
    metadata,
    checksums: [],
    versionId: undefined,
    redirectLocation: undefined,
    caching: NO_CACHING,
  }
}

test('tags stand in the metadata that is named, several parted by commas or spaces', () => {
  const tagsOf = taggerFor({ metadata: ['cache-tag', 'kind'], pattern: undefined })
  const head = headWith([
    'x-amz-meta-cache-tag',
    ' red,  sale\tnew,,red ',
    'x-amz-meta-kind',
    'shoe',
    'x-amz-meta-other',
    'no',
    'cache-tag',
    'no',
  ])
  assert.deepEqual(tagsOf(head, 'k'), ['red', 'sale', 'new', 'shoe'])
  assert.deepEqual(tagsOf(headWith([]), 'k'), [])
})

test('the first group of the pattern is a tag of the key', () => {
  const tagsOf = taggerFor({ metadata: [], pattern: '^([^/]*)/(.*)' })
  assert.deepEqual(tagsOf(headWith([]), 'shoes/red/1'), ['shoes'])
  assert.deepEqual(tagsOf(headWith([]), 'shoes'), [])
  assert.deepEqual(tagsOf(headWith([]), '/empty'), [])
})

test('one that both give is one tag', () => {
  const tagsOf = taggerFor({ metadata: ['t'], pattern: '^([^/]+)/' })
  assert.deepEqual(tagsOf(headWith(['x-amz-meta-t', 'shoes red']), 'shoes/1'), ['shoes', 'red'])
})
