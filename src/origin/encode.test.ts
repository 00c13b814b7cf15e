import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { encodeKey, encodeQueryValue } from './encode.ts'

const keys: readonly (readonly [key: string, encoded: string])[] = [
  ['', ''],
  ['images/cat.jpg', 'images/cat.jpg'],
  ['AZaz09-._~', 'AZaz09-._~'],
  ['a b+c', 'a%20b%2Bc'],
  ["it's (1)!*", 'it%27s%20%281%29%21%2A'],
  ['a%2Fb', 'a%252Fb'],
  ['//double//', '//double//'],
  ['x/../y/.', 'x/../y/.'],
  ['q?x=1&y#z', 'q%3Fx%3D1%26y%23z'],
  ['a:b@c,d;e$f[g]', 'a%3Ab%40c%2Cd%3Be%24f%5Bg%5D'],
  ['é', '%C3%A9'],
  ['日本/😀', '%E6%97%A5%E6%9C%AC/%F0%9F%98%80'],
  ['\u0001\t\u007f', '%01%09%7F'],
]

test('a key is encoded as S3 encodes it, its slashes kept', () => {
  for (const [key, encoded] of keys) assert.equal(encodeKey(key), encoded)
})

test('a slash in a query value is encoded', () => {
  assert.equal(encodeQueryValue('a/b c'), 'a%2Fb%20c')
  assert.equal(encodeQueryValue('plain-._~'), 'plain-._~')
})

test('half a surrogate pair becomes the replacement character, as in UTF-8', () => {
  assert.equal(encodeKey('a\ud800b'), 'a%EF%BF%BDb')
  assert.equal(encodeQueryValue('\udc00'), '%EF%BF%BD')
})

test('every byte but the unreserved is %XX in upper case, and decodes to what it was', () => {
  const anyKey = fc.string({ unit: 'binary', maxLength: 40 })
  fc.assert(
    fc.property(anyKey, (key) => {
      assert.match(encodeKey(key), /^(?:[A-Za-z0-9\-._~/]|%[0-9A-F]{2})*$/)
      assert.equal(decodeURIComponent(encodeKey(key)), key)
      assert.equal(decodeURIComponent(encodeQueryValue(key)), key)
      assert.equal(encodeQueryValue(key).includes('/'), false)
    }),
    { seed: 20_130_524, numRuns: 300 },
  )
})
