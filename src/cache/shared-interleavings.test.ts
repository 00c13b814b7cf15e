// The real code of the shared tier, in every order in which two threads and the death of one of them can
// come about: `interleavings.contract.ts` tells how.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { START, sliceEntry } from './entries.contract.ts'
import { explore } from './interleavings.contract.ts'
import type { Actor, Explored, Fault } from './interleavings.contract.ts'
import { createSharedTierMemory, placesIn } from './shared-memory.ts'
import type { SharedPlaces, SharedTierMemory } from './shared-memory.ts'
import { SharedShelf } from './shared-shelf.ts'
import { SharedStore } from './shared-store.ts'

const LENGTH = 800
/** Room for two entries, and not for three. */
const ARENA_BYTES = 1800
const READER = 0
const WRITER = 1

function smallMemory(): SharedTierMemory {
  for (let bytes = 17_000; ; bytes += 64) {
    const memory = createSharedTierMemory(bytes, 2)
    if (placesIn(memory).arenaBytes >= ARENA_BYTES) return memory
  }
}

function shelfIn(memory: SharedTierMemory, lane: number, places?: SharedPlaces): SharedShelf {
  return new SharedShelf({ memory, lane, onEvict: () => undefined, ...(places && { places }) })
}

/** All its bytes are the first of its key. */
function put(shelf: SharedShelf, key: string): void {
  const bytes = Buffer.alloc(LENGTH, key)
  shelf.put(key, sliceEntry(bytes, { objectKey: key, receivedAt: START }), { maxBytes: undefined })
}

/** Has the bytes of a key in hand, for a while. */
function reader(memory: SharedTierMemory, key: string, looks: number): Actor['begin'] {
  return (places) => {
    const shelf = shelfIn(memory, READER, places)
    return () => {
      const known = shelf.find(key)
      if (known?.entry.kind !== 'slice') return
      assert.equal(known.entry.objectKey, key, 'what is read is what was looked for')
      if (known.entry.takeInHand() !== true) return
      const loan = known.entry.lend()
      for (let look = 0; look < looks; look += 1) {
        const { parts } = shelf.store.ground.recordOf(known.slot)
        assert.equal(parts[0]?.toString(), key.repeat(LENGTH), 'what is read is what was lent')
      }
      loan.giveBack()
    }
  }
}

function writer(memory: SharedTierMemory, write: (shelf: SharedShelf) => void): Actor['begin'] {
  return (places) => {
    const shelf = shelfIn(memory, WRITER, places)
    return () => write(shelf)
  }
}

/** Who sees to what it left, and then does something else in its place. */
function heirOf(memory: SharedTierMemory, lane: number): Actor {
  return {
    name: 'supervisor',
    isCoarse: true,
    begin: (places) => {
      const store = new SharedStore(places, memory.lanes, () => undefined)
      const shelf = shelfIn(memory, lane, places)
      return () => {
        store.forget(lane)
        put(shelf, 'c')
      }
    },
  }
}

/** Everything that is kept is whole, and when it is removed no room is missing. */
function assertSound(memory: SharedTierMemory): void {
  const places = placesIn(memory)
  const shelf = shelfIn(memory, WRITER, places)
  const { ground } = shelf.store
  for (const key of ['a', 'b', 'c']) {
    const entry = shelf.find(key)?.entry
    if (entry?.kind === 'slice') assert.equal(entry.bytes.toString(), key.repeat(LENGTH))
  }
  shelf.store.clear()
  shelf.store.reclaim()
  const { arena, retired, writing, entries, bytes } = ground
  const missing = [arena.usedBytes, retired.length, writing.length, entries, bytes]
  assert.deepEqual(missing, [0, 0, 0, 0, 0], 'no room is missing')
}

interface Scene {
  readonly write: (shelf: SharedShelf) => void
  readonly dies?: 'reader' | 'writer'
  readonly fault?: Fault
  /** As of an actor. */
  readonly isCoarse?: boolean
}

function play({ write, dies, fault, isCoarse = true }: Scene): Explored {
  const memory = smallMemory()
  put(shelfIn(memory, WRITER), 'a')
  const mortal = (name: 'reader' | 'writer', lane: number): { heir?: Actor } =>
    dies === name ? { heir: heirOf(memory, lane) } : {}
  const actors: Actor[] = [
    {
      ...mortal('reader', READER),
      isCoarse,
      name: 'reader',
      begin: reader(memory, 'a', dies === 'writer' ? 1 : 2),
    },
    { ...mortal('writer', WRITER), isCoarse, name: 'writer', begin: writer(memory, write) },
  ]
  return explore(memory, actors, () => assertSound(memory), fault)
}

const replace = (shelf: SharedShelf): void => {
  shelf.remove('a')
  put(shelf, 'b')
}
const evict = (shelf: SharedShelf): void => {
  put(shelf, 'b')
  put(shelf, 'c')
}

function holds(sentence: string, scene: Scene): void {
  test(sentence, (context) => {
    const { states, ends } = play(scene)
    context.diagnostic(`${states} states, ${ends} ends`)
    assert.ok(states > 500 && ends > 1, 'something was looked at')
  })
}

holds('what is read is not overwritten, whenever it is removed and replaced', {
  write: replace,
  isCoarse: false,
})
holds('what is read is not overwritten, whenever others come for whom it would have to go', {
  write: evict,
})
holds('a reader that dies at any moment takes no room with it', { write: replace, dies: 'reader' })
holds('a writer that dies at any moment spoils nothing that is read, and takes no room with it', {
  write: replace,
  dies: 'writer',
})

test('a reader who looks before it is seen would read what is overwritten', () => {
  assert.throws(() => play({ write: replace, fault: { areCellsLate: true } }), /what is read/)
})

test('a writer who does not look whether it is read would overwrite it', () => {
  assert.throws(() => play({ write: replace, fault: { areCellsUnseen: true } }), /what is read/)
})
