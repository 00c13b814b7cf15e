// The tier of all threads under everything at once: every thread puts, gets, lends, removes and sweeps, and
// is killed ever so often in the middle of it, while each byte that is read is compared with what it should
// be. At the end everything is removed, and no room may be missing.
//
//   node bench/arena-stress.ts [seconds] [threads]

import { setImmediate as nextTurn, setTimeout as after } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

import type { Loan } from '../src/exchange/body.ts'
import { createSharedTierMemory, placesIn } from '../src/cache/shared-memory.ts'
import type { SharedTierMemory } from '../src/cache/shared-memory.ts'
import { forgetReader, SharedStore } from '../src/cache/shared-store.ts'
import { SharedTier } from '../src/cache/shared-tier.ts'
import type { EntryFacts, SliceEntry } from '../src/cache/tier.ts'

const MIB = 1024 * 1024
const TIER_BYTES = 12 * MIB
const KEYS = 600
const BUCKETS = ['a', 'b', 'bounded']
const LONGEST_BYTES = 256 * 1024
const MOST_LOANS = 40
const KILL_EVERY_MS = 400
const OPS_IN_A_TURN = 20
const LATER = Number.MAX_SAFE_INTEGER

/** What a thread has done since it said so last. */
interface Done {
  readonly reads: number
  readonly bytes: number
  readonly puts: number
  readonly removals: number
  readonly wrong: readonly string[]
}

interface Orders {
  readonly memory: SharedTierMemory
  readonly lane: number
  readonly seed: number
}

async function supervise(seconds: number, threads: number): Promise<boolean> {
  const memory = createSharedTierMemory(TIER_BYTES, threads)
  const total = {
    reads: 0,
    bytes: 0,
    puts: 0,
    removals: 0,
    kills: 0,
    begunAnew: 0,
    wrong: [] as string[],
  }
  const workers: Worker[] = []
  let isOver = false
  const begin = (lane: number): void => {
    const orders: Orders = { memory, lane, seed: Math.floor(Math.random() * 2 ** 31) }
    const worker = new Worker(new URL(import.meta.url), { workerData: orders })
    workers[lane] = worker
    worker.on('message', (done: Done) => {
      for (const name of ['reads', 'bytes', 'puts', 'removals'] as const) total[name] += done[name]
      total.wrong.push(...done.wrong)
    })
    worker.on('error', (error) => total.wrong.push(`a thread failed: ${String(error)}`))
    worker.on('exit', () => {
      if (forgetReader(memory, lane)) total.begunAnew += 1
      if (!isOver) begin(lane)
    })
  }
  for (let lane = 0; lane < threads; lane += 1) begin(lane)
  const endAt = performance.now() + seconds * 1000
  while (performance.now() < endAt && total.wrong.length === 0) {
    await after(KILL_EVERY_MS * 2 * Math.random())
    const victim = workers[Math.floor(Math.random() * threads)]
    await victim?.terminate()
    total.kills += 1
  }
  isOver = true
  await Promise.all(workers.map((worker) => worker.terminate()))
  // Of two that end at once, one may be in the other's way. Whoever takes its place sees to that.
  for (let lane = 0; lane < threads; lane += 1) forgetReader(memory, lane)
  const missing = roomMissingIn(memory)
  console.log(JSON.stringify({ seconds, threads, ...total, missing }))
  const isBusy = total.reads > 0 && total.puts > 0
  return isBusy && total.wrong.length === 0 && missing.length === 0
}

/** What should not be there when all threads have gone and everything is removed. */
function roomMissingIn(memory: SharedTierMemory): string[] {
  const { ground } = emptied(memory)
  const counts = {
    'bytes of the arena in use': ground.arena.usedBytes,
    entries: ground.entries,
    'bytes of entries': ground.bytes,
    'slots retired': ground.retired.length,
    'slots being written': ground.writing.length,
    'bytes of a bucket': ground.rows.bytesOf(ground.rows.find('bounded')),
  }
  return Object.entries(counts).flatMap(([name, count]) => (count === 0 ? [] : `${count} ${name}`))
}

function emptied(memory: SharedTierMemory): SharedStore {
  const store = new SharedStore(placesIn(memory), memory.lanes, () => undefined)
  store.clear()
  store.reclaim()
  return store
}

async function work({ memory, lane, seed }: Orders): Promise<void> {
  const maxBytesOf = (bucket: string): number | undefined =>
    bucket === 'bounded' ? MIB : undefined
  const tier = new SharedTier({ memory, lane, now: () => 0, maxBytesOf })
  const stress = new Stress(tier, seed)
  for (let turn = 1; ; turn += 1) {
    for (let op = 0; op < OPS_IN_A_TURN; op += 1) stress.step()
    if (turn % 50 === 0) await stress.sweep()
    await nextTurn()
    if (turn % 10 === 0) parentPort?.postMessage(stress.take())
  }
}

interface Borrowed {
  readonly loan: Loan
  readonly bytes: Uint8Array
  readonly wanted: Uint8Array
}

class Stress {
  readonly #tier: SharedTier
  readonly #pattern = patternOf(LONGEST_BYTES * 4)
  readonly #borrowed: Borrowed[] = []
  #state: number
  #done = nothing()

  constructor(tier: SharedTier, seed: number) {
    this.#tier = tier
    this.#state = seed
  }

  step(): void {
    const key = `key ${this.#below(KEYS)}`
    const kind = this.#below(100)
    if (kind < 25) this.#put(key)
    else if (kind < 30) this.#remove(key)
    else this.#get(key)
    const isFull = this.#borrowed.length > this.#below(MOST_LOANS)
    if (isFull) this.#giveBack(this.#below(this.#borrowed.length))
  }

  /** A purge of one version of all. */
  async sweep(): Promise<void> {
    const remainder = this.#below(4)
    await this.#tier.sweep(
      ({ receivedAt, tags }) => receivedAt % 4 === remainder && tags.length > 0,
    )
  }

  take(): ReturnType<typeof nothing> {
    const done = this.#done
    this.#done = nothing()
    return done
  }

  #put(key: string): void {
    const version = this.#below(2 ** 20)
    const length = this.#lengthOf(version)
    const bucket = BUCKETS[version % BUCKETS.length] ?? 'a'
    const tags = version % 2 === 0 ? ['even'] : []
    const facts = { bucket, objectKey: key, tags, objectBytes: length, receivedAt: version }
    const bytes = this.#wanted(key, version, length)
    this.#tier.put(key, { ...facts, kind: 'slice', keepUntil: LATER, bytes })
    this.#done.puts += 1
  }

  #remove(key: string): void {
    this.#tier.remove(key)
    this.#done.removals += 1
  }

  #get(key: string): void {
    const entry = this.#tier.get(key)
    if (entry === undefined) return
    if (entry.kind !== 'slice' || entry.objectKey !== key) {
      this.#done.wrong.push(`${key} is ${entry.objectKey}`)
      return
    }
    this.#compare(entry)
    if (this.#below(4) > 0) return
    const wanted = this.#wantedOf(entry)
    const loan = entry.lender?.lend()
    const bytes = entry.lender?.from(0)
    if (loan !== undefined && bytes !== undefined) this.#borrowed.push({ loan, bytes, wanted })
  }

  #compare(entry: SliceEntry): void {
    const wanted = this.#wantedOf(entry)
    this.#done.reads += 1
    this.#done.bytes += wanted.byteLength
    if (Buffer.compare(entry.bytes, wanted) !== 0)
      this.#done.wrong.push(`bytes of ${entry.objectKey}`)
  }

  /** What was lent is as it was, however long ago. */
  #giveBack(index: number): void {
    const [borrowed] = this.#borrowed.splice(index, 1)
    if (borrowed === undefined) return
    const { loan, bytes, wanted } = borrowed
    const isSame = Buffer.compare(bytes, wanted.subarray(0, bytes.byteLength)) === 0
    if (!isSame) this.#done.wrong.push('bytes that were lent')
    loan.giveBack()
  }

  #wantedOf({ objectKey, receivedAt, objectBytes }: EntryFacts): Uint8Array {
    return this.#wanted(objectKey, receivedAt, objectBytes)
  }

  /** No two versions, and no two keys, begin at the same place of it. */
  #wanted(key: string, version: number, length: number): Uint8Array {
    const from = (Number(key.slice(4)) * 1013 + version * 7) % (LONGEST_BYTES * 3)
    return this.#pattern.subarray(from, from + length)
  }

  #lengthOf(version: number): number {
    return version % 5 === 0 ? version % LONGEST_BYTES : version % 9000
  }

  #below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0
    return Math.floor((this.#state / 2 ** 32) * limit)
  }
}

function nothing(): {
  reads: number
  bytes: number
  puts: number
  removals: number
  wrong: string[]
} {
  return { reads: 0, bytes: 0, puts: 0, removals: 0, wrong: [] }
}

/** The same in every thread. */
function patternOf(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = 1
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}

if (isMainThread) {
  const [seconds = 20, threads = 3] = process.argv.slice(2).map(Number)
  const isGood = await supervise(seconds, threads)
  process.exitCode = isGood ? 0 : 1
} else {
  // The cast: what `supervise` gave it.
  await work(workerData as Orders)
}
