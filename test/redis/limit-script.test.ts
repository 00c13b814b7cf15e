// The script that Redis counts with, against the arithmetic that this process counts with, by a clock
// that is told to both.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { COUNT_SCRIPT } from '../../src/access/fleet-scripts.ts'
import { ALGORITHMS, PARTS, standingOf, take } from '../../src/primitives/rate.ts'
import type { Rate, Spent } from '../../src/primitives/rate.ts'
import { partMissing } from '../support/parts.ts'
import { openRedis } from '../support/redis.ts'
import type { RedisServer } from '../support/redis.ts'

const skip = partMissing('redis-server')
const CLOCK = "redis.call('TIME')"
const START = Date.UTC(2026, 5, 1)
let redis: RedisServer

before(async () => {
  if (skip === false) redis = await openRedis()
})
after(() => redis?.close())

async function run(mode: string, now: number, limits: Readonly<Record<string, Rate>>) {
  const seconds = Math.floor(now / 1000)
  const clock = `{ '${seconds}', '${(now - seconds * 1000) * 1000}' }`
  const keys = Object.keys(limits)
  const args = Object.values(limits).flatMap(({ algorithm, quota, windowMs }) => [
    algorithm,
    String(quota),
    String(windowMs),
  ])
  const script = COUNT_SCRIPT.replace(CLOCK, clock)
  const reply = await redis.command('EVAL', script, String(keys.length), ...keys, mode, ...args)
  return [...reply.matchAll(/^:(-?\d+)/gm)].map(([, number]) => Number(number))
}

/** The same every time. */
function chance(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

for (const algorithm of ALGORITHMS) {
  test(`${algorithm} is counted in Redis as it is counted here`, { skip }, async () => {
    assert.ok(COUNT_SCRIPT.includes(CLOCK))
    const random = chance(7)
    for (const rate of [
      { algorithm, quota: 3, windowMs: 1000 },
      { algorithm, quota: 7, windowMs: 60_000 },
      { algorithm, quota: 1, windowMs: 3334 },
    ]) {
      const key = `${algorithm} ${rate.quota}`
      const spent: Spent = { at: 0, count: 0, past: new Int32Array(PARTS) }
      let now = START
      for (let count = 0; count < 60; count += 1) {
        now += random(3) === 0 ? 0 : random(rate.windowMs)
        if (random(12) === 0) now -= random(2 * rate.windowMs)
        const looked = standingOf(spent, rate, now)
        const before = [looked.waitMs, looked.remaining, looked.restoredMs]
        assert.deepEqual(await run('look', now, { [key]: rate }), [...before, 0], `${key} ${count}`)
        const isTaken = take(spent, rate, now) === 0
        const { waitMs, remaining, restoredMs } = standingOf(spent, rate, now)
        const taken = [waitMs, remaining, restoredMs, isTaken ? 1 : 0]
        assert.deepEqual(await run('take', now, { [key]: rate }), taken, `${key} ${count}`)
      }
    }
  })
}

test('of several limits all are taken or none', { skip }, async () => {
  const wide: Rate = { algorithm: 'token_bucket', quota: 5, windowMs: 60_000 }
  const narrow: Rate = { algorithm: 'fixed_window', quota: 1, windowMs: 60_000 }
  assert.equal((await run('take', START, { wide, narrow })).at(-1), 1)
  assert.deepEqual(await run('take', START, { wide, narrow }), [0, 4, 12_000, 60_000, 0, 60_000, 0])
  assert.deepEqual(await run('look', START, { wide }), [0, 4, 12_000, 0])
})

test(
  'nobody waits for longer than a bucket when the clock of Redis goes back',
  { skip },
  async () => {
    const rate: Rate = { algorithm: 'token_bucket', quota: 1, windowMs: 1000 }
    await run('take', START, { back: rate })
    const [waitMs] = await run('take', START - 3_600_000, { back: rate })
    assert.equal(waitMs, 1000)
    assert.equal((await run('take', START - 3_600_000 + 1000, { back: rate })).at(-1), 1)
  },
)
