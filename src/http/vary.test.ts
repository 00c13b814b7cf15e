import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import * as fc from 'fast-check'

import { selectingValues, selects, varyNames } from './vary.ts'

describe('the names in Vary (RFC 9110 §12.5.5)', () => {
  const rows: readonly (readonly [header: string | undefined, names: readonly string[] | '*'])[] = [
    [undefined, []],
    ['', []],
    ['Foo', ['foo']],
    ['Foo, bar', ['bar', 'foo']],
    ['foo,FOO , foo', ['foo']],
    [', Foo,,', ['foo']],
    ['*', '*'],
    ['*, *', '*'],
    [', *', '*'],
    [',*', '*'],
    ['*, Foo', '*'],
    ['Foo, *', '*'],
    ['foo bar', '*'],
    ['"foo"', '*'],
    ['a*b', ['a*b']],
  ]
  for (const [header, names] of rows) {
    test(`${JSON.stringify(header)} names ${JSON.stringify(names)}`, () => {
      assert.deepEqual(varyNames(header), names)
    })
  }
})

type Headers = Record<string, string>
type Row = readonly [vary: string, stored: Headers, presented: Headers, doesSelect: boolean]

describe('a stored answer is selected by the fields its Vary names (RFC 9111 §4.1)', () => {
  const rows: readonly Row[] = [
    ['', { foo: '1' }, { foo: '2' }, true],
    ['Foo', { foo: '1' }, { foo: '1' }, true],
    ['Foo', { foo: '1' }, { foo: '2' }, false],
    ['Foo', {}, { foo: '1' }, false],
    ['Foo', { foo: '1' }, {}, false],
    ['Foo', {}, {}, true],
    ['Foo', { foo: '1', other: '2' }, { foo: '1', other: '3' }, true],
    ['Foo, Bar', { foo: '1', bar: 'abc' }, { bar: 'abc', foo: '1' }, true],
    ['Foo, Bar', { foo: '1', bar: 'abc' }, { foo: '2', bar: 'abc' }, false],
    ['Foo, Bar', { foo: '1', bar: 'abc' }, {}, false],
    ['Foo, Bar', { foo: '1' }, { bar: '1' }, false],
    [
      'Foo, Bar, Baz',
      { foo: '1', bar: 'abc', baz: '789' },
      { foo: '1', baz: '789', bar: 'x' },
      false,
    ],
    ['Foo, Bar, Baz', { foo: '1', baz: '789' }, { foo: '1', baz: '789' }, true],
    ['Foo', { foo: '1,2' }, { foo: ' 1, 2 ' }, true],
    ['Foo', { foo: '1, 2' }, { foo: '1,2,' }, true],
    ['Foo', { foo: '1, 2' }, { foo: '2, 1' }, false],
    ['Foo', { foo: 'a' }, { foo: 'A' }, false],
    ['Foo', { foo: 'a b' }, { foo: 'ab' }, false],
    ['Foo', { foo: '"1, 2"' }, { foo: '"1,2"' }, false],
    ['Accept-Language', { 'accept-language': 'en, de' }, { 'accept-language': 'de, en' }, true],
    ['Accept-Language', { 'accept-language': 'en, de' }, { 'accept-language': 'eN, De' }, true],
    ['Accept-Language', { 'accept-language': 'en, de' }, { 'accept-language': ' en ,   de' }, true],
    ['Accept-Language', { 'accept-language': 'en, de' }, { 'accept-language': 'en' }, false],
    ['Accept-Encoding', { 'accept-encoding': 'gzip, br' }, { 'accept-encoding': 'br,GZIP' }, true],
    ['Accept-Encoding', { 'accept-encoding': 'gzip' }, { 'accept-encoding': 'br' }, false],
    ['Cookie', { cookie: 'a=b' }, { cookie: 'a=b' }, true],
    ['Cookie', { cookie: 'a=b' }, { cookie: 'a=c' }, false],
    ['Cookie', { cookie: 'a=b' }, {}, false],
    ['Cookie', {}, {}, true],
  ]
  for (const [vary, stored, presented, doesSelect] of rows) {
    const verb = doesSelect ? 'selects' : 'does not select'
    test(`Vary: ${vary}: ${JSON.stringify(presented)} ${verb} ${JSON.stringify(stored)}`, () => {
      const names = varyNames(vary)
      assert.notEqual(names, '*')
      if (names === '*') return
      assert.equal(selects(selectingValues(names, stored), presented), doesSelect)
    })
  }
})

test('lines of one field are one value', () => {
  assert.deepEqual(selectingValues(['set-cookie'], { 'set-cookie': ['a', 'b'] }), [
    ['set-cookie', 'a,b'],
  ])
})

test('a credential is not kept in what is stored', () => {
  const secrets = {
    authorization: 'Bearer s3cret',
    cookie: 's3cret',
    'proxy-authorization': 's3cret',
  }
  const kept = JSON.stringify(selectingValues(Object.keys(secrets), secrets))
  assert.doesNotMatch(kept, /s3cret/)
})

test('every request selects what was stored for it', () => {
  const name = fc.constantFrom('foo', 'accept-language', 'cookie', 'set-cookie')
  const headers = fc.dictionary(name, fc.string({ unit: 'binary', maxLength: 12 }))
  fc.assert(
    fc.property(fc.array(name), headers, (names, fields) => {
      const requestHeaders = { ...fields, 'set-cookie': ['a', 'b'] }
      assert.equal(selects(selectingValues(names, requestHeaders), requestHeaders), true)
    }),
    { seed: 9111, numRuns: 1000 },
  )
})
