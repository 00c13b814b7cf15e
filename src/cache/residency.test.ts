import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { GhostList } from './ghost-list.ts'
import { Residency } from './residency.ts'
import { Queue, Resident } from './resident.ts'

const MIB = 1024 * 1024

type Thing = Resident<undefined>

function residencyOf(evict: (thing: Thing) => void): Residency<Thing> {
  const gone = GhostList.of(MIB)
  const place = { newcomers: new Queue<undefined>(), main: new Queue<undefined>() }
  return new Residency(MIB - gone.ownBytes, gone, place, { evict })
}

test('whatever comes, goes and is used, the bytes are those of who is there, and bounded', () => {
  const step = fc.record({
    id: fc.integer({ min: 0, max: 30 }),
    bytes: fc.integer({ min: 1, max: 350_000 }),
    kind: fc.constantFrom('ask', 'ask', 'ask', 'remove'),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const held = new Map<number, Resident<undefined>>()
      const residency = residencyOf(({ hash }) => held.delete(hash))
      for (const { id, bytes, kind } of steps) {
        const resident = held.get(id)
        if (kind === 'remove') {
          resident?.queue?.remove(resident)
          held.delete(id)
        } else if (resident !== undefined) residency.use(resident)
        else {
          const added = new Resident('', id, bytes, undefined)
          if (admit(residency, added)) held.set(id, added)
        }
        const sum = [...held.values()].reduce((all, { bytes }) => all + bytes, 0)
        assert.equal(residency.bytes, sum)
        assert.ok(sum <= MIB)
      }
    }),
    { seed: 1, numRuns: 300 },
  )
})

function admit(residency: Residency<Thing>, resident: Thing): boolean {
  const hasRoom = residency.makeRoom(resident.bytes)
  if (hasRoom) residency.add(resident)
  return hasRoom
}

test('what could never fit pushes nobody out', () => {
  const evicted: string[] = []
  const residency = residencyOf(({ key }) => evicted.push(key))
  assert.equal(admit(residency, new Resident('small', 1, 1000, undefined)), true)
  assert.equal(admit(residency, new Resident('giant', 2, MIB, undefined)), false)
  assert.deepEqual(evicted, [])
})

test('what went is remembered until as much again has gone', () => {
  const gone = new GhostList({ hashes: new Int32Array(1024), goneAt: new Float64Array(1025) }, 1000)
  gone.add(7, 600)
  gone.add(8, 400)
  assert.deepEqual([gone.has(7), gone.has(8), gone.has(9)], [true, true, false])
  gone.add(10, 300)
  assert.deepEqual([gone.has(7), gone.has(8)], [false, true])
})
