import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Slots } from './slots.ts'

const never = new AbortController().signal

test('as many as there are places get one at once, the others in turn', async () => {
  const slots = new Slots(2)
  const order: number[] = []
  const take = async (name: number): Promise<() => void> => {
    const release = await slots.take(never)
    order.push(name)
    return release ?? assert.fail('nobody aborted')
  }
  const [first] = await Promise.all([take(1), take(2)])
  const third = take(3)
  const fourth = take(4)
  await new Promise(setImmediate)
  assert.deepEqual(order, [1, 2])
  first()
  // A place is given back once, however often that is said.
  first()
  await third
  await new Promise(setImmediate)
  assert.deepEqual(order, [1, 2, 3])
  ;(await third)()
  await fourth
  assert.deepEqual(order, [1, 2, 3, 4])
})

test('who gives up waiting takes no place', async () => {
  const slots = new Slots(1)
  const release = await slots.take(never)
  const leaving = new AbortController()
  const left = slots.take(leaving.signal)
  const staying = slots.take(never)
  leaving.abort()
  assert.equal(await left, undefined)
  assert.equal(await slots.take(leaving.signal), undefined)
  release?.()
  assert.equal(typeof (await staying), 'function')
})
