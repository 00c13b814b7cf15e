import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Cancellation } from './cancel.ts'
import { Flight } from './flight.ts'

const left = (): Error => new Error('left')

function flying(): {
  flight: Flight<string>
  land: (value: string) => void
  givenUp: () => number
} {
  const { promise: answer, resolve: land } = Promise.withResolvers<string>()
  let count = 0
  const flight = new Flight({ answer, giveUp: () => (count += 1), left })
  return { flight, land, givenUp: () => count }
}

test('all who wait have the one answer', async () => {
  const { flight, land, givenUp } = flying()
  const waiting = [flight.join(undefined), flight.join(new Cancellation())]
  land('yes')
  assert.deepEqual(await Promise.all(waiting), ['yes', 'yes'])
  assert.equal(givenUp(), 0)
})

test('one who leaves waits no longer, and takes the answer from nobody', async () => {
  const { flight, land, givenUp } = flying()
  const leaving = new Cancellation()
  const [one, other] = [flight.join(leaving), flight.join(new Cancellation())]
  leaving.cancel()
  await assert.rejects(one, { message: 'left' })
  assert.equal(givenUp(), 0)
  land('yes')
  assert.equal(await other, 'yes')
})

test('it is given up when the last has left, one that had left before it came included', async () => {
  const { flight, givenUp } = flying()
  const [early, late] = [new Cancellation(), new Cancellation()]
  late.cancel()
  const one = flight.join(early)
  await assert.rejects(flight.join(late), { message: 'left' })
  assert.equal(givenUp(), 0)
  early.cancel()
  await assert.rejects(one, { message: 'left' })
  assert.equal(givenUp(), 1)
})

test('one who leaves after the answer gives nothing up', async () => {
  const { flight, land, givenUp } = flying()
  const leaving = new Cancellation()
  const one = flight.join(leaving)
  land('yes')
  await one
  await new Promise(setImmediate)
  leaving.cancel()
  assert.equal(givenUp(), 0)
})
