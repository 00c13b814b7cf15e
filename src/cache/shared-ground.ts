// What stands in the memory that threads share, and how room in it is made and given up. Everything here
// that changes anything is done under the lock (shared-store.ts), and believes that it is.

import { Arena } from './arena.ts'
import { BucketRows } from './bucket-rows.ts'
import { GhostList } from './ghost-list.ts'
import { Hazards } from './hazards.ts'
import { MOST_SPARED, Residency } from './residency.ts'
import { SharedIndex } from './shared-index.ts'
import { CONTROL, ENTRY_BYTES, QUEUE_WORDS } from './shared-memory.ts'
import type { SharedPlaces } from './shared-memory.ts'
import { SharedQueue } from './shared-queue.ts'
import { blocksOf, RecordView, roomFor, takeRoom } from './shared-record.ts'
import type { Draft, Room } from './shared-record.ts'
import { SlotTable } from './slot-table.ts'
import type { Slot } from './slot-table.ts'

/** Of a slot. */
const NOWHERE = 0
const NEW = 1
const MAIN = 2
/** Gone, and still read. */
const RETIRED = 3
/** Not there yet. */
const WRITING = 4

/** How much may go for an entry that the arena has no room for where there should be some. */
const MOST_EVICTED = 4
const LOOKED_AT_ONCE = 256

/** Of what had to go for others. */
export type OnEvict = (ground: SharedGround, slot: Slot) => void

export class SharedGround {
  readonly control: Int32Array
  readonly table: SlotTable
  readonly hazards: Hazards
  readonly index: SharedIndex
  readonly arena: Arena
  readonly rows: BucketRows
  readonly residency: Residency<Slot>
  readonly retired: SharedQueue
  readonly writing: SharedQueue
  readonly #new: SharedQueue
  readonly #main: SharedQueue
  readonly #onEvict: OnEvict

  constructor(places: SharedPlaces, lane: number, onEvict: OnEvict) {
    const { control, controlDoubles: doubles, ghosts, arenaBytes } = places
    this.control = control
    this.#onEvict = onEvict
    this.table = new SlotTable(places.slots)
    this.hazards = new Hazards(places.lanes, places.laneCount, lane)
    this.index = new SharedIndex(this.table, places.chains, control)
    this.arena = new Arena(places.arena)
    this.rows = new BucketRows(places, this.table)
    const queueOf = (name: number): SharedQueue => {
      const at = CONTROL.queues + (name - NEW) * QUEUE_WORDS
      return new SharedQueue(this.table, { words: control, doubles, at, name })
    }
    this.#new = queueOf(NEW)
    this.#main = queueOf(MAIN)
    this.retired = queueOf(RETIRED)
    this.writing = queueOf(WRITING)
    const place = { newcomers: this.#new, main: this.#main }
    this.residency = new Residency(arenaBytes, new GhostList(ghosts, arenaBytes), place, {
      evict: (slot) => this.#evict(slot),
      isInUse: ({ id }) => this.hazards.isNamed(id),
    })
  }

  get entries(): number {
    return this.residency.length
  }

  /** With what is beside their blocks. */
  get bytes(): number {
    return this.residency.bytes + this.entries * ENTRY_BYTES
  }

  /** What has come by now has no higher one. */
  get lastSeq(): number {
    return Atomics.load(this.control, CONTROL.lastSeq)
  }

  get lastSlot(): number {
    return Atomics.load(this.control, CONTROL.slotTop)
  }

  recordOf(slot: Slot): RecordView {
    return new RecordView(slot.block, this.arena)
  }

  bucketOf(slot: Slot): string {
    return this.rows.nameOf(slot.row) ?? this.recordOf(slot).decode().bucket
  }

  /** False when there can be no room for it. */
  makeRoom(bytes: number, row: number, mostOfRow: number | undefined): boolean {
    if (!this.makeRoomIn(row, bytes, mostOfRow)) return false
    return this.residency.makeRoom(bytes, this.retired.bytes + this.writing.bytes)
  }

  /** Of what the bucket has, for what it is to have. False when there can be no room for it. */
  makeRoomIn(row: number, bytes: number, max: number | undefined): boolean {
    const share = this.rows.shareOf(row)
    if (max === undefined || share === undefined) return true
    const most = max - ENTRY_BYTES - bytes
    if (most < 0) return false
    let spared = 0
    while (this.rows.bytesOf(row) > most) {
      const slot = share.first
      // What is left was there before the bucket was bounded, and goes in its own time.
      if (slot === undefined) break
      const isInUse = this.hazards.isNamed(slot.id)
      if (isInUse || slot.uses > 0) {
        spared += isInUse ? 1 : 0
        if (spared > MOST_SPARED) return false
        slot.uses = Math.max(0, slot.uses - 1)
        share.remove(slot)
        share.add(slot)
        continue
      }
      this.#queueOf(slot)?.remove(slot)
      this.#evict(slot)
    }
    return true
  }

  /** Crumbs may stand in its way: then others go for it, but not all of them. */
  takeRoom(draft: Draft): Room | undefined {
    const least = this.residency.bytes - MOST_EVICTED * roomFor(draft, Arena.costOf)
    for (;;) {
      const room = takeRoom(draft, this.arena)
      if (room !== undefined || this.residency.bytes < least) return room
      if (!this.residency.evictOne()) return undefined
    }
  }

  takeSlot(): Slot | undefined {
    const { control, table } = this
    while ((control[CONTROL.freeSlot] ?? 0) === 0) {
      const last = this.lastSlot
      if (last < table.capacity) {
        Atomics.store(control, CONTROL.slotTop, last + 1)
        return table.at(last + 1)
      }
      if (!this.residency.evictOne()) return undefined
    }
    const slot = table.at(control[CONTROL.freeSlot] ?? 0)
    control[CONTROL.freeSlot] = slot.nextFree
    return slot
  }

  #evict(slot: Slot): void {
    this.#onEvict(this, slot)
    this.#forget(slot)
  }

  remove(slot: Slot): void {
    const queue = this.#queueOf(slot)
    if (queue === undefined) return
    queue.remove(slot)
    this.#forget(slot)
  }

  /** Whatever stands for the key. */
  removeAll(like: Slot, key: string): void {
    for (;;) {
      const slot = this.find(like, key)
      if (slot === undefined) return
      this.remove(slot)
    }
  }

  find({ hash, hashHigh }: Slot, key: string): Slot | undefined {
    const isOfKey = (id: number): boolean => this.recordOf(this.table.at(id)).isOf(key)
    const id = this.index.find(hash, hashHigh, isOfKey)
    return id === undefined ? undefined : this.table.at(id)
  }

  /** The one that it stays in. */
  #queueOf({ queue }: Slot): SharedQueue | undefined {
    if (queue === NEW) return this.#new
    return queue === MAIN ? this.#main : undefined
  }

  /** It has left the queue it stayed in. */
  #forget(slot: Slot): void {
    slot.doom()
    this.index.unlink(slot)
    if (slot.isInShare) this.rows.shareOf(slot.row)?.remove(slot)
    this.rows.count(slot, -1)
    if (this.hazards.isNamed(slot.id)) this.retired.add(slot)
    else this.free(slot)
  }

  /** It is not to be written any more: it takes its place among those that stay. */
  settle(slot: Slot, isInShare: boolean): void {
    slot.seq = (Atomics.add(this.control, CONTROL.lastSeq, 1) + 1) | 0
    this.residency.add(slot)
    slot.isInShare = isInShare
    if (isInShare) this.rows.shareOf(slot.row)?.add(slot)
    this.rows.count(slot, 1)
    this.index.link(slot)
  }

  /** All that can be found. */
  clear(): void {
    for (const queue of [this.#new, this.#main]) {
      for (const slot of queue) this.remove(slot)
    }
  }

  /** Looked at in turn: those that are read still come last. */
  reclaim(most = LOOKED_AT_ONCE): void {
    let left = Math.min(this.retired.length, most)
    for (; left > 0; left -= 1) {
      const slot = this.retired.first
      if (slot === undefined) return
      this.retired.remove(slot)
      if (this.hazards.isNamed(slot.id)) this.retired.add(slot)
      else this.free(slot)
    }
  }

  /** Nobody reads it, and nobody can come to read it. */
  free(slot: Slot): void {
    const blocks = blocksOf(slot.block, this.arena)
    slot.end()
    slot.queue = NOWHERE
    for (const block of blocks) this.arena.give(block)
    slot.nextFree = this.control[CONTROL.freeSlot] ?? 0
    this.control[CONTROL.freeSlot] = slot.id
  }

  /**
   * After a change that nobody has ended: of queues, chains and lists nothing is believed, and nothing is
   * kept. What is still read, and what the others are just writing, has its room until they are done.
   */
  beginAnew(lane: number): void {
    const { control, table } = this
    this.index.clear()
    this.rows.clear()
    control.fill(0, CONTROL.queues)
    control[CONTROL.freeSlot] = 0
    const blocks: number[] = []
    for (let id = 1; id <= this.lastSlot; id += 1) {
      const slot = table.at(id)
      slot.doom()
      const isWritten = slot.isWriting && slot.owner !== lane
      const isRead = slot.isTaken && !slot.isWriting && this.hazards.isNamed(id)
      if (isWritten || isRead) {
        blocks.push(...blocksOf(slot.block, this.arena))
        if (isWritten) this.writing.add(slot)
        else this.retired.add(slot)
      } else {
        slot.end()
        slot.queue = NOWHERE
        slot.nextFree = control[CONTROL.freeSlot] ?? 0
        control[CONTROL.freeSlot] = id
      }
    }
    this.arena.restore(blocks.toSorted((a, b) => a - b))
  }
}
