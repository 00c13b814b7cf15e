import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { ReadTurns } from './disk-read-turns.ts'

/** Those who have been told, in the order in which they were. */
function waitFor(turns: ReadTurns, names: string): string[] {
  const told: string[] = []
  for (const name of names) {
    void Promise.resolve(turns.take()).then((isTurn) => told.push(isTurn ? name : `not ${name}`))
  }
  return told
}

describe('turns to read', () => {
  test('are given to so many at once, and then in the order of coming', async () => {
    const turns = new ReadTurns(2)
    const told = waitFor(turns, 'abcde')
    await nextTurn()
    assert.deepEqual(told, ['a', 'b'])
    turns.giveBack()
    turns.giveBack()
    await nextTurn()
    assert.deepEqual(told, ['a', 'b', 'c', 'd'])
  })

  test('are had without waiting where one is free again', async () => {
    const turns = new ReadTurns(1)
    assert.equal(turns.take(), true)
    turns.giveBack()
    assert.equal(turns.take(), true)
    const told = waitFor(turns, 'a')
    await nextTurn()
    assert.deepEqual(told, [])
  })

  test('end for all who wait, though nobody gives one back', async () => {
    const turns = new ReadTurns(1)
    assert.equal(turns.take(), true)
    const told = waitFor(turns, 'ab')
    turns.end()
    await nextTurn()
    assert.deepEqual(told, ['not a', 'not b'])
  })
})
