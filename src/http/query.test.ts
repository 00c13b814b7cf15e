import assert from 'node:assert/strict'
import { test } from 'node:test'

import { queryParameter, queryParameters } from './query.ts'

const cases: readonly (readonly [query: string, value: string | undefined])[] = [
  ['', undefined],
  ['a=1', '1'],
  ['b=2&a=1&a=3', '1'],
  ['a', ''],
  ['a=', ''],
  ['a&b=2', ''],
  ['a==1=', '=1='],
  ['ba=1', undefined],
  ['A=1', undefined],
  ['b=a=1', undefined],
  ['&&a=1&', '1'],
  ['=1', undefined],
  ['%61=1', '1'],
  ['a=x+y%2Bz', 'x y+z'],
  ['a=%C3%A9', 'é'],
  ['a=%2541', '%41'],
  ['a=%zz+', '%zz+'],
  ['a=%ff', '%ff'],
]
for (const [query, value] of cases) {
  test(`in ?${query} the parameter a is ${JSON.stringify(value)}`, () => {
    assert.equal(queryParameter(query, 'a'), value)
  })
}

test('a nameless value is not found under the empty name', () => {
  assert.equal(queryParameter('=1', ''), undefined)
})

test('all parameters stand in their order, each read as one alone', () => {
  assert.deepEqual(queryParameters('a=1&b&a=x%20+y&&=z&c=%ff'), [
    ['a', '1'],
    ['b', ''],
    ['a', 'x  y'],
    ['', 'z'],
    ['c', '%ff'],
  ])
})
