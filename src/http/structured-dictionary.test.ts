import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import * as fc from 'fast-check'

import { parseStructuredDictionary } from './structured-dictionary.ts'
import type { StructuredValue } from './structured-dictionary.ts'

const integer = (value: number): StructuredValue => ({ type: 'integer', value })
const boolean = (value: boolean): StructuredValue => ({ type: 'boolean', value })

describe('a Dictionary is read (RFC 9651 §4.2.2)', () => {
  const rows: readonly (readonly [field: string, members: Record<string, StructuredValue>])[] = [
    ['', {}],
    ['   ', {}],
    ['a', { a: boolean(true) }],
    ['a=?1, b=?0', { a: boolean(true), b: boolean(false) }],
    ['a=1,b=-2', { a: integer(1), b: integer(-2) }],
    [' a=1 \t,\t b ', { a: integer(1), b: boolean(true) }],
    ['a=999999999999999', { a: integer(999999999999999) }],
    ['a=1.5', { a: { type: 'other' } }],
    ['a="x, y \\" \\\\"', { a: { type: 'string' } }],
    ['a=token/x:y*', { a: { type: 'other' } }],
    ['a=:aGk=:', { a: { type: 'other' } }],
    ['a=@1659578233', { a: { type: 'other' } }],
    ['a=%"f%c3%bc"', { a: { type: 'other' } }],
    ['a=(1 "x"  tok;p=1)', { a: { type: 'other' } }],
    ['a=( )', { a: { type: 'other' } }],
    ['a=1;p;q="x";r=?0, b', { a: integer(1), b: boolean(true) }],
    ['a;p=2', { a: boolean(true) }],
    ['a=1, a=2', { a: integer(2) }],
    ['*a-b.c_d=1', { '*a-b.c_d': integer(1) }],
  ]
  for (const [field, members] of rows) {
    test(JSON.stringify(field), () => {
      assert.deepEqual(
        Object.fromEntries(parseStructuredDictionary(field) ?? [['none', 0]]),
        members,
      )
    })
  }
})

describe('what is no Dictionary is refused whole', () => {
  const refused = [
    'A=1',
    'MaX-aGe=3600',
    'a =1',
    'a= 1',
    'a=',
    'a=1,',
    ',a=1',
    'a,,b',
    'a b',
    'a=1 b=2',
    'a=1x',
    'a=1.',
    'a=.5',
    'a=1.2345',
    'a=1234567890123456',
    'a=1234567890123.0',
    'a=-',
    'a=?2',
    'a=?',
    'a="x',
    'a="\\x"',
    'a="é"',
    'a=:a',
    'a=(1',
    'a=(1"x")',
    'a=1;',
    'a=1;P',
    'a=1 ;p',
    'a=1, &&&&&',
    '1a',
    "a='x'",
    '\u00a0a',
  ]
  for (const field of refused) {
    test(JSON.stringify(field), () => {
      assert.equal(parseStructuredDictionary(field), undefined)
    })
  }
})

test('no field makes the parser throw', () => {
  const piece = fc.constantFrom(
    ...'a b1 = , ; ( ) " \\ ?1 5 -1.5 : @ % * \xff'.split(' '),
    ' ',
    '\t',
  )
  const field = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(''))
  fc.assert(
    fc.property(field, (text) => {
      const members = parseStructuredDictionary(text)
      for (const key of members?.keys() ?? []) assert.match(key, /^[a-z*]/)
    }),
    { seed: 9651, numRuns: 3000 },
  )
})
