// Generated traffic: popularity by Zipf's law, alone, with objects asked for once only, and with
// crawlers that walk through many objects in order.

export interface Trace {
  readonly name: string
  readonly ids: Int32Array
  /** All different objects together. */
  readonly footprintBytes: number
}

const REQUESTS = 120_000
const OBJECTS = 20_000
const SCANNED = 12_000

export function* traces(): Generator<Trace> {
  for (const alpha of [0.7, 0.9, 1.1]) {
    const plain = zipf(alpha, randomFrom(1))
    yield traceOf(`Zipf ${alpha}`, plain)
    yield traceOf(`Zipf ${alpha}, 30 % asked for once`, withStrangers(plain, randomFrom(2)))
    yield traceOf(`Zipf ${alpha}, scans`, withScans(plain))
    yield traceOf(`Zipf ${alpha}, fashions change`, withFashions(plain))
  }
}

function traceOf(name: string, ids: Int32Array): Trace {
  let footprintBytes = 0
  for (const id of new Set(ids)) footprintBytes += sizeOf(id)
  return { name, ids, footprintBytes }
}

/** From 1 KiB to 1 MiB, most of them small; the same for one object always. */
export function sizeOf(id: number): number {
  const mixed = Math.imul(id ^ 0x5bd1e995, 0x9e3779b1)
  const uniform = ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  return Math.floor(1024 * 2 ** (10 * uniform ** 1.5))
}

function zipf(alpha: number, random: () => number): Int32Array {
  const cumulated = new Float64Array(OBJECTS)
  let sum = 0
  for (let rank = 0; rank < OBJECTS; rank += 1) {
    sum += 1 / (rank + 1) ** alpha
    cumulated[rank] = sum
  }
  return Int32Array.from({ length: REQUESTS }, () => firstAbove(cumulated, random() * sum))
}

function firstAbove(cumulated: Float64Array, wanted: number): number {
  let low = 0
  let high = cumulated.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((cumulated[middle] ?? 0) > wanted) high = middle
    else low = middle + 1
  }
  return low
}

function withStrangers(ids: Int32Array, random: () => number): Int32Array {
  let stranger = 1_000_000
  return ids.map((id) => (random() < 0.3 ? (stranger += 1) : id))
}

/** A crawler now and then, that asks for the same long list each time. */
function withScans(ids: Int32Array): Int32Array {
  return ids.map((id, index) => (index % 30_000 < 10_000 ? 500_000 + (index % SCANNED) : id))
}

/** Every so often, what was popular is not, and something else is. */
function withFashions(ids: Int32Array): Int32Array {
  return ids.map((id, index) => id + Math.floor(index / 30_000) * 4_000)
}

function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
