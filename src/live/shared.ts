// What the threads of a process count and pace together, so that a limit is one limit however many
// threads there are. The memory is made by whoever begins the threads, and handed to each: a piece
// for the server and one for every bucket, which stays the same for as long as it is needed, whatever
// the configuration becomes.

import { randomUUID } from 'node:crypto'

import { createSharedTierMemory, forgetReader, ThreadLeases } from '../cache/cache.ts'
import type { SharedTierMemory, SharedTierPlace } from '../cache/cache.ts'
import { clearLane, createLaneMemory, isEmpty, LaneCount } from '../primitives/lanes.ts'
import type { LaneMemory } from '../primitives/lanes.ts'
import { createPaceMemory, SharedPaces } from '../primitives/byte-pace.ts'
import { SharedSlots, SLOT_ROWS, SLOT_WORDS } from '../primitives/shared-slots.ts'
import type { BucketConfig } from '../config/buckets.ts'
import type { Config } from '../config/config.ts'
import { allocateLeases, LeaseTable } from '../primitives/lease-table.ts'
import type { LeaseMemory } from '../primitives/lease-table.ts'
import type { SpentMemory } from '../primitives/spent-table.ts'
import {
  allocateReplica,
  healthOf,
  leaveReplica,
  placeOf,
  SharedReplica,
} from '../origin/origin.ts'
import type { ReplicaMemory, SharedReplicas } from '../origin/origin.ts'
import type { Backends } from '../proxy/proxy.ts'
import { allocateLimits, createSecret } from './limits.ts'

export interface SharedMemory {
  readonly threads: number
  readonly server: LaneMemory
  readonly buckets: ReadonlyMap<string, LaneMemory>
  /** Undefined where no client was ever paced. */
  readonly paces: SharedArrayBuffer | undefined
  /** Of the rates that are limited; undefined where none ever was. */
  readonly spent: SpentMemory | undefined
  /** Who fetches what; undefined for a thread that is alone. */
  readonly leases: LeaseMemory | undefined
  /** What is known of replicas, by what they are; of none by a thread that is alone. */
  readonly replicas: ReadonlyMap<string, ReplicaMemory>
  /** The memory tier; undefined where nothing is kept in memory, or there is one thread alone. */
  readonly cache: SharedTierMemory | undefined
}

const SERVER_ROWS = 1
/** One of its requests, the others of its requests to the origin. */
const REQUESTS_ROW = 0
const ORIGIN_ROW = 1
const BUCKET_ROWS = 1 + SLOT_ROWS
/** Of what is under way at one time, in all threads; what is more than that is not agreed on. */
const MAX_LEASES = 16_384

export function createSharedMemory(config: Config, threads: number): SharedMemory {
  const server = createLaneMemory({ rows: SERVER_ROWS, lanes: threads, common: 0 })
  const leases = threads > 1 ? allocateLeases(threads, MAX_LEASES, createSecret()) : undefined
  const none = { paces: undefined, spent: undefined, cache: undefined }
  const nothing = { ...none, buckets: new Map(), replicas: new Map() }
  return nextSharedMemory({ threads, server, leases, ...nothing }, config)
}

/** What a new configuration needs, too. What is counted in goes on, and is counted in all the same. */
export function nextSharedMemory(known: SharedMemory, config: Config): SharedMemory {
  const { buckets, rateLimiting } = config
  const isPaced = buckets.some(({ bandwidth }) => bandwidth?.perClient !== undefined)
  const stillCounted = [...known.buckets].filter(([, memory]) => !isEmpty(memory))
  const wanted = buckets.map(({ name }) => {
    return [name, known.buckets.get(name) ?? createBucketMemory(known.threads)] as const
  })
  return {
    threads: known.threads,
    server: known.server,
    buckets: new Map([...stillCounted, ...wanted]),
    paces: known.paces ?? (isPaced ? createPaceMemory() : undefined),
    spent: allocateLimits({ rateLimiting, buckets }, known.spent),
    leases: known.leases,
    replicas: known.threads > 1 ? nextReplicas(known, config) : new Map(),
    cache: cacheMemoryOf(known, config),
  }
}

function nextReplicas(
  { threads, replicas }: SharedMemory,
  { buckets }: Config,
): SharedMemory['replicas'] {
  const places = buckets.flatMap(({ name, s3 }) => s3.replicas.map((one) => placeOf(name, one)))
  return new Map(
    places.map((place) => [place, replicas.get(place) ?? allocateReplica(threads, randomUUID())]),
  )
}

/** How the replicas of all buckets are, as all threads see it. */
export function backendsIn({ replicas }: SharedMemory, { buckets }: Config): Backends {
  const healths = buckets.map(({ name, s3 }) => {
    const isProbed = s3.healthCheck !== undefined
    const ofBucket = s3.replicas.flatMap((replica) => {
      const memory = replicas.get(placeOf(name, replica))
      // It is only looked at: whose lane that is does not matter.
      const state = memory && new SharedReplica(memory, 0, Math.random)
      return state === undefined ? [] : [[replica.name, healthOf(state, isProbed)] as const]
    })
    return [name, Object.fromEntries(ofBucket)] as const
  })
  return Object.fromEntries(healths)
}

/** Of another size it is another one, which threads carry to what they have. */
function cacheMemoryOf(
  { threads, cache: known }: SharedMemory,
  { cache }: Config,
): SharedTierMemory | undefined {
  if (threads === 1 || !cache.enabled || !cache.layers.includes('memory')) return undefined
  const { maxBytes } = cache.memory
  if (known?.bytes === maxBytes) return known
  return createSharedTierMemory(maxBytes, threads)
}

function createBucketMemory(threads: number): LaneMemory {
  return createLaneMemory({ rows: BUCKET_ROWS, lanes: threads, common: SLOT_WORDS })
}

/** A thread has ended: what it held is free again. */
export function forgetThread(memory: SharedMemory, lane: number): void {
  const { server, buckets, leases, replicas, cache } = memory
  for (const counted of [server, ...buckets.values()]) clearLane(counted, lane)
  if (leases !== undefined) new LeaseTable(leases, lane, Math.random).clear(lane)
  for (const replica of replicas.values()) leaveReplica(replica, lane)
  if (cache !== undefined) forgetReader(cache, lane)
}

/** The memory as one thread has it. */
export class Shared implements SharedReplicas {
  readonly requests: LaneCount
  /** How this thread agrees with the others who fetches what; undefined where there are none. */
  readonly leases: ThreadLeases | undefined
  readonly lane: number
  #memory: SharedMemory
  #paces: SharedPaces | undefined
  /** One for each bucket, whatever its limit is now: those who wait here wait in one line. */
  readonly #originSlots = new Map<string, SharedSlots>()

  constructor(memory: SharedMemory, lane: number) {
    this.#memory = memory
    this.lane = lane
    this.requests = new LaneCount(memory.server, 0, lane)
    this.leases =
      memory.leases && new ThreadLeases({ memory: memory.leases, lane, random: Math.random })
    this.adopt(memory)
  }

  /** What follows the memory there was: whatever is counted in that is counted in this, too. */
  adopt(memory: SharedMemory): void {
    const { paces, buckets } = memory
    for (const name of this.#originSlots.keys()) {
      if (buckets.get(name) !== this.#memory.buckets.get(name)) this.#originSlots.delete(name)
    }
    this.#memory = memory
    this.#paces ??= paces && new SharedPaces(paces)
  }

  get paces(): SharedPaces | undefined {
    return this.#paces
  }

  get cache(): SharedTierPlace | undefined {
    const { cache } = this.#memory
    return cache && { memory: cache, lane: this.lane }
  }

  get spent(): SpentMemory | undefined {
    return this.#memory.spent
  }

  memoryOf(place: string): ReplicaMemory | undefined {
    return this.#memory.replicas.get(place)
  }

  /** Which pieces of memory the replicas of a bucket have. */
  replicaIdsOf({ name, s3 }: BucketConfig): readonly (string | undefined)[] {
    return s3.replicas.map((replica) => this.memoryOf(placeOf(name, replica))?.id)
  }

  requestsOf(bucket: string): LaneCount {
    return new LaneCount(this.#memoryOf(bucket), REQUESTS_ROW, this.lane)
  }

  /** Undefined where the origin gets as many requests as come. Its limits are those of `adjust`. */
  originSlotsOf({ name, s3: { slots } }: BucketConfig): SharedSlots | undefined {
    if (slots === undefined) return undefined
    const known = this.#originSlots.get(name)
    if (known !== undefined) return known
    const opened = new SharedSlots({
      memory: this.#memoryOf(name),
      row: ORIGIN_ROW,
      word: 0,
      lane: this.lane,
      limit: slots.maxRequests,
      queueSize: slots.queueSize,
    })
    this.#originSlots.set(name, opened)
    return opened
  }

  /** From now on, for those too who took a place before. */
  adjust({ buckets }: Config): void {
    for (const { name, s3 } of buckets) {
      if (s3.slots !== undefined) {
        this.#originSlots.get(name)?.adjust(s3.slots.maxRequests, s3.slots.queueSize)
      }
    }
  }

  #memoryOf(bucket: string): LaneMemory {
    const memory = this.#memory.buckets.get(bucket)
    if (memory === undefined) throw new Error(`no memory is shared for the bucket ${bucket}`)
    return memory
  }
}
