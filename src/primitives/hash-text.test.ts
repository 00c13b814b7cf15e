import assert from 'node:assert/strict'
import { test } from 'node:test'

import { hashText } from './hash-text.ts'

test('texts that differ little get hashes that differ', () => {
  const texts = Array.from({ length: 20_000 }, (_, index) => `s\0assets\0"etag"\0${index}\0a/b.mp4`)
  assert.ok(new Set(texts.map(hashText)).size > 19_990)
  assert.equal(hashText('a'), hashText('a'))
  assert.notEqual(hashText('é'), hashText('e'))
})
