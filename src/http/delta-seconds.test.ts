import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { parseDeltaSeconds } from './delta-seconds.ts'

describe('a count of seconds (RFC 9111 §1.2.2)', () => {
  const rows: readonly (readonly [text: string, seconds: number | undefined])[] = [
    ['0', 0],
    ['3600', 3600],
    ['003600', 3600],
    ['2147483647', 2147483647],
    ['2147483648', 2147483648],
    ['2147483649', 2147483648],
    ['99999999999', 2147483648],
    ['9'.repeat(400), 2147483648],
    ['', undefined],
    ['-1', undefined],
    ['+1', undefined],
    ['1.0', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    [' 1', undefined],
    ['1\n', undefined],
    ['١', undefined],
  ]
  for (const [text, seconds] of rows) {
    test(`${JSON.stringify(text.slice(0, 20))} is ${seconds ?? 'none'}`, () => {
      assert.equal(parseDeltaSeconds(text), seconds)
    })
  }
})
