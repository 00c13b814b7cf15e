import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Exchange } from '../exchange/exchange.ts'
import type { Facts, Sent } from '../exchange/exchange.ts'
import { Traffic } from './traffic.ts'
import type { TrafficSample } from './traffic.ts'
import { percentilesOf, sumRows, sumTraffic } from './traffic-reading.ts'
import type { TrafficReading } from './traffic-reading.ts'

const START = 1_700_000_000_000
const SERVER = { running: 3, connections: 5, refusals: new Map() }
const HIT = { kind: 'hit', isStale: false, ttlS: 60, detail: 'memory' } as const
const MISS = { kind: 'forward', reason: 'uri-miss', isStored: true, isCollapsed: false } as const

interface Told {
  readonly at?: number
  readonly sent?: Partial<Sent>
  readonly cache?: Facts['cache']
  readonly key?: string
  readonly firstByteMs?: number
  readonly durationMs?: number
}

function finished(told: Told = {}): Exchange {
  const { at = START, durationMs = 2, firstByteMs = 1, key = 'a.jpg' } = told
  const exchange = new Exchange({
    id: 'id',
    receivedAt: at - durationMs,
    startedAt: 1000,
    method: 'GET',
    target: `/b/${key}?secret=1`,
    headers: {},
    clientAddress: '127.0.0.1',
  })
  exchange.facts.route = { bucket: 'b', key }
  exchange.facts.cache = told.cache ?? HIT
  exchange.sent = {
    status: 200,
    bytes: 100,
    isWhole: true,
    firstByteAt: 1000 + firstByteMs,
    endedAt: 1000 + durationMs,
    stalledMs: 0,
    ...told.sent,
  }
  return exchange
}

function opened(): Traffic {
  const traffic = new Traffic(() => 0.5)
  traffic.watch(true)
  return traffic
}

function sample(originBytes: number, inFlight = 0): TrafficSample {
  return { originBytes, inFlight }
}

function sumOf(traffic: Traffic, now: number, seconds = 60): Record<string, number> {
  return { ...sumRows(traffic.read(seconds, now, SERVER).seconds) }
}

test('what has ended is counted in the second in which it ended, and told when that is over', () => {
  const traffic = opened()
  traffic.observe(finished({ at: START + 400 }))
  traffic.observe(finished({ at: START + 900, cache: MISS }))
  traffic.observe(finished({ at: START + 1100 }))
  assert.equal(sumOf(traffic, START + 999)['requests'], 0)
  const { seconds } = traffic.read(3, START + 2000, SERVER)
  assert.deepEqual(
    seconds.map(({ requests }) => requests),
    [0, 2, 1],
  )
  assert.deepEqual(
    [sumOf(traffic, START + 2000)['memory'], sumOf(traffic, START + 2000)['miss']],
    [2, 1],
  )
})

test('each outcome of the cache is counted once, and refusals and strangers not at all', () => {
  const traffic = opened()
  const stale = { ...MISS, reason: 'stale' } as const
  for (const cache of [
    HIT,
    { ...HIT, detail: 'disk' },
    { ...HIT, detail: 'redis' },
    MISS,
    { ...stale, status: 304 },
    { ...stale, isStale: true },
    { ...MISS, reason: 'bypass' },
  ] as const) {
    traffic.observe(finished({ cache }))
  }
  const refused = finished()
  refused.facts.cache = undefined
  refused.facts.refusal = { code: 'token_missing', cause: undefined }
  traffic.observe(refused)
  const {
    requests,
    memory,
    disk,
    redis,
    miss,
    revalidated,
    stale: kept,
    bypass,
  } = sumOf(traffic, START + 1000)
  assert.deepEqual([memory, disk, redis, miss, revalidated, kept, bypass], [1, 1, 1, 1, 1, 1, 1])
  assert.equal(requests, 8)
})

test('what the cache sent is told apart from what came from the origin', () => {
  const traffic = opened()
  traffic.observe(finished({ sent: { bytes: 500 } }))
  traffic.observe(finished({ sent: { bytes: 70 }, cache: MISS }))
  traffic.look(START + 10, 10, () => sample(900))
  traffic.look(START + 60, 60, () => sample(5000))
  traffic.look(START + 1000, 1000, () => sample(1000))
  const { bytes, cachedBytes } = sumOf(traffic, START + 1000)
  assert.deepEqual([bytes, cachedBytes], [570, 500])
  assert.equal(sumOf(traffic, START + 1000)['originBytes'], 900, 'asked for once a second')
  assert.equal(traffic.read(1, START + 2000, SERVER).sinceStart.originBytes, 1000)
})

test('what is older than two minutes is not told, and its room is used again', () => {
  const traffic = opened()
  for (let second = 0; second < 500; second += 1) {
    traffic.observe(finished({ at: START + second * 1000 }))
  }
  const now = START + 500_000
  assert.equal(sumOf(traffic, now, 120)['requests'], 120)
  assert.equal(sumOf(traffic, now + 60_000, 120)['requests'], 60)
  assert.equal(traffic.read(1, now, SERVER).sinceStart.requests, 500)
})

test('a clock that is set back is believed', () => {
  const traffic = opened()
  traffic.look(START, 0, () => sample(0))
  traffic.observe(finished({ at: START }))
  traffic.look(START - 3_600_000, 50, () => sample(0))
  traffic.observe(finished({ at: START - 3_600_000 }))
  const reading = traffic.read(2, START - 3_599_000, SERVER)
  assert.equal(sumRows(reading.seconds).requests, 1)
  assert.equal(reading.sinceStart.requests, 2)
})

test('statuses are counted by their class, and those who left before as none', () => {
  const traffic = opened()
  for (const status of [200, 206, 304, 404, 503, 0]) {
    traffic.observe(finished({ sent: { status, isWhole: status !== 0 } }))
  }
  const { class2, class3, class4, class5, class0, aborted } = sumOf(traffic, START + 1000)
  assert.deepEqual([class2, class3, class4, class5, class0, aborted], [2, 1, 1, 1, 1, 1])
})

test('percentiles are of the window that is asked for', () => {
  const traffic = opened()
  for (let second = 0; second < 10; second += 1) {
    const durationMs = second < 5 ? 1000 : 10
    traffic.observe(finished({ at: START + second * 1000 + 500, durationMs, firstByteMs: 5 }))
  }
  const lately = traffic.read(5, START + 10_000, SERVER)
  const all = traffic.read(10, START + 10_000, SERVER)
  const near = (value: number | null, wanted: number): void =>
    assert.ok(value !== null && Math.abs(value - wanted) < wanted / 8, `${value}, not ${wanted}`)
  near(percentilesOf(lately.durations).p99, 10)
  near(percentilesOf(all.durations).p99, 1000)
  near(percentilesOf(all.firstBytes).p50, 5)
})

test('by how much the event loop comes late is measured by coming late', () => {
  const traffic = opened()
  let monotonic = 0
  for (let turn = 0; turn < 40; turn += 1) {
    monotonic += turn === 20 ? 450 : 50
    traffic.look(START + turn * 10, monotonic, () => sample(0))
  }
  const { p50, p99 } = percentilesOf(traffic.read(1, START + 1000, SERVER).loopDelays)
  assert.ok(p50 !== null && p50 < 1 && p99 !== null && Math.abs(p99 - 400) < 50, `${p50}, ${p99}`)
})

test('the readings of threads are one', () => {
  const threads: TrafficReading[] = [1, 2].map((count) => {
    const traffic = opened()
    for (let turn = 0; turn < count; turn += 1) traffic.observe(finished())
    return traffic.read(2, START + 1000, SERVER)
  })
  const sum = sumTraffic(threads, 2)
  assert.equal(sumRows(sum.seconds).requests, 3)
  assert.deepEqual([sum.inFlight, sum.connections, sum.sinceStart.requests], [6, 10, 3])
  assert.equal(percentilesOf(sum.durations).p50 === null, false)
})

test('where nobody may ask nothing is counted', () => {
  const traffic = opened()
  traffic.watch(false)
  traffic.observe(finished())
  assert.equal(sumOf(traffic, START + 1000)['requests'], 0)
})

test('of each second it is told how many ran, and how slow the first bytes were', () => {
  const traffic = opened()
  traffic.look(START, 0, () => sample(0, 4))
  traffic.observe(finished({ at: START + 500, firstByteMs: 80, durationMs: 90 }))
  traffic.look(START + 1000, 1000, () => sample(0, 9))
  const { seconds, firstByteP95s } = traffic.read(2, START + 2000, SERVER)
  assert.deepEqual(
    seconds.map(({ inFlight }) => inFlight),
    [4, 9],
  )
  const [first, second] = firstByteP95s
  assert.ok(Math.abs((first ?? 0) - 80) < 10, String(first))
  assert.equal(second, null)
})
