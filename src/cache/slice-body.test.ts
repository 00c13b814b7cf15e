import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { test } from 'node:test'

import fc from 'fast-check'

import type { Flow, Loan, Sink, StreamBody } from '../exchange/body.ts'
import { FillMemory } from './fill-memory.ts'
import { ObjectSlices } from './object-slices.ts'
import type { FetchRange, SliceWorld } from './object-slices.ts'
import { SliceBody } from './slice-body.ts'
import { ownBytes } from './tier.ts'
import type { Entry, Tier } from './tier.ts'
import { Tiers } from './tiers.ts'

const FACTS = {
  bucket: 'b',
  objectKey: 'k',
  tags: [],
  objectBytes: 0,
  receivedAt: 0,
  keepUntil: Infinity,
}
const NAME = 'name of the bytes'

class MapTier implements Tier {
  readonly name
  readonly entries = new Map<string, Entry>()
  readonly #isLate: boolean

  /** Late: every look and every put takes a turn of the event loop. */
  constructor(isLate: boolean) {
    this.#isLate = isLate
    this.name = isLate ? ('disk' as const) : ('memory' as const)
  }

  get(key: string): Entry | undefined | Promise<Entry | undefined> {
    return this.#isLate ? nextTurn().then(() => this.entries.get(key)) : this.entries.get(key)
  }

  peek(key: string): Entry | undefined {
    return this.entries.get(key)
  }

  has(key: string): boolean {
    return this.entries.has(key)
  }

  put(key: string, entry: Entry): void | Promise<void> {
    const own = ownBytes(entry)
    if (own === undefined) return
    if (this.#isLate) return nextTurn().then(() => void this.entries.set(key, own))
    this.entries.set(key, own)
  }

  remove(key: string): void {
    this.entries.delete(key)
  }

  sweep = async (): Promise<{ entries: number; bytes: number }> => ({ entries: 0, bytes: 0 })
  count = this.sweep
  stats = (): never => assert.fail('nobody asks')
  close = async (): Promise<void> => undefined
}

/** Gives its bytes a chunk a turn, and holds when it is told to. */
class Piecewise implements StreamBody, Flow {
  readonly kind = 'stream'
  readonly length: number
  readonly #bytes: Uint8Array
  readonly #chunkBytes: number
  #sink: Sink | undefined
  #at = 0
  #isRunning = false
  #isStopped = false

  constructor(bytes: Uint8Array, chunkBytes: number) {
    this.#bytes = bytes
    this.length = bytes.byteLength
    this.#chunkBytes = chunkBytes
  }

  start(sink: Sink): Flow {
    this.#sink = sink
    this.resume()
    return this
  }

  resume(): void {
    if (!this.#isRunning) void this.#run()
  }

  stop(): void {
    this.#isStopped = true
  }

  discard(): void {
    this.stop()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    await nextTurn()
    while (!this.#isStopped && this.#at < this.length) {
      const chunk = this.#bytes.subarray(this.#at, this.#at + this.#chunkBytes)
      this.#at += chunk.byteLength
      if (this.#sink?.write(chunk) === false) break
      await nextTurn()
    }
    this.#isRunning = false
    if (!this.#isStopped && this.#at >= this.length) this.#sink?.end()
  }
}

interface World {
  readonly bytes: Buffer
  readonly slices: (fetch?: FetchRange) => ObjectSlices
  readonly memory: FillMemory
  readonly fills: SliceWorld['fills']
  readonly fetched: (readonly [first: number, last: number])[]
}

interface Shape {
  readonly size: number
  readonly sliceBytes: number
  readonly spanSlices: number
  readonly chunkBytes: number
  readonly held: readonly number[]
  readonly isLate: boolean
  readonly fillMemoryBytes: number
  readonly keepsNothing?: boolean
}

function worldOf(shape: Shape): World {
  const { size, sliceBytes, spanSlices } = shape
  const bytes = Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) % 251))
  const tier = new MapTier(shape.isLate)
  if (shape.keepsNothing === true) tier.put = () => undefined
  const tiers = new Tiers([tier], { maxObjectBytes: {} })
  const memory = new FillMemory(shape.fillMemoryBytes)
  const fills: SliceWorld['fills'] = new Map()
  const fetched: (readonly [number, number])[] = []
  const world = { tiers, fills, memory, settings: { sliceBytes, spanSlices } }
  const fetchNow: FetchRange = async (first, last) => {
    await nextTurn()
    fetched.push([first, last])
    return new Piecewise(bytes.subarray(first, last + 1), shape.chunkBytes)
  }
  const slices = (fetch = fetchNow): ObjectSlices =>
    new ObjectSlices({ bytesName: NAME, size, facts: FACTS }, world, fetch)
  for (const index of shape.held) {
    if (index * sliceBytes >= size) continue
    const slice = bytes.subarray(index * sliceBytes, (index + 1) * sliceBytes)
    const entry: Entry = { kind: 'slice', ...FACTS, bytes: slice }
    tier.entries.set(`s${NAME}${index}`, entry)
  }
  return { bytes, slices, memory, fills, fetched }
}

interface Outcome {
  readonly bytes: Buffer
  readonly failure: Error | undefined
  readonly ends: number
}

interface Borrowed {
  readonly chunk: Uint8Array
  readonly copy: Buffer
  readonly loan: Loan | undefined
}

/** Until then they are as they were. */
function giveBack(borrowed: Borrowed[]): void {
  for (const { chunk, copy, loan } of borrowed.splice(0)) {
    assert.ok(copy.equals(chunk), 'the bytes were not kept for their reader')
    loan?.giveBack()
  }
}

/** Reads to the end, pausing after every `pauseEvery`th chunk; or leaves after `leaveAfter` bytes. */
function read(body: StreamBody, pauseEvery: number, leaveAfter = Infinity): Promise<Outcome> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = []
    const borrowed: Borrowed[] = []
    let ends = 0
    let got = 0
    const finish = async (failure?: Error): Promise<void> => {
      ends += 1
      await nextTurn()
      giveBack(borrowed)
      resolve({ bytes: Buffer.concat(chunks), failure, ends })
    }
    let isLeft = false
    const flow = body.start({
      write: (chunk, loan) => {
        assert.ok(!isLeft && ends === 0, 'nothing comes after the end')
        assert.ok(chunk.byteLength > 0)
        const copy = Buffer.from(chunk)
        chunks.push(copy)
        borrowed.push({ chunk, copy, loan })
        got += chunk.byteLength
        if (got >= leaveAfter) {
          queueMicrotask(() => {
            if (ends > 0) return
            isLeft = true
            flow.stop()
            void finish()
          })
          return true
        }
        if (chunks.length % pauseEvery > 0) return true
        setImmediate(() => {
          giveBack(borrowed)
          if (!isLeft) flow.resume()
        })
        return false
      },
      end: () => void finish(),
      fail: (reason) => void finish(reason),
    })
  })
}

const shapes = fc.record({
  size: fc.integer({ min: 1, max: 400 }),
  sliceBytes: fc.integer({ min: 8, max: 90 }),
  spanSlices: fc.integer({ min: 1, max: 5 }),
  chunkBytes: fc.integer({ min: 1, max: 120 }),
  held: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 8 }),
  isLate: fc.boolean(),
  fillMemoryBytes: fc.constantFrom(0, 100, 10_000),
})

/** Of a thousand. */
const part = fc.integer({ min: 0, max: 1000 })

const readers = fc.array(
  fc.record({
    from: part,
    to: part,
    pauseEvery: fc.integer({ min: 1, max: 4 }),
    leavesAt: fc.option(part, { freq: 3, nil: undefined }),
    isPrepared: fc.boolean(),
  }),
  { minLength: 1, maxLength: 5 },
)

test('whatever is held, missing, late, paused or left, readers have exactly their bytes', async () => {
  await fc.assert(
    fc.asyncProperty(shapes, readers, async (shape, all) => {
      const world = worldOf(shape)
      const { size } = shape
      const reading = all.map(async ({ from, to, pauseEvery, leavesAt, isPrepared }) => {
        const ends = [from, to].map((at) => Math.min(size - 1, Math.floor((at * size) / 1000)))
        const [first = 0, last = 0] = ends.toSorted((a, b) => a - b)
        const body = new SliceBody(world.slices(), { first, last })
        if (isPrepared) await body.prepare()
        const wanted = world.bytes.subarray(first, last + 1)
        assert.equal(body.length, wanted.length)
        const leaveAfter = leavesAt === undefined ? Infinity : (leavesAt * wanted.length) / 1000
        const outcome = await read(body, pauseEvery, leaveAfter)
        assert.deepEqual([outcome.failure, outcome.ends], [undefined, 1])
        if (leavesAt === undefined) assert.ok(outcome.bytes.equals(wanted))
        else assert.ok(outcome.bytes.equals(wanted.subarray(0, outcome.bytes.length)))
      })
      await Promise.all(reading)
      for (let turn = 0; turn < size + 10 && world.fills.size > 0; turn += 1) await nextTurn()
      assert.deepEqual([world.fills.size, world.memory.heldBytes], [0, 0], 'nothing is left over')
    }),
    { numRuns: 250, seed: 7 },
  )
})

const PLAIN: Shape = {
  size: 95,
  sliceBytes: 10,
  spanSlices: 4,
  chunkBytes: 7,
  held: [],
  isLate: false,
  fillMemoryBytes: 1000,
}

test('holes alone are fetched, each run of them at once and none longer than a span', async () => {
  const world = worldOf({ ...PLAIN, held: [1, 2, 8] })
  const { bytes } = await read(new SliceBody(world.slices(), { first: 5, last: 94 }), 3)
  assert.ok(bytes.equals(world.bytes.subarray(5)))
  assert.deepEqual(world.fetched, [
    [0, 9],
    [30, 69],
    [70, 79],
    [90, 94],
  ])
})

test('holes between what only a late tier holds are known as well', async () => {
  const world = worldOf({ ...PLAIN, held: [2, 3], isLate: true })
  const { bytes } = await read(new SliceBody(world.slices(), { first: 0, last: 49 }), 3)
  assert.ok(bytes.equals(world.bytes.subarray(0, 50)))
  assert.deepEqual(world.fetched, [
    [0, 19],
    [40, 49],
  ])
})

test('readers of the same slices share one question', async () => {
  const world = worldOf({ ...PLAIN, spanSlices: 10 })
  const all = Array.from({ length: 20 }, (_, i) =>
    read(new SliceBody(world.slices(), { first: 0, last: 94 }), (i % 3) + 1),
  )
  for (const { bytes } of await Promise.all(all)) assert.ok(bytes.equals(world.bytes))
  assert.deepEqual(world.fetched, [[0, 94]])
})

test('without room to hold anything it passes by, a span at a time, and nothing is kept', async () => {
  const world = worldOf({ ...PLAIN, fillMemoryBytes: 5 })
  const { bytes } = await read(new SliceBody(world.slices(), { first: 3, last: 94 }), 2)
  assert.ok(bytes.equals(world.bytes.subarray(3)))
  assert.deepEqual(world.fetched, [
    [3, 39],
    [40, 79],
    [80, 94],
  ])
  assert.equal(world.slices().isHeld(0), false)
})

test('a question that fails is told to everybody who waits for it', async () => {
  const world = worldOf(PLAIN)
  const fetch: FetchRange = () => Promise.reject(new Error('nobody there'))
  const all = [1, 2].map(() => read(new SliceBody(world.slices(fetch), { first: 0, last: 94 }), 9))
  for (const { failure, ends } of await Promise.all(all)) {
    assert.deepEqual([failure?.message, ends], ['nobody there', 1])
  }
  assert.deepEqual([world.fills.size, world.memory.heldBytes], [0, 0])
})

test('whether the first bytes are held is known before the start', async () => {
  for (const isLate of [false, true]) {
    const world = worldOf({ ...PLAIN, held: [1], isLate })
    const held = new SliceBody(world.slices(), { first: 12, last: 14 })
    assert.equal(await held.prepare(), true)
    assert.ok((await read(held, 9)).bytes.equals(world.bytes.subarray(12, 15)))
    const missing = new SliceBody(world.slices(), { first: 22, last: 24 })
    assert.equal(await missing.prepare(), false)
    assert.ok((await read(missing, 9)).bytes.equals(world.bytes.subarray(22, 25)))
    assert.deepEqual(world.fetched, [[20, 29]])
  }
})

test('a reader who leaves before the start leaves nothing behind', async () => {
  const world = worldOf({ ...PLAIN, spanSlices: 1 })
  const body = new SliceBody(world.slices(), { first: 0, last: 94 })
  await body.prepare()
  body.discard()
  for (let turn = 0; turn < 20; turn += 1) await nextTurn()
  assert.deepEqual([world.fills.size, world.memory.heldBytes], [0, 0])
})

test('what arrived before its readers came is theirs without another question', async () => {
  const world = worldOf({ ...PLAIN, size: 10, keepsNothing: true })
  const bytes = world.bytes
  const isAdopted = world.slices().adopt(() => atOnce(bytes), 0, 9)
  assert.equal(isAdopted, true)
  const all = [1, 2].map(() => read(new SliceBody(world.slices(), { first: 0, last: 9 }), 9))
  for (const outcome of await Promise.all(all)) assert.ok(outcome.bytes.equals(bytes))
  assert.deepEqual(world.fetched, [])
  await nextTurn()
  assert.deepEqual([world.fills.size, world.memory.heldBytes], [0, 0])
})

function atOnce(bytes: Uint8Array): StreamBody {
  return {
    kind: 'stream',
    length: bytes.byteLength,
    start: (sink) => {
      sink.write(bytes)
      sink.end()
      return { resume: () => undefined, stop: () => undefined }
    },
    discard: () => undefined,
  }
}
