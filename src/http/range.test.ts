import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import {
  formatContentRange,
  formatRange,
  formatUnsatisfied,
  parseContentRange,
  parseRange,
  selectRanges,
} from './range.ts'
import type { ByteRange, RangeSpec, Selection } from './range.ts'

const bounded = (first: number, last: number): RangeSpec => ({ kind: 'bounded', first, last })
const open = (first: number): RangeSpec => ({ kind: 'open', first })
const suffix = (length: number): RangeSpec => ({ kind: 'suffix', length })
const MAX = Number.MAX_SAFE_INTEGER

describe('a Range field (RFC 9110 §14.1.1)', () => {
  const read: readonly (readonly [header: string, specs: readonly RangeSpec[]])[] = [
    ['bytes=0-9', [bounded(0, 9)]],
    ['bytes=5-5', [bounded(5, 5)]],
    ['bytes=007-010', [bounded(7, 10)]],
    ['Bytes=9-', [open(9)]],
    ['bytes=-5', [suffix(5)]],
    ['bytes=-0', [suffix(0)]],
    [' bytes=0-1 ', [bounded(0, 1)]],
    ['bytes=0-1,5-,-3', [bounded(0, 1), open(5), suffix(3)]],
    ['bytes=, 0-1 ,\t, -3,', [bounded(0, 1), suffix(3)]],
    ['bytes=0-99999999999999999999', [bounded(0, MAX)]],
    ['bytes=99999999999999999999-', [open(MAX)]],
    [`bytes=-${'9'.repeat(400)}`, [suffix(MAX)]],
  ]
  for (const [header, specs] of read) {
    test(`${header.slice(0, 40)} is understood`, () => {
      assert.deepEqual(parseRange(header), specs)
    })
  }

  const ignored = [
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=,',
    'bytes=-',
    'bytes=abc',
    'bytes=5-2',
    'bytes=0-1,5-2',
    'bytes=0-1,x',
    'bytes=0 - 1',
    'bytes=--1',
    'bytes=-1-',
    'bytes=0-1-2',
    'bytes=+1-2',
    'bytes=1.0-2',
    'bytes=0x1-2',
    'bytes=1e1-20',
    'bytes =0-1',
    'bytes=\u00a00-1',
    'bytes:0-1',
    'items=0-1',
    'junk',
  ]
  for (const header of ignored) {
    test(`${JSON.stringify(header)} is ignored`, () => {
      assert.equal(parseRange(header), undefined)
    })
  }
})

describe('the parts chosen for a range', () => {
  const parts = (...pairs: readonly (readonly [number, number])[]): Selection => ({
    kind: 'parts',
    parts: pairs.map(([first, last]): ByteRange => ({ first, last })),
  })
  const unsatisfiable: Selection = { kind: 'unsatisfiable' }
  const whole: Selection = { kind: 'whole' }
  const every2nd = (count: number): string =>
    `bytes=${Array.from({ length: count }, (_, index) => `${index * 2}-${index * 2}`).join()}`

  const chosen: readonly (readonly [header: string | undefined, size: number, Selection])[] = [
    [undefined, 100, whole],
    ['items=0-1', 100, whole],
    ['bytes=0-9', 100, parts([0, 9])],
    ['bytes=0-99', 100, parts([0, 99])],
    ['bytes=90-999', 100, parts([90, 99])],
    ['bytes=99-', 100, parts([99, 99])],
    ['bytes=-1', 100, parts([99, 99])],
    ['bytes=-500', 100, parts([0, 99])],
    ['bytes=100-', 100, unsatisfiable],
    ['bytes=100-200', 100, unsatisfiable],
    ['bytes=-0', 100, unsatisfiable],
    ['bytes=100-,-0', 100, unsatisfiable],
    ['bytes=100-,0-1', 100, parts([0, 1])],
    ['bytes=0-', 0, unsatisfiable],
    ['bytes=0-0', 0, unsatisfiable],
    ['bytes=-0', 0, unsatisfiable],
    ['bytes=-5', 0, whole],
    ['bytes=0-,-5', 0, whole],
    ['bytes=0-1,5-6', 100, parts([0, 1], [5, 6])],
    ['bytes=5-6,0-1', 100, parts([5, 6], [0, 1])],
    ['bytes=0-4,5-9', 100, parts([0, 4], [5, 9])],
    ['bytes=0-5,5-9', 100, parts([0, 9])],
    ['bytes=50-60,0-9,55-70', 100, parts([50, 70], [0, 9])],
    ['bytes=0-9,50-60,5-55', 100, parts([0, 60])],
    ['bytes=20-29,0-99', 100, parts([0, 99])],
    ['bytes=50-,-50,0-1', 100, parts([50, 99], [0, 1])],
    [every2nd(17), 100, whole],
    [`bytes=${Array(400).fill('0-9').join()}`, 100, parts([0, 9])],
  ]
  for (const [header, size, selection] of chosen) {
    test(`${header?.slice(0, 40)} of ${size} bytes gives ${selection.kind}`, () => {
      assert.deepEqual(selectRanges(parseRange(header), size), selection)
    })
  }

  test('sixteen parts are still parts', () => {
    const selection = selectRanges(parseRange(every2nd(16)), 100)
    assert.equal(selection.kind === 'parts' && selection.parts.length, 16)
  })
})

describe('a Content-Range field (RFC 9110 §14.4)', () => {
  test('a range of a known size, of an unknown one, and none at all are told apart', () => {
    assert.deepEqual(parseContentRange('bytes 0-9/100'), { first: 0, last: 9, size: 100 })
    assert.deepEqual(parseContentRange('Bytes 9-9/10'), { first: 9, last: 9, size: 10 })
    assert.deepEqual(parseContentRange('bytes 0-9/*'), { first: 0, last: 9, size: undefined })
    assert.deepEqual(parseContentRange('bytes */100'), { unsatisfiedSize: 100 })
    assert.deepEqual(parseContentRange('bytes */0'), { unsatisfiedSize: 0 })
  })

  const refused = [
    undefined,
    '',
    'bytes',
    'bytes 0-9',
    'bytes 0-9/',
    'bytes 9-0/10',
    'bytes 0-10/10',
    'bytes 0-0/0',
    'bytes */*',
    'bytes=0-9/10',
    'bytes -9/10',
    'bytes 0-/10',
    'items 0-9/10',
    'bytes 0-9/9007199254740993',
    'bytes 0-9007199254740993/*',
  ]
  for (const header of refused) {
    test(`${JSON.stringify(header)} says nothing`, () => {
      assert.equal(parseContentRange(header), undefined)
    })
  }

  test('what is written is read back', () => {
    const range = { first: 5, last: 6 }
    assert.deepEqual(parseContentRange(formatContentRange(range, 7)), { ...range, size: 7 })
    assert.deepEqual(parseContentRange(formatUnsatisfied(7)), { unsatisfiedSize: 7 })
  })
})

test('a written Range field is read back as the same spec', () => {
  for (const spec of [bounded(0, 9), open(5), suffix(3)]) {
    assert.deepEqual(parseRange(formatRange(spec)), [spec])
  }
  assert.equal(formatRange(bounded(0, 9)), 'bytes=0-9')
})
