import assert from 'node:assert/strict'
import { test } from 'node:test'

import { trimOws } from './ows.ts'

test('spaces and tabs around a value go, everything else stays', () => {
  assert.equal(trimOws(' \t a b\t '), 'a b')
  assert.equal(trimOws('\u00a0a\n'), '\u00a0a\n')
  assert.equal(trimOws(' \t'), '')
  assert.equal(trimOws(''), '')
})
