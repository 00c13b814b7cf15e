import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import * as fc from 'fast-check'

import { Arena } from './arena.ts'
import type { Block } from './arena.ts'

const KIB = 1024
const MIB = 1024 * KIB

interface Held {
  readonly block: Block
  readonly bytes: Buffer
  readonly pattern: number
}

function hold(arena: Arena, length: number, pattern: number): Held | undefined {
  const block = arena.take(length)
  if (block === undefined) return undefined
  const bytes = arena.view(block, length)
  bytes.fill(pattern)
  return { block, bytes, pattern }
}

function takeAll(arena: Arena, length: number): Held[] {
  const all: Held[] = []
  for (;;) {
    const held = hold(arena, length, all.length % 251)
    if (held === undefined) return all
    all.push(held)
  }
}

function assertUntouched(all: readonly Held[]): void {
  for (const { bytes, pattern } of all) {
    assert.ok(
      bytes.every((byte) => byte === pattern),
      `the bytes of ${pattern} were changed`,
    )
  }
}

describe('an arena', () => {
  test('is used nearly to its end, and not beyond it', () => {
    const all = takeAll(Arena.of(MIB), 10 * KIB)
    assert.ok(all.length >= 101 && all.length <= 102, `${all.length} blocks`)
    assertUntouched(all)
  })

  test('gives the room of what was given back to what is as large', () => {
    const arena = Arena.of(MIB)
    const all = takeAll(arena, 10 * KIB + 1)
    const { usedBytes } = arena
    for (let round = 0; round < 1000; round += 1) {
      const [old] = all.splice((round * 37) % all.length, 1)
      assert.ok(old !== undefined)
      arena.give(old.block)
      const held = hold(arena, 10 * KIB + 1, round % 251)
      assert.ok(held !== undefined, `there is no room in round ${round}`)
      all.push(held)
    }
    assert.equal(arena.usedBytes, usedBytes)
    assertUntouched(all)
  })

  test('joins free neighbours, in whatever order they are given back', () => {
    const orders = [
      [0, 1, 2],
      [2, 1, 0],
      [0, 2, 1],
      [1, 0, 2],
    ]
    for (const order of orders) {
      const arena = Arena.of(64 * KIB)
      const three = [0, 1, 2].map(() => hold(arena, 10 * KIB, 1))
      const guard = hold(arena, 10 * KIB, 7)
      for (const index of order) arena.give(three[index]?.block ?? -1)
      assert.ok(arena.largest() >= 30 * KIB, `${order.join()}: ${arena.largest()}`)
      const { usedBytes } = arena
      assert.ok(arena.take(30 * KIB) !== undefined)
      assert.equal(arena.usedBytes, usedBytes)
      assert.ok(guard !== undefined)
      assertUntouched([guard])
    }
  })

  test('is as it was when everything has been given back', () => {
    const arena = Arena.of(MIB)
    for (const { block } of takeAll(arena, 1000)) arena.give(block)
    assert.equal(arena.usedBytes, 0)
    assert.ok(arena.largest() > MIB - KIB)
  })

  test('has nothing for what is larger than it, and says how much it would have', () => {
    const arena = Arena.of(64 * KIB)
    assert.equal(arena.take(64 * KIB), undefined)
    assert.ok(arena.take(arena.largest()) !== undefined)
    assert.equal(arena.largest(), 0)
    assert.equal(arena.take(1), undefined)
  })

  test('never gives the same byte twice, whatever is taken and given back', () => {
    const step = fc.record({
      isTake: fc.boolean(),
      length: fc.oneof(fc.nat(200), fc.nat(5000), fc.nat(40_000)),
      which: fc.nat(),
    })
    const property = fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const arena = Arena.of(256 * KIB)
      const all: Held[] = []
      for (const [index, { isTake, length, which }] of steps.entries()) {
        const held = isTake ? hold(arena, length, index % 251) : undefined
        if (held !== undefined) all.push(held)
        else if (all.length > 0) {
          const [old] = all.splice(which % all.length, 1)
          if (old !== undefined) {
            assertUntouched([old])
            arena.give(old.block)
          }
        }
      }
      assertUntouched(all)
      for (const { block } of all) arena.give(block)
      assert.equal(arena.usedBytes, 0)
    })
    fc.assert(property, { seed: 7, numRuns: 300 })
  })
})
