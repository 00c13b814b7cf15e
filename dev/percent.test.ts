import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { decodePercent, encodeS3 } from './percent.ts'

test('every byte survives being encoded and decoded', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.boolean(), (bytes, keepSlash) => {
      const encoded = encodeS3(Buffer.from(bytes), keepSlash)
      assert.match(encoded, /^[A-Za-z0-9\-._~/%]*$/)
      assert.deepEqual(decodePercent(encoded, true), Buffer.from(bytes))
    }),
    { seed: 1 },
  )
})

test('only letters, digits and - . _ ~ stay themselves, and in a path the slash', () => {
  const bytes = Buffer.from("a-._~/ +!'()*@=é")
  assert.equal(encodeS3(bytes, true), 'a-._~/%20%2B%21%27%28%29%2A%40%3D%C3%A9')
  assert.equal(encodeS3(Buffer.from('/'), false), '%2F')
})

test('a broken escape is no text at all', () => {
  for (const text of ['%', 'a%4', '%zz', '%+1']) assert.equal(decodePercent(text, false), undefined)
})
