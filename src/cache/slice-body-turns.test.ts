import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { test } from 'node:test'

import { sliceEntry, START } from './entries.contract.ts'
import { FillMemory } from './fill-memory.ts'
import { sliceKey } from './key.ts'
import { MemoryTier } from './memory-tier.ts'
import { ObjectSlices } from './object-slices.ts'
import { SliceBody } from './slice-body.ts'
import { Tiers } from './tiers.ts'

const MIB = 1024 * 1024

test('who takes all at once of what is held leaves others their turn every few MiB', async () => {
  const size = 24 * MIB
  const tier = new MemoryTier({ maxBytes: 100 * MIB, now: () => START })
  const slice = sliceEntry(new Uint8Array(MIB))
  for (let index = 0; index < size / MIB; index += 1) tier.put(sliceKey('name', index), slice)
  const world = {
    tiers: new Tiers([tier], { maxObjectBytes: {} }),
    fills: new Map(),
    memory: new FillMemory(0),
    settings: { sliceBytes: MIB, spanSlices: 1 },
  }
  const slices = new ObjectSlices({ bytesName: 'name', size, facts: slice }, world, () =>
    assert.fail('all of it is held'),
  )
  let taken = 0
  const ends: true[] = []
  new SliceBody(slices, { first: 0, last: size - 1 }).start({
    write: (chunk) => {
      taken += chunk.byteLength
      return true
    },
    end: () => void ends.push(true),
    fail: assert.fail,
  })
  const turns = [taken]
  while (ends.length === 0) {
    const before = taken
    await nextTurn()
    turns.push(taken - before)
  }
  assert.ok(
    Math.max(...turns) <= 5 * MIB,
    `MiB in each turn: ${turns.map((one) => one / MIB).join()}`,
  )
  assert.equal(taken, size)
})
