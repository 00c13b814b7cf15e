import assert from 'node:assert/strict'
import { test } from 'node:test'

import { compileTagPattern, faultOfTagPattern } from './tag-pattern.ts'

const tags: readonly [pattern: string, key: string, tag: string | undefined][] = [
  ['^([^/]+)/', 'shoes/red.png', 'shoes'],
  ['^([^/]+)/', 'red.png', undefined],
  ['^products/(\\d+)/', 'products/42/a.jpg', '42'],
  ['-(v\\d{1,3})\\.js$', 'app-v12.js', 'v12'],
  ['^(?:img|doc)/(?<kind>[\\p{L}]+)/', 'doc/été/a', 'été'],
  ['^(a?)b', 'b', undefined],
  ['^([^/]+)/', `${'a'.repeat(1025)}/`, undefined],
]

for (const [pattern, key, tag] of tags) {
  test(`${pattern} gives ${key.slice(0, 20)} ${tag === undefined ? 'no tag' : `the tag ${tag}`}`, () => {
    assert.equal(faultOfTagPattern(pattern), undefined)
    assert.equal(compileTagPattern(pattern)(key), tag)
  })
}

const refused: readonly [pattern: string, why: RegExp][] = [
  ['(', /not a regular expression/],
  ['abc', /no group/],
  ['(?:a)', /no group/],
  ['\\(a\\)', /no group/],
  ['[(a)]', /no group/],
  [`(${'a'.repeat(200)})`, /200 characters/],
  ['(a)\\1', /around or back/],
  ['(?<a>x)\\k<a>', /around or back/],
  ['(?=a)(b)', /around or back/],
  ['(?<!a)(b)', /around or back/],
  ['(a+)+', /for ever/],
  ['((a*)b?)*', /for ever/],
  ['(?:(?:a|a))*(b)', /for ever/],
  ['(a?){50}', /for ever/],
  ['(a?){50,50}', /for ever/],
  ['(.*).*.*x', /take long/],
  ['^(.*).*.*x', /take long/],
  [`^(${'a?'.repeat(30)})`, /take long/],
  [`^${'(a|a)'.repeat(30)}x`, /take long/],
  [`(a)${'b{0,9}'.repeat(9)}`, /take long/],
]

for (const [pattern, why] of refused) {
  test(`${pattern.slice(0, 40)} is refused`, () => {
    assert.match(faultOfTagPattern(pattern) ?? 'nothing', why)
  })
}

test('the slowest patterns allowed are quick over the worst keys', () => {
  const started = performance.now()
  for (const pattern of ['^(.*)a.*b', '(.*)b', '^(.*)(?:a|a)(?:a|a)(?:a|a)(?:a|a).*b']) {
    assert.equal(faultOfTagPattern(pattern), undefined)
    assert.equal(compileTagPattern(pattern)('a'.repeat(1024)), undefined)
  }
  assert.ok(performance.now() - started < 5000)
})
