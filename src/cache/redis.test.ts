import assert from 'node:assert/strict'
import test from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'

test('what speaks to Redis leaves the methods of texts fast', async () => {
  await import('./redis.ts')
  setFlagsFromString('--allow-natives-syntax')
  assert.equal(runInThisContext('%HasFastProperties(String.prototype)'), true)
})
