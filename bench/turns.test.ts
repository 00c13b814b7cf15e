import assert from 'node:assert/strict'
import { test } from 'node:test'

import { inTurns } from './turns.ts'

test('everybody has a turn in each round, and another one begins each time', async () => {
  const order: string[] = []
  const taken = await inTurns(['a', 'b', 'c'], 4, async (name, round) => {
    order.push(name)
    return `${name}${round}`
  })
  assert.equal(order.join(''), 'abcbcacababc')
  assert.deepEqual(taken, [
    ['a0', 'a1', 'a2', 'a3'],
    ['b0', 'b1', 'b2', 'b3'],
    ['c0', 'c1', 'c2', 'c3'],
  ])
})

test('one alone has all the rounds', async () => {
  assert.deepEqual(await inTurns(['a'], 2, async (name) => name), [['a', 'a']])
})
