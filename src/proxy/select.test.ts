import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { BARE_HEAD } from '../exchange/object-head.ts'
import type { ObjectHead } from '../exchange/object-head.ts'
import { readConditions } from '../http/conditional.ts'
import { parseRange } from '../http/range.ts'
import type { Plan } from './plan.ts'
import { select } from './select.ts'
import type { Selected } from './select.ts'

const HEAD: ObjectHead = { ...BARE_HEAD, size: 100, etag: '"a"' }

function selected(
  headers: Record<string, string>,
  head: Partial<ObjectHead> = {},
  part: { number?: string; first?: number; last?: number | undefined } = {},
): Selected {
  const plan: Plan = {
    method: 'GET',
    key: 'k',
    versionId: undefined,
    partNumber: part.number,
    ranges: parseRange(headers['range']),
    conditions: readConditions(headers),
    isRevalidation: false,
  }
  const sent = { first: 0, last: 99, ...part }
  return select(plan, { ...HEAD, ...head }, sent)
}

const WHOLE = { kind: 'whole' } as const

describe('an object is answered', () => {
  for (const [how, headers, head, expected] of [
    ['whole', {}, {}, WHOLE],
    [
      'with a part',
      { range: 'bytes=0-9' },
      {},
      { kind: 'part', range: { first: 0, last: 9 }, size: 100 },
    ],
    [
      'with parts',
      { range: 'bytes=0-0,9-9' },
      {},
      {
        kind: 'parts',
        ranges: [
          { first: 0, last: 0 },
          { first: 9, last: 9 },
        ],
        size: 100,
      },
    ],
    [
      'with one part for two that touch',
      { range: 'bytes=0-5,5-9' },
      {},
      { kind: 'part', range: { first: 0, last: 9 }, size: 100 },
    ],
    ['with 416 past its end', { range: 'bytes=100-' }, {}, { kind: 'unsatisfiable', size: 100 }],
    ['whole under a stale If-Range', { range: 'bytes=0-9', 'if-range': '"b"' }, {}, WHOLE],
    [
      'with a part under a true If-Range',
      { range: 'bytes=0-9', 'if-range': '"a"' },
      {},
      { kind: 'part', range: { first: 0, last: 9 }, size: 100 },
    ],
    ['whole when nobody knows its size', { range: 'bytes=0-9' }, { size: undefined }, WHOLE],
    ['with 304', { 'if-none-match': '"a"' }, {}, { kind: 'not-modified' }],
    ['with 412', { 'if-match': '"b"' }, {}, { kind: 'precondition-failed' }],
    [
      'with 412 before 416',
      { 'if-match': '"b"', range: 'bytes=100-' },
      {},
      { kind: 'precondition-failed' },
    ],
    [
      'with its redirect before all else',
      { 'if-match': '"b"', range: 'bytes=100-' },
      { redirectLocation: '/x' },
      { kind: 'redirect', location: '/x' },
    ],
  ] as const) {
    // prettier-ignore
    test(how, () => {
      assert.deepEqual(selected(headers, head), expected)
    })
  }
})

describe('a part number is answered', () => {
  test('with the bytes that S3 chose', () => {
    assert.deepEqual(selected({}, {}, { number: '2', first: 40, last: 79 }), {
      kind: 'part',
      range: { first: 40, last: 79 },
      size: 100,
    })
  })

  test('with all of them, when they are the first part', () => {
    assert.deepEqual(selected({}, {}, { number: '1' }), {
      kind: 'part',
      range: { first: 0, last: 99 },
      size: 100,
    })
  })

  test('with 416, when another part begins where the first one does', () => {
    assert.deepEqual(selected({}, {}, { number: '2' }), { kind: 'unsatisfiable', size: 100 })
  })

  test('whole, when there are no bytes or they cannot be told', () => {
    assert.deepEqual(selected({}, { size: 0 }, { number: '1', last: -1 }), WHOLE)
    assert.deepEqual(selected({}, {}, { number: '1', last: undefined }), WHOLE)
    assert.deepEqual(selected({}, { size: undefined }, { number: '1' }), WHOLE)
  })

  test('by its conditions first', () => {
    const headers = { 'if-none-match': '"a"' }
    assert.deepEqual(selected(headers, {}, { number: '2' }), { kind: 'not-modified' })
  })
})
