import assert from 'node:assert/strict'
import { test } from 'node:test'

import { editDistance, suggest } from './suggest.ts'

const known = new Map([
  ['', ['server', 'buckets']],
  ['server', ['address', 'port', 'timeout']],
  ['buckets[]', ['name', 's3']],
  ['buckets[].s3', ['access_key', 'endpoint', 'timeout', 'url']],
  ['buckets[].s3.check', ['timeout']],
])

const suggestions: readonly [section: string, key: string, meant: string | undefined][] = [
  ['buckets[].s3', 'acces_key', 'access_key'],
  ['buckets[].s3', 'accessKey', 'access_key'],
  ['buckets[].s3', 'ACCESS-KEY', 'access_key'],
  ['buckets[].s3', 'enpdoint', 'endpoint'],
  ['buckets[].s3', 'uri', 'url'],
  ['buckets[].s3', 'usa', undefined],
  ['server', 'endpoint', 'buckets[].s3.endpoint'],
  ['', 'port', 'server.port'],
  // Three places know a timeout: naming them all would help nobody.
  ['', 'timeout', undefined],
  ['server', 'nonsense', undefined],
  ['server', 'x'.repeat(1000), undefined],
]

for (const [section, key, meant] of suggestions) {
  test(`${key.slice(0, 20)} in "${section}" probably means ${meant ?? 'nothing known'}`, () => {
    assert.equal(suggest(section, key, known), meant)
  })
}

test('a swap of neighbours is one mistake', () => {
  assert.equal(editDistance('enpdoint', 'endpoint'), 1)
  assert.equal(editDistance('', 'abc'), 3)
  assert.equal(editDistance('abc', ''), 3)
  assert.equal(editDistance('abc', 'abc'), 0)
})
