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

test('what is cleared is gone', () => {
  const recent = new Recent<number>(20)
  recent.set('a', 1, 1)
  recent.clear()
  assert.equal(recent.get('a'), undefined)
})
