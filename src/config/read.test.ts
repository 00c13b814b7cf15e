import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { printYaml, readYaml } from './read.ts'
import type { Tree } from './tree.ts'

const read = (text: string) => readYaml(Buffer.from(text))

function treeOf(text: string): Tree {
  const result = read(text)
  return result.kind === 'read' ? structuredClone(result.tree) : assert.fail(text)
}

function faultOf(text: string | Uint8Array): string {
  const result = readYaml(Buffer.from(text))
  return result.kind === 'unreadable' ? result.problem.message : assert.fail(String(text))
}

test('anchors and merge keys work', () => {
  assert.deepEqual(treeOf('a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: *a'), {
    a: { x: 1, y: 2 },
    b: { x: 3, y: 2 },
    c: { x: 1, y: 2 },
  })
})

test('a file of comments alone says nothing', () => {
  assert.deepEqual([treeOf(''), treeOf('# a: 1'), treeOf('---')], [{}, {}, {}])
})

test('a few lines of aliases cannot stand for billions of values', () => {
  const levels = Array.from({ length: 12 }, (_, level) => {
    const item = level === 0 ? 'x' : `*a${level - 1}`
    return `a${level}: &a${level} [${Array.from({ length: 10 }, () => item).join(', ')}]`
  })
  assert.match(faultOf(levels.join('\n')), /holds? more than 200000 values/)
})

test('a list that holds itself is refused', () => {
  assert.equal(faultOf('a: &a [*a]'), 'is nested more than 64 levels deep')
  assert.match(faultOf('['.repeat(1000)), /nesting exceeded/)
})

test('bytes that are no UTF-8 are refused', () => {
  assert.equal(faultOf(Uint8Array.of(0x61, 0x3a, 0x20, 0xe9)), 'is not readable as YAML in UTF-8')
})

test('a syntax error tells its place, and nothing of what stands there', () => {
  const fault = faultOf('secret_key: "hunter2\nb: 1')
  assert.match(fault, / at line \d+, column \d+$/)
  assert.doesNotMatch(fault, /hunter2/)
})

for (const text of [
  'secret_key: *hunter2',
  'secret_key: !hunter2',
  'secret_key: !<hunter2> x',
  'secret_key: !hunter2!x y',
  'secret_key: !hunter2%zz x',
  'secret_key: `hunter2',
  'secret_key: {hunter2',
  'secret_key: "\\hunter2"',
]) {
  test(`no syntax error quotes what ${text} holds`, () => {
    assert.doesNotMatch(faultOf(text), /hunter2/)
  })
}

test('no key reaches a prototype', () => {
  const result = read('__proto__: {polluted: 1}\na: {constructor: {prototype: {polluted: 1}}}')
  assert.equal(result.kind, 'read')
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false)
  assert.deepEqual(result.kind === 'read' && result.problems, [
    { path: '__proto__', message: 'unknown setting' },
  ])
})

test('printed values read back as the same', () => {
  const leaf = fc.oneof(
    fc.string({ unit: 'binary' }).filter((text) => !text.includes('${')),
    fc.constantFrom('yes', '1.0', '~', 'null', '0x1', '2020-01-01', '- a', 'a: b', '#', "'", '<<'),
    fc.integer(),
    fc.boolean(),
  )
  const key = fc.stringMatching(/^[a-z0-9 .:#-]{1,8}$/)
  fc.assert(
    fc.property(fc.dictionary(key, fc.array(leaf), { noNullPrototype: true }), (value) => {
      assert.deepEqual(treeOf(printYaml(value)), value)
    }),
    { seed: 1 },
  )
})

test('no text makes reading throw', () => {
  const marks = fc.constantFrom(
    'a',
    ':',
    ' ',
    '\n',
    '-',
    '[',
    '{',
    '&',
    '*',
    '!',
    '|',
    '"',
    '<<',
    '%',
  )
  const texts = fc.oneof(
    fc.string(),
    fc.array(marks).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(texts, (text) => ['read', 'unreadable'].includes(read(text).kind)),
    { seed: 1, numRuns: 2000 },
  )
})
