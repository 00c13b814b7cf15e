import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { pageOf } from './list.ts'
import type { ListQuery } from './list.ts'

const all: ListQuery = { prefix: '', delimiter: '', maxKeys: 1000, after: '' }

test('keys come in the order of their UTF-8 bytes', () => {
  const page = pageOf(['\u{1f600}', '\uff5e', 'b', 'B'], all)
  assert.deepEqual(page.keys, ['B', 'b', '\uff5e', '\u{1f600}'])
})

test('keys that share a folder below the prefix come as one group', () => {
  const keys = ['a/', 'a/1', 'a/b/2', 'a/b/3', 'a/c/4', 'z']
  const page = pageOf(keys, { ...all, prefix: 'a/', delimiter: '/' })
  assert.deepEqual(page, { keys: ['a/', 'a/1'], groups: ['a/b/', 'a/c/'], next: undefined })
})

test('a page that ends on a group goes on after the whole of it', () => {
  const keys = ['a/1', 'a/2', 'b']
  const first = pageOf(keys, { ...all, delimiter: '/', maxKeys: 1 })
  assert.deepEqual(first, { keys: [], groups: ['a/'], next: 'a/' })
  const second = pageOf(keys, { ...all, delimiter: '/', maxKeys: 1, after: 'a/' })
  assert.deepEqual(second, { keys: ['b'], groups: [], next: undefined })
})

test('a page of nothing is not truncated', () => {
  assert.deepEqual(pageOf(['a'], { ...all, maxKeys: 0 }), { keys: [], groups: [], next: undefined })
})

test('the pages of any size, put together, are the whole listing', () => {
  const key = fc.string({
    unit: fc.constantFrom('a', 'b', '/', '-', 'é'),
    minLength: 1,
    maxLength: 6,
  })
  const delimiter = fc.constantFrom('', '/', '-', 'b/')
  fc.assert(
    fc.property(
      fc.uniqueArray(key),
      delimiter,
      fc.integer({ min: 1, max: 4 }),
      (keys, delimiter, n) => {
        const whole = pageOf(keys, { ...all, delimiter })
        const found: string[] = []
        for (let after: string | undefined = ''; after !== undefined;) {
          const page = pageOf(keys, { ...all, delimiter, maxKeys: n, after })
          found.push(...page.keys, ...page.groups)
          after = page.next
        }
        assert.deepEqual(found.sort(), [...whole.keys, ...whole.groups].sort())
      },
    ),
    { seed: 1 },
  )
})
