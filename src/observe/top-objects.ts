// The objects that are asked for most and those that came slowest, in bounded room whatever the
// number of paths. For most requests this is two comparisons: beyond the first of each second only
// one in so many is counted, for all of them, and of the slow ones only those that beat the list.

import { HeavyHitters } from '../primitives/heavy-hitters.ts'
import type { HeavyHitter } from '../primitives/heavy-hitters.ts'

/** An object, among those asked for most. */
export interface HotObject {
  readonly bucket: string
  readonly key: string
  /** In the last few minutes, the older ones counting less; what is certain of it. */
  readonly requests: number
  readonly bytes: number
  readonly hits: number
}

/** A slow answer: of its object the slowest. */
export interface SlowObject {
  readonly bucket: string
  readonly key: string
  readonly firstByteMs: number
  readonly durationMs: number
  readonly status: number
  readonly cache: string
  readonly replica: string | undefined
  /** Epoch ms. */
  readonly at: number
  /** What it is ranked by: it fades. */
  readonly score: number
}

export interface TopReading {
  readonly hottest: readonly HotObject[]
  readonly slowest: readonly SlowObject[]
}

const ROOM = 256
const SLOW_ROOM = 64
/** In each second so many requests are counted one by one; of the others one in `STRIDE`. */
const EACH = 64
const STRIDE = 64
/** What is faster than this is not slow, however few there are. */
const SLOW_FROM_MS = 1
export const HALF_LIFE_S = 300
const FADE_EVERY_S = 5
const FACTOR = 0.5 ** (FADE_EVERY_S / HALF_LIFE_S)
/** No object of S3 has a longer key. */
const KEY_CHARACTERS = 1024
/** Between bucket and key; no path has it. */
const BETWEEN = '\0'

export class TopObjects {
  readonly #random: () => number
  readonly #hot = new HeavyHitters(ROOM)
  readonly #slow = new Map<string, SlowObject>()
  /** What has to be beaten. */
  slowFromMs = SLOW_FROM_MS
  #untilNext = 1
  #stride = 1
  #countedThisSecond = 0
  #secondsSinceFade = 0

  constructor(random: () => number) {
    this.#random = random
  }

  /** Whether this request is one of those that are counted, for so many as they stand for. */
  takeTurn(): boolean {
    this.#untilNext -= 1
    return this.#untilNext <= 0
  }

  /** After `takeTurn` said so. */
  count(bucket: string, key: string, bytes: number, isHit: boolean): void {
    if (key.length <= KEY_CHARACTERS) {
      this.#hot.add(bucket + BETWEEN + key, this.#stride, bytes, isHit)
    }
    this.#countedThisSecond += 1
    if (this.#countedThisSecond < EACH) {
      this.#untilNext = 1
      return
    }
    this.#stride = STRIDE
    // Not every so-many-th: who asks in turn for so many objects would be seen for one of them.
    this.#untilNext = 1 + Math.floor(this.#random() * (2 * STRIDE - 1))
  }

  countSlow(slow: Omit<SlowObject, 'score'>): void {
    const { bucket, key, firstByteMs } = slow
    if (key.length > KEY_CHARACTERS) return
    const name = bucket + BETWEEN + key
    const known = this.#slow.get(name)
    if (known !== undefined && known.score >= firstByteMs) return
    this.#slow.set(name, { ...slow, score: firstByteMs })
    if (this.#slow.size > SLOW_ROOM) this.#slow.delete(this.#fastest().name)
    if (this.#slow.size === SLOW_ROOM) this.slowFromMs = this.#fastest().score
  }

  /** Once a second. */
  tick(): void {
    this.#countedThisSecond = 0
    this.#stride = 1
    this.#untilNext = 1
    this.#secondsSinceFade += 1
    if (this.#secondsSinceFade < FADE_EVERY_S) return
    this.#secondsSinceFade = 0
    this.#hot.fade(FACTOR)
    for (const [name, slow] of this.#slow) {
      const score = slow.score * FACTOR
      if (score < SLOW_FROM_MS / 2) this.#slow.delete(name)
      else this.#slow.set(name, { ...slow, score })
    }
    this.slowFromMs = this.#slow.size < SLOW_ROOM ? SLOW_FROM_MS : this.#fastest().score
  }

  read(): TopReading {
    return { hottest: this.#hot.all().map(hotObject), slowest: [...this.#slow.values()] }
  }

  #fastest(): { readonly name: string; readonly score: number } {
    let fastest = { name: '', score: Number.POSITIVE_INFINITY }
    for (const [name, { score }] of this.#slow) {
      if (score < fastest.score) fastest = { name, score }
    }
    return fastest
  }
}

/** `count` may be what others left behind: what is told is what is sure. */
function hotObject({ name, count, error, bytes, hits }: HeavyHitter): HotObject {
  const place = name.indexOf(BETWEEN)
  const [bucket, key] = [name.slice(0, place), name.slice(place + 1)]
  return { bucket, key, requests: count - error, bytes, hits }
}

/** All as one, the first of each list. */
export function mergeTop(readings: readonly TopReading[], limit: number): TopReading {
  const hot = new Map<string, HotObject>()
  for (const one of readings.flatMap(({ hottest }) => hottest)) {
    const name = one.bucket + BETWEEN + one.key
    hot.set(name, addHot(one, hot.get(name)))
  }
  const slow = new Map<string, SlowObject>()
  for (const one of readings.flatMap(({ slowest }) => slowest)) {
    const name = one.bucket + BETWEEN + one.key
    if (one.score > (slow.get(name)?.score ?? -1)) slow.set(name, one)
  }
  return {
    hottest: [...hot.values()].toSorted((a, b) => b.requests - a.requests).slice(0, limit),
    slowest: [...slow.values()].toSorted((a, b) => b.score - a.score).slice(0, limit),
  }
}

function addHot(one: HotObject, other: HotObject | undefined): HotObject {
  if (other === undefined) return one
  return {
    bucket: one.bucket,
    key: one.key,
    requests: one.requests + other.requests,
    bytes: one.bytes + other.bytes,
    hits: one.hits + other.hits,
  }
}
