import assert from 'node:assert/strict'
import { test } from 'node:test'

import { countedOf, marksOf, marksText } from './marks.ts'
import type { Circumstances, Mark } from './marks.ts'

const SECOND_US = 1_000_000

/** The server was the limit, alone on its core, and nothing went wrong. */
const SOUND: Circumstances = {
  durationUs: SECOND_US,
  requests: 10_000,
  failures: 0,
  serverUs: 0.98 * SECOND_US,
  serverCores: 1,
  loadUs: 0.5 * SECOND_US,
  behindUs: 0.01 * SECOND_US,
  loadCores: 1,
  originRequests: 2,
  expected: 'hits',
  sharesCore: false,
}

const cases: Readonly<Record<string, { but: Partial<Circumstances>; marks: readonly Mark[] }>> = {
  'a round in which the server was the limit has no mark': { but: {}, marks: [] },
  'a wrong answer is told': { but: { failures: 1 }, marks: ['failures'] },
  'a round without an answer is told': { but: { requests: 0 }, marks: ['failures'] },
  'hits that the origin was asked for are told': {
    but: { originRequests: 200 },
    marks: ['misses'],
  },
  'some questions to the origin are none of the requests': {
    but: { requests: 40, originRequests: 3 },
    marks: [],
  },
  'misses that the origin was not asked for are told': {
    but: { expected: 'misses', originRequests: 9000 },
    marks: ['hits'],
  },
  'what others still have from the origin is none of the server that does nothing': {
    but: { expected: undefined, originRequests: 200 },
    marks: [],
  },
  'misses that are misses are as they should be': {
    but: { expected: 'misses', originRequests: 10_000 },
    marks: [],
  },
  'wrk was the limit': {
    but: { serverUs: 0.6 * SECOND_US, loadUs: 0.97 * SECOND_US },
    marks: ['load'],
  },
  'what is behind was the limit': {
    but: { serverUs: 0.6 * SECOND_US, loadUs: 0.3 * SECOND_US, behindUs: 0.65 * SECOND_US },
    marks: ['behind'],
  },
  'who has all of its core is the limit, however busy the load was': {
    but: { loadUs: 0.97 * SECOND_US },
    marks: [],
  },
  'a load that has two cores is not full with one': {
    but: { serverUs: 0.6 * SECOND_US, loadUs: 0.97 * SECOND_US, loadCores: 2 },
    marks: ['starved'],
  },
  'a server that had time left and no other limit was starved': {
    but: { serverUs: 0.5 * SECOND_US },
    marks: ['starved'],
  },
  'two threads have two cores to fill': {
    but: { serverUs: 1.2 * SECOND_US, serverCores: 2 },
    marks: ['starved'],
  },
  'who shares a core with the load is told so, and not called starved': {
    but: { serverUs: 1.2 * SECOND_US, serverCores: 2, sharesCore: true },
    marks: ['shared'],
  },
}

for (const [sentence, { but, marks }] of Object.entries(cases)) {
  test(sentence, () => assert.deepEqual(marksOf({ ...SOUND, ...but }), marks))
}

test('rounds count that have no mark where they are most, and otherwise those that took the right road', () => {
  const of = (...marks: Mark[]): { marks: Mark[] } => ({ marks })
  const sound = of()
  const shared = of('shared')
  const busy = of('load')
  const wrong = of('failures', 'load')
  assert.deepEqual(countedOf([busy, sound, sound, wrong]), [sound, sound])
  assert.deepEqual(countedOf([busy, sound, wrong]), [busy, sound])
  assert.deepEqual(countedOf([busy, wrong]), [busy])
  assert.deepEqual(countedOf([wrong]), [])
  assert.deepEqual(countedOf([shared, shared, of('shared', 'load')]), [shared, shared])
})

test('marks are told with how many of the rounds had them', () => {
  const rounds: { marks: Mark[] }[] = [
    { marks: ['load', 'shared'] },
    { marks: ['shared'] },
    { marks: ['failures', 'load', 'shared'] },
  ]
  assert.equal(marksText(rounds), 'failures 1/3, load 2/3, shared')
  assert.equal(marksText([{ marks: [] }]), '')
  assert.equal(marksText([]), '')
})
