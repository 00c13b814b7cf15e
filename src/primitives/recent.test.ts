import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Recent } from './recent.ts'

test('what was used lately stays, and what was not goes', () => {
  const recent = new Recent<number>(20)
  recent.set('kept', 1, 1)
  for (let index = 0; index < 100; index += 1) {
    recent.set(`n${index}`, index, 1)
    assert.equal(recent.get('kept'), 1)
  }
  assert.equal(recent.get('n99'), 99)
  assert.equal(recent.get('n1'), undefined)
  assert.ok(recent.size <= 20)
})

test('what weighs too much is not kept, and a value set again weighs once', () => {
  const recent = new Recent<number>(20)
  recent.set('huge', 1, 11)
  assert.equal(recent.get('huge'), undefined)
  for (let index = 0; index < 100; index += 1) recent.set('same', index, 9)
  assert.equal(recent.get('same'), 99)
  assert.equal(recent.size, 1)
})

test('what is offered often comes to stay, and of what passes by only a little does', () => {
  const recent = new Recent<number>(2000)
  for (let index = 0; index < 1000; index += 1) recent.offer(`passing ${index}`, index, 1)
  assert.ok(recent.size > 0 && recent.size < 100, `${recent.size} of 1000`)
  // Whoever offers a few in turn is not in step with what is taken.
  for (let turn = 0; turn < 100; turn += 1) {
    for (const key of ['a', 'b', 'c', 'd']) recent.offer(key, turn, 1)
  }
  for (const key of ['a', 'b', 'c', 'd']) assert.ok(recent.get(key) !== undefined, key)
})

test('what is cleared is gone', () => {
  const recent = new Recent<number>(20)
  recent.set('a', 1, 1)
  recent.clear()
  assert.equal(recent.get('a'), undefined)
})
