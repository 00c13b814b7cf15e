import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { BytePace, createPaceMemory, SharedPaces } from './byte-pace.ts'

const RATE = { bytesPerSecond: 1000, burstBytes: 500 }

test('the burst goes at once, and what comes then is paid for', () => {
  const pace = new BytePace(RATE)
  assert.equal(pace.take(500, 10_000), 0)
  assert.equal(pace.take(100, 10_000), 100)
  assert.equal(pace.take(100, 10_100), 100)
  // A pause earns the burst, and not more.
  assert.equal(pace.take(500, 100_000), 0)
  assert.equal(pace.take(1, 100_000), 1)
})

test('never is more taken than the rate and the burst allow, whoever asks when', () => {
  const asked = fc.array(
    fc.tuple(fc.integer({ min: 1, max: 900 }), fc.integer({ max: 900, min: 0 })),
  )
  const property = fc.property(asked, (takings) => {
    const paces = new SharedPaces(createPaceMemory())
    const name = paces.nameOf('a')
    let now = 5000
    let sent = 0
    for (const [bytes, pause] of takings) {
      now += pause + paces.take(name, RATE, bytes, now + pause)
      sent += bytes
      assert.ok(sent <= RATE.burstBytes + ((now - 5000) * RATE.bytesPerSecond) / 1000 + 1)
    }
  })
  fc.assert(property, { seed: 77, numRuns: 300 })
})

test('two threads pace one name together, and other names apart', () => {
  const memory = createPaceMemory()
  const [one, other] = [new SharedPaces(memory), new SharedPaces(memory)]
  assert.equal(one.nameOf('a'), other.nameOf('a'))
  assert.equal(one.take(one.nameOf('a'), RATE, 500, 10_000), 0)
  assert.equal(other.take(other.nameOf('a'), RATE, 100, 10_000), 100)
  assert.equal(other.take(other.nameOf('b'), RATE, 500, 10_000), 0)
})

test('a hundred thousand names need no more room, and none of them is ever too fast', () => {
  const paces = new SharedPaces(createPaceMemory())
  const victim = paces.nameOf('victim')
  assert.equal(paces.take(victim, RATE, 1500, 10_000), 1000)
  for (let index = 0; index < 100_000; index += 1) {
    paces.take(paces.nameOf(String(index)), RATE, 600, 10_000)
  }
  assert.ok(paces.take(victim, RATE, 1, 10_000) >= 1000)
  // Those who have paid make room.
  assert.equal(paces.take(paces.nameOf('new'), RATE, 500, 1_000_000), 0)
})
