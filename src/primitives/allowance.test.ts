import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'

import { createAllowance, earn, spend } from './allowance.ts'

const RESERVE = 10

/** How many of so many requests may try again, when each of them wants to. */
function granted(percent: number, requests: number): number {
  const allowance = createAllowance(percent)
  let count = 0
  for (let request = 0; request < requests; request += 1) {
    earn(allowance)
    if (spend(allowance)) count += 1
  }
  return count
}

test('a share of the requests may try again, beside a small reserve', () => {
  const cases: readonly (readonly [percent: number, requests: number, granted: number])[] = [
    [20, 1000, 200 + RESERVE],
    [5, 1000, 50 + RESERVE],
    [0.5, 1000, 5 + RESERVE],
    [100, 1000, 1000],
    [20, 5, 5],
  ]
  for (const [percent, requests, expected] of cases) {
    assert.ok(Math.abs(granted(percent, requests) - expected) <= 1, `${percent} % of ${requests}`)
  }
})

test('with a share of nothing there is no reserve either', () => {
  assert.equal(granted(0, 1000), 0)
})

test('a long quiet time does not save up for a storm', () => {
  const allowance = createAllowance(20)
  for (let request = 0; request < 1_000_000; request += 1) earn(allowance)
  let burst = 0
  while (spend(allowance)) burst += 1
  assert.ok(burst <= RESERVE + 20, `${burst} at once`)
})

test('what was spent never exceeds what was earned and the reserve', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 100, noNaN: true }),
      fc.array(fc.boolean(), { maxLength: 300 }),
      (percent, wishes) => {
        const allowance = createAllowance(percent)
        let earned = 0
        let spent = 0
        for (const isSpending of wishes) {
          if (!isSpending) {
            earn(allowance)
            earned += percent / 100
          } else if (spend(allowance)) spent += 1
          assert.ok(spent <= earned + RESERVE + 1e-6)
        }
      },
    ),
    { seed: 7 },
  )
})
