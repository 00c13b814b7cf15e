import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import type { Ban, BanRule } from './ban.ts'
import { repeatedAmong } from './repeated-bans.ts'

const KEY: BanRule = { kind: 'key', bucket: 'b', key: 'k' }
const OTHER: BanRule = { kind: 'key', bucket: 'b', key: 'other' }

function banOf(at: number, isSoft: boolean, rule = KEY): Ban {
  return { id: `${at} ${isSoft} ${JSON.stringify(rule)}`, rule, at, isSoft }
}

function remaining(bans: readonly Ban[], mayStandIn: (ban: Ban) => boolean = () => true): Ban[] {
  const gone = new Set(repeatedAmong(bans, mayStandIn))
  return bans.filter((ban) => !gone.has(ban))
}

function instants(bans: readonly Ban[]): number[] {
  return bans.map(({ at }) => at)
}

test('of equal hard bans the last stays', () => {
  const bans = [banOf(3, false), banOf(1, false), banOf(2, false)]
  assert.deepEqual(remaining(bans), [bans[0]])
})

test('a ban stands in for no other rule, and a hard one for no soft one', () => {
  const bans = [banOf(1, false), banOf(2, true), banOf(3, false, OTHER), banOf(4, true, OTHER)]
  assert.deepEqual(remaining(bans), bans)
})

test('what may not stand in for others takes the place of none, and gives up its own', () => {
  const [hard, soft] = [false, true].map((isSoft) =>
    [1000, 1010, 1020, 5000].map((at) => banOf(at, isSoft)),
  )
  for (const bans of [hard, soft])
    assert.deepEqual(
      remaining(bans ?? [], () => false),
      bans,
    )
  const isSaved = ({ at }: Ban): boolean => at !== 1010 && at !== 5000
  assert.deepEqual(instants(remaining(hard ?? [], isSaved)), [1020, 5000])
  assert.deepEqual(instants(remaining(soft ?? [], ({ at }) => at !== 1010)), [1000, 1020, 5000])
})

test('of equal soft bans the oldest and the newest stay, and one soon after each that goes', () => {
  const steps = fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 1, maxLength: 300 })
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 20 }), (gaps, tendEvery) => {
      const all: Ban[] = []
      let staying: Ban[] = []
      let at = 1_000_000
      for (const [turn, gap] of gaps.entries()) {
        at += gap
        const ban = { ...banOf(at, true), id: String(turn) }
        all.push(ban)
        staying.push(ban)
        if (turn % tendEvery === 0) staying = remaining(staying)
      }
      assert.equal(staying[0]?.at, all[0]?.at)
      assert.equal(staying.at(-1)?.at, all.at(-1)?.at)
      for (const ban of all) {
        const before = staying.findLast((other) => other.at <= ban.at)
        const next = staying.find((other) => other.at >= ban.at)
        assert.ok(before !== undefined && next !== undefined)
        assert.ok(next.at === ban.at || next.at - before.at <= (at - before.at) / 8)
      }
    }),
    { numRuns: 300, seed: 7 },
  )
})

test('of a soft ban every second for a day few stay', () => {
  let bans: Ban[] = []
  for (let second = 0; second < 86_400; second += 1) {
    bans.push(banOf(second * 1000, true))
    if (second % 100 === 0) bans = remaining(bans)
  }
  bans = remaining(bans)
  assert.ok(bans.length < 250, String(bans.length))
})
