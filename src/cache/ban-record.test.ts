import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { compareIds, decodeBan, encodeBan, isStreamId } from './ban-record.ts'
import type { Ban, BanRule } from './ban.ts'

const bucket = fc.string({ unit: 'binary' })
const someBucket = fc.option(bucket, { nil: undefined })
const text = fc.string({ unit: 'binary' })
const rules: fc.Arbitrary<BanRule> = fc.oneof(
  fc.constant<BanRule>({ kind: 'all' }),
  plain({ kind: fc.constant('bucket' as const), bucket }),
  plain({ kind: fc.constant('key' as const), bucket, key: text }),
  plain({ kind: fc.constant('prefix' as const), bucket: someBucket, prefix: text }),
  plain({ kind: fc.constant('glob' as const), bucket: someBucket, pattern: text }),
  plain({ kind: fc.constant('tag' as const), bucket: someBucket, tag: text }),
)
const bans: fc.Arbitrary<Ban> = plain({
  id: text,
  rule: rules,
  at: fc.nat(),
  isSoft: fc.boolean(),
})

/** Objects as they are written, and as JSON makes them. */
function plain<Shape>(shape: { [Name in keyof Shape]: fc.Arbitrary<Shape[Name]> }) {
  return fc.record<Shape, keyof Shape>(shape, { noNullPrototype: true })
}

test('a ban reads back as it was', () => {
  fc.assert(
    fc.property(bans, (ban) => assert.deepEqual(decodeBan(encodeBan(ban)[1]), ban)),
    { seed: 1 },
  )
})

test('what lacks anything, or is of another shape, is no ban', () => {
  const whole = { id: 'a', rule: { kind: 'key', bucket: 'b', key: 'k' }, at: 1, isSoft: false }
  assert.deepEqual(decodeBan(JSON.stringify(whole)), whole)
  for (const name of Object.keys(whole)) {
    assert.equal(decodeBan(JSON.stringify({ ...whole, [name]: undefined })), undefined, name)
    assert.equal(decodeBan(JSON.stringify({ ...whole, [name]: [] })), undefined, name)
  }
  const others = [{ kind: 'key', bucket: 'b' }, { kind: 'bucket' }, { kind: 'tag', tag: 1 }]
  for (const rule of [...others, { kind: 'glob', bucket: 1, pattern: '' }, { kind: 'new' }]) {
    assert.equal(decodeBan(JSON.stringify({ ...whole, rule })), undefined, JSON.stringify(rule))
  }
  for (const text of [undefined, '', '{', 'null', '[]', '1']) {
    assert.equal(decodeBan(text), undefined)
  }
})

test('ids stand in the order of the stream, by number and not by letter', () => {
  const ids = ['0-0', '9-1', '10-0', '10-2', '10-10', '1700000000000-0']
  assert.deepEqual(ids.toReversed().toSorted(compareIds), ids)
  assert.equal(compareIds('10-2', '10-2'), 0)
})

test('a position is believed only where it is one', () => {
  assert.equal(isStreamId('1700000000000-12'), true)
  for (const text of [undefined, '', '1', '-', '1-', '$', '1-1 ', '1e3-0']) {
    assert.equal(isStreamId(text), false, String(text))
  }
})
