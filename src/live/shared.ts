// What the threads of a process count and pace together, so that a limit is one limit however many
// threads there are. The memory is made once, by whoever begins the threads, and handed to each.

import { clearLane, createLaneMemory, LaneCount } from '../primitives/lanes.ts'
import type { LaneMemory } from '../primitives/lanes.ts'
import { createPaceMemory, SharedPaces } from '../primitives/byte-pace.ts'
import { SharedSlots, SLOT_ROWS, SLOT_WORDS } from '../primitives/shared-slots.ts'
import type { BucketConfig } from '../config/buckets.ts'
import type { Config } from '../config/config.ts'
import type { SpentMemory } from '../primitives/spent-table.ts'
import { allocateLimits } from './limits.ts'

export interface SharedMemory {
  readonly counts: LaneMemory
  /** By bucket, which of several places is its. */
  readonly places: ReadonlyMap<string, number>
  /** Undefined where no client is paced. */
  readonly paces: SharedArrayBuffer | undefined
  /** Of the rates that are limited; undefined where none is. */
  readonly spent: SpentMemory | undefined
}

const SERVER_ROWS = 1
/** One of its requests, the others of its requests to the origin. */
const BUCKET_ROWS = 1 + SLOT_ROWS

export function createSharedMemory(config: Config, threads: number): SharedMemory {
  const { buckets } = config
  const isPaced = buckets.some(({ bandwidth }) => bandwidth?.perClient !== undefined)
  return {
    counts: createLaneMemory({
      rows: SERVER_ROWS + buckets.length * BUCKET_ROWS,
      lanes: threads,
      common: buckets.length * SLOT_WORDS,
    }),
    places: new Map(buckets.map(({ name }, place) => [name, place])),
    paces: isPaced ? createPaceMemory() : undefined,
    spent: allocateLimits(config),
  }
}

/** A thread has ended: what it held is free again. */
export function forgetThread({ counts }: SharedMemory, lane: number): void {
  clearLane(counts, lane)
}

/** The memory as one thread has it. */
export class Shared {
  readonly requests: LaneCount
  readonly paces: SharedPaces | undefined
  readonly spent: SpentMemory | undefined
  readonly #memory: SharedMemory
  readonly #lane: number

  constructor(memory: SharedMemory, lane: number) {
    const { counts, paces, spent } = memory
    this.spent = spent
    this.#memory = memory
    this.#lane = lane
    this.requests = new LaneCount(counts, 0, lane)
    this.paces = paces && new SharedPaces(paces)
  }

  requestsOf(bucket: string): LaneCount {
    return new LaneCount(this.#memory.counts, this.#rowOf(bucket), this.#lane)
  }

  /** Undefined where the origin gets as many requests as come. */
  originSlotsOf({ name, s3 }: BucketConfig): SharedSlots | undefined {
    if (s3.slots === undefined) return undefined
    return new SharedSlots({
      memory: this.#memory.counts,
      row: this.#rowOf(name) + 1,
      word: this.#placeOf(name) * SLOT_WORDS,
      lane: this.#lane,
      limit: s3.slots.maxRequests,
      queueSize: s3.slots.queueSize,
    })
  }

  #rowOf(bucket: string): number {
    return SERVER_ROWS + this.#placeOf(bucket) * BUCKET_ROWS
  }

  #placeOf(bucket: string): number {
    const place = this.#memory.places.get(bucket)
    if (place === undefined) throw new Error(`no memory is shared for the bucket ${bucket}`)
    return place
  }
}
