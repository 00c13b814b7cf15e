import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { BARE_HEAD } from '../exchange/object-head.ts'
import type { ObjectHead } from '../exchange/object-head.ts'
import { readConditions } from '../http/conditional.ts'
import { parseRange } from '../http/range.ts'
import { firstQuestion, renewingQuestion } from './first-question.ts'
import type { Plan } from './plan.ts'

const GRID = { sliceBytes: 10, spanSlices: 4 }

function planOf(range: string | undefined, more: Partial<Plan> = {}): Plan {
  return {
    method: 'GET',
    key: 'k',
    versionId: undefined,
    partNumber: undefined,
    ranges: parseRange(range),
    conditions: readConditions({}),
    isRevalidation: false,
    ...more,
  }
}

describe('the first question', () => {
  const cases: readonly (readonly [string | undefined, number, number])[] = [
    [undefined, 0, 39],
    ['bytes=0-', 0, 39],
    ['bytes=0-0', 0, 9],
    ['bytes=9-10', 0, 19],
    ['bytes=25-27', 20, 29],
    ['bytes=25-', 20, 59],
    ['bytes=25-1000', 20, 59],
  ]
  for (const [range, first, last] of cases) {
    test(`for ${range ?? 'the whole'} is for the slices ${first}-${last}`, () => {
      const { method, range: asked } = firstQuestion(planOf(range), GRID)
      assert.deepEqual([method, asked], ['GET', { kind: 'bounded', first, last }])
    })
  }

  const held: readonly (readonly [string | undefined, number, number])[] = [
    [undefined, 0, 9],
    ['bytes=25-', 20, 29],
    ['bytes=9-10', 0, 9],
  ]
  for (const [range, first, last] of held) {
    test(`for ${range ?? 'the whole'} of what the client may have is for one slice`, () => {
      const question = firstQuestion(planOf(range, { isRevalidation: true }), GRID)
      assert.deepEqual([question.method, question.range], ['GET', { kind: 'bounded', first, last }])
    })
  }

  test('is for the head alone of what the client may have, where nothing can be kept', () => {
    const plan = planOf(undefined, { isRevalidation: true })
    assert.equal(firstQuestion(plan, { ...GRID, spanSlices: Infinity }).method, 'HEAD')
  })

  test('is for the head alone where that is all, or says which bytes are meant', () => {
    const plans = [
      planOf(undefined, { method: 'HEAD' }),
      planOf('bytes=-5'),
      planOf('bytes=-5', { isRevalidation: true }),
      planOf('bytes=0-1,5-6'),
    ]
    for (const plan of plans) {
      const expected = { method: 'HEAD', key: 'k', versionId: undefined }
      assert.deepEqual(firstQuestion(plan, GRID), expected)
    }
  })
})

describe('the question that renews', () => {
  const head = (more: Partial<ObjectHead>): ObjectHead => ({
    ...BARE_HEAD,
    size: 1,
    ...more,
  })
  const stored = (outcome: 'object' | 'absent', more: Partial<ObjectHead>) => ({
    outcome,
    head: head(more),
    bytesName: 'b',
    receivedAt: 0,
    dateAt: 0,
    initialAgeMs: 0,
    freshUntil: 0,
    staleWhileRevalidateUntil: 0,
    staleIfErrorUntil: 0,
    isAlwaysValidated: false,
    isNeverStale: false,
    selecting: [],
    tags: [],
    keepUntil: 0,
  })
  const then = 'Sun, 06 Nov 1994 08:49:37 GMT'
  const sent = (date: string) => ({ ...BARE_HEAD.caching, date })
  const both = { etag: 'W/"a"', lastModified: then }

  test('asks by the tag, else by the date, and of an absence plainly', () => {
    const plan = planOf('bytes=0-0')
    const plain = firstQuestion(plan, GRID)
    const ask = (known: ReturnType<typeof stored>) => renewingQuestion(known, plan, GRID)
    assert.deepEqual(ask(stored('object', both)), { ...plain, ifNoneMatch: 'W/"a"' })
    const dated = stored('object', { lastModified: then })
    assert.deepEqual(ask(dated), { ...plain, ifModifiedSince: then })
    assert.deepEqual(ask(stored('object', {})), plain)
    assert.deepEqual(ask(stored('absent', both)), plain)
    // Another version may have been written in that second, too.
    assert.deepEqual(ask(stored('object', { lastModified: then, caching: sent(then) })), plain)
    assert.deepEqual(ask(stored('object', { ...both, caching: sent(then) })), plain)
  })
})
