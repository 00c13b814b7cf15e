import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { HeavyHitters } from './heavy-hitters.ts'

test('a count is never less than what came, and no more than its error above it', () => {
  const names = fc.array(fc.integer({ min: 0, max: 40 }).map(String), { maxLength: 400 })
  fc.assert(
    fc.property(names, (all) => {
      const hitters = new HeavyHitters(10)
      const truth = new Map<string, number>()
      for (const name of all) {
        hitters.add(name, 1, 0, false)
        truth.set(name, (truth.get(name) ?? 0) + 1)
      }
      for (const { name, count, error } of hitters.all()) {
        const came = truth.get(name) ?? 0
        assert.ok(came <= count && came >= count - error, `${name}: ${came}, ${count}, ${error}`)
      }
    }),
    { seed: 7 },
  )
})

test('what comes often stays, however many others come once', () => {
  const hitters = new HeavyHitters(50)
  for (let turn = 0; turn < 100_000; turn += 1) {
    hitters.add(turn % 20 === 0 ? 'often' : `once-${turn}`, 1, 10, turn % 40 === 0)
  }
  const all = hitters.all()
  assert.equal(all.length, 50)
  const first = all.toSorted((a, b) => b.count - b.error - (a.count - a.error))[0]
  assert.deepEqual([first?.name, first?.count, first?.bytes], ['often', 5000, 50_000])
  assert.equal(first?.hits, 2500)
})

test('what has faded is forgotten, and leaves its room', () => {
  const hitters = new HeavyHitters(2)
  hitters.add('old', 1, 0, false)
  hitters.fade(0.5)
  assert.deepEqual(
    hitters.all().map(({ count }) => count),
    [0.5],
  )
  for (let turn = 0; turn < 5; turn += 1) hitters.fade(0.5)
  assert.deepEqual(hitters.all(), [])
})
