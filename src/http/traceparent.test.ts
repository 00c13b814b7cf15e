import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import * as fc from 'fast-check'

import {
  formatTraceparent,
  parseBaggage,
  parseTraceparent,
  parseTracestate,
} from './traceparent.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const RUNS = { seed: 20_261_121, numRuns: 3000 }

describe('traceparent', () => {
  for (const [flags, isSampled] of [
    ['00', false],
    ['01', true],
    ['02', false],
    ['ff', true],
  ] as const) {
    test(`flags ${flags} say that the trace is ${isSampled ? '' : 'not '}sampled`, () => {
      const wanted = { traceId: TRACE, parentId: PARENT, isSampled }
      assert.deepEqual(parseTraceparent(`00-${TRACE}-${PARENT}-${flags}`), wanted)
    })
  }

  test('of a later version the known part counts, whatever follows it', () => {
    const known = { traceId: TRACE, parentId: PARENT, isSampled: true }
    assert.deepEqual(parseTraceparent(`01-${TRACE}-${PARENT}-01`), known)
    assert.deepEqual(parseTraceparent(`cc-${TRACE}-${PARENT}-01-what-ever`), known)
  })

  for (const bad of [
    undefined,
    '',
    `ff-${TRACE}-${PARENT}-01`,
    `0-${TRACE}-${PARENT}-01`,
    `00-${TRACE.toUpperCase()}-${PARENT}-01`,
    `00-${TRACE}-${PARENT.toUpperCase()}-01`,
    `00-${'0'.repeat(32)}-${PARENT}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}-${PARENT}-01-more`,
    `00-${TRACE}-${PARENT}-01-`,
    `01-${TRACE}-${PARENT}-01more`,
    `00-${TRACE}-${PARENT}-1`,
    `00-${TRACE}-${PARENT}-0g`,
    `00-${TRACE}-${PARENT}`,
    `00_${TRACE}_${PARENT}_01`,
    ` 00-${TRACE}-${PARENT}-01`,
    `00-${TRACE}-${PARENT}-01 `,
    `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`,
    `01-${TRACE}-${PARENT}-01-${'x'.repeat(500)}`,
  ]) {
    test(`${JSON.stringify(bad)} says nothing`, () => {
      assert.equal(parseTraceparent(bad), undefined)
    })
  }

  test('what is understood is written again as it was, and nothing makes the parser throw', () => {
    const piece = fc.constantFrom('00', '01', 'ff', '-', TRACE, PARENT, 'g', 'A', ' ', '0', 'a')
    const text = fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(text, (written) => {
        const parsed = parseTraceparent(written)
        if (parsed === undefined) return
        assert.match(formatTraceparent(parsed), /^00-[\da-f]{32}-[\da-f]{16}-0[01]$/)
        assert.deepEqual(parseTraceparent(formatTraceparent(parsed)), parsed)
        assert.equal(written.slice(3, 52), `${parsed.traceId}-${parsed.parentId}`)
      }),
      RUNS,
    )
  })
})

describe('tracestate', () => {
  for (const [written, wanted] of [
    ['a=1', 'a=1'],
    ['rojo=00f067aa0ba902b7,congo=t61rcWkgMzE', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
    ['fw529a3039@dt=FfAxJ;x', 'fw529a3039@dt=FfAxJ;x'],
    [' a=1 ,\t, b=2 ', 'a=1,b=2'],
    ['a=1 2', 'a=1 2'],
    [Array.from({ length: 32 }, (_, n) => `k${n}=v`).join(','), undefined],
    ['a=1,a=2', undefined],
    ['A=1', undefined],
    ['a', undefined],
    ['a=', undefined],
    ['=1', undefined],
    ['a=1=2', undefined],
    ['a@b@c=1', undefined],
    ['a=é', undefined],
    ['a=1\u0000', undefined],
    [Array.from({ length: 33 }, (_, n) => `k${n}=v`).join(','), undefined],
    [`a=${'x'.repeat(257)}`, undefined],
    [`${'a'.repeat(257)}=1`, undefined],
    [`a=${'x'.repeat(250)},b=${'x'.repeat(250)},c=${'x'.repeat(100)}`, undefined],
    ['', undefined],
    [undefined, undefined],
  ] as const) {
    const isMost = written?.startsWith('k0=v,') === true && !written.includes('k32')
    test(`${JSON.stringify(written)?.slice(0, 60)} is handed on ${isMost ? 'whole' : 'as it is, or not'}`, () => {
      assert.equal(parseTracestate(written), isMost ? written : wanted)
    })
  }

  test('what is handed on is handed on again unchanged', () => {
    const piece = fc.constantFrom('a', 'b', '1', '=', ',', ' ', '@', '*', '\t', 'é', ';', '/')
    const text = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(text, (written) => {
        const kept = parseTracestate(written)
        if (kept === undefined) return
        assert.match(kept, /^[\x20-\x7e]+$/)
        assert.equal(parseTracestate(kept), kept)
      }),
      RUNS,
    )
  })
})

describe('baggage', () => {
  for (const [written, wanted] of [
    ['userId=alice', 'userId=alice'],
    ['a = 1 ; p=2; q , b=%20', 'a = 1 ; p=2; q,b=%20'],
    ['a=', 'a='],
    ['a', undefined],
    ['a=1,,b=2', 'a=1,b=2'],
    ['a b=1', undefined],
    ['a="1"', undefined],
    ['a=1 2', undefined],
    ['a=1;p q', undefined],
    ['a=é', undefined],
    [`a=${'x'.repeat(8191)}`, undefined],
    [Array.from({ length: 65 }, (_, n) => `k${n}=v`).join(','), undefined],
    ['', undefined],
    [undefined, undefined],
  ] as const) {
    test(`${JSON.stringify(written)?.slice(0, 60)} is ${wanted === undefined ? 'none' : 'some'}`, () => {
      assert.equal(parseBaggage(written), wanted)
    })
  }
})
