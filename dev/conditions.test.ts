import assert from 'node:assert/strict'
import { test } from 'node:test'

import { evaluateConditions, ifRangeHolds } from './conditions.ts'
import type { ConditionOutcome, Conditions } from './conditions.ts'

const held = { etag: '"abc"', lastModified: new Date('2026-01-02T03:04:05.678Z') }
const before = 'Fri, 02 Jan 2026 03:04:04 GMT'
const same = 'Fri, 02 Jan 2026 03:04:05 GMT'

const absent: Conditions = {
  ifMatch: undefined,
  ifNoneMatch: undefined,
  ifModifiedSince: undefined,
  ifUnmodifiedSince: undefined,
}

type Row = [Partial<Conditions>, aws: ConditionOutcome, ceph: ConditionOutcome]

const rows: Row[] = [
  [{}, 'proceed', 'proceed'],
  [{ ifMatch: '"abc"' }, 'proceed', 'proceed'],
  [{ ifMatch: '"x"' }, 'failed', 'failed'],
  [{ ifMatch: '"x", "abc"' }, 'proceed', 'failed'],
  [{ ifMatch: '*' }, 'proceed', 'failed'],
  [{ ifMatch: 'W/"abc"' }, 'failed', 'failed'],
  [{ ifMatch: '"abc"', ifUnmodifiedSince: before }, 'proceed', 'proceed'],
  [{ ifUnmodifiedSince: before }, 'failed', 'failed'],
  [{ ifUnmodifiedSince: same }, 'proceed', 'proceed'],
  [{ ifNoneMatch: '"abc"' }, 'not-modified', 'not-modified'],
  [{ ifNoneMatch: 'abc' }, 'not-modified', 'not-modified'],
  [{ ifNoneMatch: 'W/"abc"' }, 'not-modified', 'proceed'],
  [{ ifNoneMatch: '"x", "abc"' }, 'not-modified', 'proceed'],
  [{ ifNoneMatch: '*' }, 'not-modified', 'proceed'],
  [{ ifNoneMatch: '"x"', ifModifiedSince: same }, 'proceed', 'proceed'],
  [{ ifModifiedSince: same }, 'not-modified', 'not-modified'],
  [{ ifModifiedSince: before }, 'proceed', 'proceed'],
  [{ ifModifiedSince: 'yesterday' }, 'proceed', 'proceed'],
]

for (const [conditions, aws, ceph] of rows) {
  test(`${JSON.stringify(conditions)} is ${aws} to AWS and ${ceph} to Ceph`, () => {
    const all = { ...absent, ...conditions }
    assert.equal(evaluateConditions(all, held, 'aws'), aws)
    assert.equal(evaluateConditions(all, held, 'ceph'), ceph)
  })
}

test('If-Range holds for the very same ETag or date, and always for Ceph, which does not look', () => {
  for (const value of [undefined, '"abc"', same]) assert.ok(ifRangeHolds(value, held, 'aws'))
  for (const value of ['"x"', 'W/"abc"', before]) {
    assert.ok(!ifRangeHolds(value, held, 'aws'))
    assert.ok(ifRangeHolds(value, held, 'ceph'))
  }
})
