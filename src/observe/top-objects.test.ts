import assert from 'node:assert/strict'
import { test } from 'node:test'

import { mergeTop, TopObjects } from './top-objects.ts'

/** Numbers that are as good as random, and the same each time. */
function randoms(): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function ask(top: TopObjects, key: string): void {
  if (top.takeTurn()) top.count('b', key, 10, true)
}

const SLOW = { bucket: 'b', durationMs: 1, status: 200, cache: 'MISS', replica: 'r', at: 0 }

test('a few requests are counted one by one', () => {
  const top = new TopObjects(randoms())
  for (let turn = 0; turn < 20; turn += 1) ask(top, turn < 15 ? 'often' : 'seldom')
  const { hottest } = mergeTop([top.read()], 10)
  assert.deepEqual(
    hottest.map(({ key, requests, bytes, hits }) => [key, requests, bytes, hits]),
    [
      ['often', 15, 150, 15],
      ['seldom', 5, 50, 5],
    ],
  )
})

test('of many the hottest are found, though few of them are looked at, in whatever order they come', () => {
  const top = new TopObjects(randoms())
  for (let second = 0; second < 5; second += 1) {
    for (let turn = 0; turn < 40_000; turn += 1) {
      // In turn: with a fixed distance between those that are looked at, it would always be one.
      ask(top, turn % 2 === 0 ? `hot-${(turn / 2) % 8}` : `once-${second}-${turn}`)
    }
    top.tick()
  }
  const { hottest } = mergeTop([top.read()], 8)
  assert.deepEqual(
    hottest.map(({ key }) => key).toSorted(),
    Array.from({ length: 8 }, (_, index) => `hot-${index}`),
  )
  for (const { requests } of hottest) assert.ok(requests > 8000 && requests < 17_000, `${requests}`)
})

test('the room does not grow with the number of paths', () => {
  const top = new TopObjects(randoms())
  for (let turn = 0; turn < 50_000; turn += 1) {
    if (turn % 50 === 0) top.tick()
    ask(top, `path-${turn}`)
    const firstByteMs = 2 + (turn % 977)
    if (firstByteMs > top.slowFromMs) top.countSlow({ ...SLOW, key: `path-${turn}`, firstByteMs })
  }
  const { hottest, slowest } = top.read()
  assert.ok(hottest.length <= 256 && slowest.length <= 64, `${hottest.length} ${slowest.length}`)
})

test('a key that S3 could not have takes no room', () => {
  const top = new TopObjects(randoms())
  ask(top, 'x'.repeat(5000))
  top.countSlow({ ...SLOW, key: 'x'.repeat(5000), firstByteMs: 900 })
  assert.deepEqual(top.read(), { hottest: [], slowest: [] })
})

test('an object stands once among the slowest, with its slowest answer', () => {
  const top = new TopObjects(randoms())
  for (const firstByteMs of [30, 80, 50]) top.countSlow({ ...SLOW, key: 'a', firstByteMs })
  top.countSlow({ ...SLOW, key: 'b', firstByteMs: 60 })
  const { slowest } = mergeTop([top.read()], 10)
  assert.deepEqual(
    slowest.map(({ key, firstByteMs }) => [key, firstByteMs]),
    [
      ['a', 80],
      ['b', 60],
    ],
  )
})

test('what was slow, or hot, long ago gives way to what is so now', () => {
  const top = new TopObjects(randoms())
  top.countSlow({ ...SLOW, key: 'then', firstByteMs: 100 })
  for (let turn = 0; turn < 30; turn += 1) ask(top, 'then')
  for (let second = 0; second < 900; second += 1) top.tick()
  top.countSlow({ ...SLOW, key: 'now', firstByteMs: 20 })
  for (let turn = 0; turn < 10; turn += 1) ask(top, 'now')
  const { hottest, slowest } = mergeTop([top.read()], 1)
  assert.deepEqual([hottest[0]?.key, slowest[0]?.key], ['now', 'now'])
})

test('what several threads know of an object is summed, and of slow answers the slowest told', () => {
  const threads = [1, 2].map((count) => {
    const top = new TopObjects(randoms())
    for (let turn = 0; turn < count; turn += 1) ask(top, 'shared')
    top.countSlow({ ...SLOW, key: 'shared', firstByteMs: 10 * count })
    return top.read()
  })
  const { hottest, slowest } = mergeTop(threads, 5)
  assert.deepEqual(
    hottest.map(({ requests }) => requests),
    [3],
  )
  assert.deepEqual(
    slowest.map(({ firstByteMs }) => firstByteMs),
    [20],
  )
})
