import assert from 'node:assert/strict'
import { test } from 'node:test'

import { parseTarget } from './target.ts'

const rules = { virtualHostSuffix: 's3.localhost', quirks: 'aws' } as const

const places = [
  ['/b/k', '127.0.0.1:9000', 'b', 'k'],
  ['/b', 'x', 'b', ''],
  ['/b/', 'x', 'b', ''],
  ['/b//dbl/', 'x', 'b', '/dbl/'],
  ['/b/x/../y', 'x', 'b', 'x/../y'],
  ['/b/a%2Fb%25', 'x', 'b', 'a/b%'],
  ['/b/a+b%2B', 'x', 'b', 'a b+'],
  ['/k/l', 'b.c.S3.localhost:9000', 'b.c', 'k/l'],
  ['/', 'b.s3.localhost', 'b', ''],
  ['/b/k', 's3.localhost', 'b', 'k'],
] as const

for (const [raw, host, bucket, key] of places) {
  test(`${raw} at ${host} is the key "${key}" of the bucket ${bucket}`, () => {
    const target = parseTarget(raw, host, rules)
    assert.deepEqual([target?.bucket, target?.key], [bucket, key])
  })
}

test('a plus in a path is itself to Ceph', () => {
  assert.equal(parseTarget('/b/a+b', 'x', { quirks: 'ceph' })?.key, 'a+b')
})

test('the query is decoded once, and a name without a value has an empty one', () => {
  const target = parseTarget('/b?location&prefix=a%2Bb+c%253D&x=1=2', 'x', rules)
  assert.deepEqual(target?.query, [
    ['location', ''],
    ['prefix', 'a+b c%3D'],
    ['x', '1=2'],
  ])
})

test('a target that is no path, no text or no UTF-8 is refused', () => {
  for (const raw of ['*', 'http://h/b', '/b/%', '/b/%ff', '/b?x=%F']) {
    assert.equal(parseTarget(raw, 'x', rules), undefined, raw)
  }
})
