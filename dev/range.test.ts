import assert from 'node:assert/strict'
import { test } from 'node:test'

import { selectRange } from './range.ts'

const whole = { kind: 'whole', isLabelled: false }
const labelled = { kind: 'whole', isLabelled: true }
const none = { kind: 'unsatisfiable' }

function part(first: number, last: number): object {
  return { kind: 'part', first, last }
}

const of1000 = [
  [undefined, whole, whole],
  ['bytes=0-9', part(0, 9), part(0, 9)],
  ['bytes=990-99999', part(990, 999), part(990, 999)],
  ['bytes=990-', part(990, 999), part(990, 999)],
  ['bytes=-5', part(995, 999), part(995, 999)],
  ['bytes=-99999', part(0, 999), part(0, 999)],
  ['bytes=1000-', none, none],
  ['bytes=-0', none, part(0, 999)],
  ['bytes=5-2', whole, none],
  ['bytes=abc', whole, none],
  ['bytes=0-1,5-6', whole, part(0, 1)],
  ['items=0-1', whole, labelled],
  ['junk', whole, labelled],
] as const

for (const [header, aws, ceph] of of1000) {
  test(`of 1000 bytes, AWS and Ceph give for "${header}" what they do`, () => {
    assert.deepEqual(selectRange(header, 1000, 'aws'), aws)
    assert.deepEqual(selectRange(header, 1000, 'ceph'), ceph)
  })
}

test('no range of an empty object can be satisfied', () => {
  for (const header of ['bytes=0-', 'bytes=0-0', 'bytes=-1']) {
    assert.deepEqual(selectRange(header, 0, 'aws'), none)
  }
})
