import assert from 'node:assert/strict'
import test from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'

import { speedUpTexts } from './fast-texts.ts'

setFlagsFromString('--allow-natives-syntax')
const areFast: () => unknown = runInThisContext('() => %HasFastProperties(String.prototype)')

test('texts are as fast as ever after a class has extended String', () => {
  class Name extends String {}
  assert.equal(String(new Name('a')), 'a')
  assert.equal(areFast(), false)

  speedUpTexts()

  assert.equal(areFast(), true)
})
