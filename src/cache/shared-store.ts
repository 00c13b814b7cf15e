// What the threads keep together: entries come, stay and go under the lock, and are found without it.
// Who stays is decided as in a tier of one thread (residency.ts).
//
// An entry comes in two steps, so that nobody waits for its bytes: it is given its room, its thread writes
// them there, and only then it can be found. It goes in two steps too: it is found no more, and when no
// cell of any thread names it (hazards.ts) its room is free. `docs/shared-memory.md` has a picture.

import { KeyedHash } from '../primitives/keyed-hash.ts'
import { Arena } from './arena.ts'
import { SharedGround } from './shared-ground.ts'
import type { OnEvict } from './shared-ground.ts'
import { SharedLock } from './shared-lock.ts'
import { CONTROL, placesIn } from './shared-memory.ts'
import type { SharedPlaces, SharedTierMemory } from './shared-memory.ts'
import { blocksOf, roomFor } from './shared-record.ts'
import type { Draft, Room } from './shared-record.ts'
import type { Slot } from './slot-table.ts'

export interface Admission {
  readonly low: number
  readonly high: number
  readonly bucket: string
  /** What the bucket may take by itself. */
  readonly maxBytes: number | undefined
}

/** Room that is being written to. */
export interface Admitted {
  readonly slot: Slot
  readonly room: Room
  readonly word: number
}

export interface Standing {
  /** It counts against the bound of its bucket. */
  readonly isInShare: boolean
  /** What stands for the key already stays. */
  readonly isNewOnly: boolean
}

export class SharedStore {
  readonly ground: SharedGround
  readonly #lock: SharedLock
  readonly #lane: number
  readonly #hash = new KeyedHash()

  constructor(places: SharedPlaces, lane: number, onEvict: OnEvict) {
    this.#lane = lane
    this.ground = new SharedGround(places, lane, onEvict)
    this.#lock = new SharedLock(places.control, lane)
  }

  /** Of a key; nobody else can tell which keys have the same. */
  hashOf(key: string): { readonly low: number; readonly high: number } {
    const { control } = this.ground
    const hash = this.#hash
    hash.begin(control[CONTROL.secret] ?? 0, control[CONTROL.secret + 1] ?? 0)
    hash.add(key)
    hash.end()
    return hash
  }

  /** Undefined when there is no room for it, now or ever. It must be published. */
  admit(draft: Draft, { low, high, bucket, maxBytes }: Admission): Admitted | undefined {
    return this.#change((ground) => {
      ground.reclaim()
      const row = ground.rows.findOrAdd(bucket)
      if (!ground.makeRoom(roomFor(draft, Arena.costOf), row, maxBytes)) return undefined
      const room = ground.takeRoom(draft)
      if (room === undefined) return undefined
      const slot = ground.takeSlot()
      if (slot === undefined) {
        for (const block of blocksOf(room.block, ground.arena)) ground.arena.give(block)
        return undefined
      }
      slot.setHash(low, high)
      slot.block = room.block
      slot.bytes = room.bytes
      slot.row = row
      slot.owner = this.#lane
      slot.uses = 0
      slot.begin()
      ground.writing.add(slot)
      return { slot, room, word: slot.word }
    })
  }

  /** To be found from now on, by this key. Gives the word that it stands by, if it does. */
  publish(
    { slot, word }: Admitted,
    key: string,
    { isInShare, isNewOnly }: Standing,
  ): number | undefined {
    return this.#change((ground) => {
      // Another may have begun anew meanwhile, and left nothing as it was.
      if (slot.word !== word) return undefined
      ground.writing.remove(slot)
      if (isNewOnly && ground.find(slot, key) !== undefined) {
        ground.free(slot)
        return undefined
      }
      ground.removeAll(slot, key)
      ground.settle(slot, isInShare)
      return slot.stand()
    })
  }

  /** From now on nobody finds it, though its room may be free later. */
  remove(id: number, word: number): void {
    const slot = this.ground.table.at(id)
    // Nobody has to be waited for that nobody finds it.
    slot.doom(word)
    this.#change((ground) => {
      if (slot.isOf(word)) ground.remove(slot)
    })
  }

  /** What is read no more is free now. */
  reclaim(): void {
    this.#change((ground) => ground.reclaim())
  }

  /** Nothing is kept any more. */
  clear(): void {
    this.#change((ground) => ground.clear())
  }

  /** A bucket is bounded differently from now on. */
  bound(bucket: string, maxBytes: number): void {
    this.#change((ground) => ground.makeRoomIn(ground.rows.find(bucket), 0, maxBytes))
  }

  /** A thread has ended, and does nothing more. True: in the middle of a change, and all is begun anew. */
  forget(lane: number): boolean {
    const { ground } = this
    ground.hazards.clear(lane)
    if (this.#lock.inherit(lane)) {
      ground.beginAnew(lane)
      this.#lock.leave()
      return true
    }
    this.#change(() => {
      for (const slot of ground.writing) {
        if (slot.owner !== lane) continue
        ground.writing.remove(slot)
        ground.free(slot)
      }
      ground.reclaim(Number.POSITIVE_INFINITY)
    })
    return false
  }

  /** Under the lock; undefined where it could not be had. */
  #change<Result>(change: (ground: SharedGround) => Result): Result | undefined {
    if (!this.#lock.enter()) return undefined
    let isWhole = false
    try {
      const result = change(this.ground)
      isWhole = true
      return result
    } finally {
      if (!isWhole) this.ground.beginAnew(this.#lane)
      this.#lock.leave()
    }
  }
}

/** For those who are left, by one who has no lane: as `SharedStore.forget`. */
export function forgetReader(memory: SharedTierMemory, lane: number): boolean {
  return new SharedStore(placesIn(memory), memory.lanes, () => undefined).forget(lane)
}
