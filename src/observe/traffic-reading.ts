// What a thread has seen of late: sums of seconds, as plain data that can travel between threads and
// be summed.

import { percentileOf } from '../primitives/log-histogram.ts'

/** What is summed in each second, by its place in a row. */
export const FIELDS = [
  'requests',
  'bytes',
  'cachedBytes',
  'originBytes',
  // The first digit of the status; 0: the client left before there was an answer.
  'class0',
  'class1',
  'class2',
  'class3',
  'class4',
  'class5',
  'aborted',
  'memory',
  'disk',
  'redis',
  'stale',
  'miss',
  'revalidated',
  'bypass',
  // At one instant of the second.
  'inFlight',
] as const

export type Field = (typeof FIELDS)[number]
export type Sums = Readonly<Record<Field, number>>

export interface TrafficReading {
  /** Of each second, the oldest first; the last one has just ended. */
  readonly seconds: readonly Sums[]
  /** In the ranges of `log-histogram`. */
  readonly durations: readonly number[]
  readonly firstBytes: readonly number[]
  /** In ms, of each second: within this 95 of 100 had their first byte; null where there were none. */
  readonly firstByteP95s: readonly (number | null)[]
  /** By how much turns of the event loop came late. */
  readonly loopDelays: readonly number[]
  readonly inFlight: number
  readonly connections: number
  readonly sinceStart: Totals
}

export interface Totals {
  readonly requests: number
  readonly bytes: number
  readonly cachedBytes: number
  readonly originBytes: number
}

export const NO_TOTALS: Totals = { requests: 0, bytes: 0, cachedBytes: 0, originBytes: 0 }

/** All as one; where percentiles cannot be added, the slowest thread's. */
export function sumTraffic(readings: readonly TrafficReading[], seconds: number): TrafficReading {
  const rows = Array.from({ length: seconds }, (_, place) =>
    sumRows(readings.map((reading) => reading.seconds[place])),
  )
  const sum = (of: (reading: TrafficReading) => number): number =>
    readings.reduce((total, reading) => total + of(reading), 0)
  return {
    seconds: rows,
    durations: sumLists(readings.map(({ durations }) => durations)),
    firstBytes: sumLists(readings.map(({ firstBytes }) => firstBytes)),
    firstByteP95s: rows.map((_, place) =>
      slowest(readings.map(({ firstByteP95s }) => firstByteP95s[place] ?? null)),
    ),
    loopDelays: sumLists(readings.map(({ loopDelays }) => loopDelays)),
    inFlight: sum(({ inFlight }) => inFlight),
    connections: sum(({ connections }) => connections),
    sinceStart: sumTotals(readings.map(({ sinceStart }) => sinceStart)),
  }
}

export function sumTotals(all: readonly Totals[]): Totals {
  const sum = (of: (totals: Totals) => number): number =>
    all.reduce((total, one) => total + of(one), 0)
  return {
    requests: sum(({ requests }) => requests),
    bytes: sum(({ bytes }) => bytes),
    cachedBytes: sum(({ cachedBytes }) => cachedBytes),
    originBytes: sum(({ originBytes }) => originBytes),
  }
}

export function sumRows(rows: readonly (Sums | undefined)[]): Sums {
  // The cast: all fields are given their value.
  const sums = {} as Record<Field, number>
  for (const field of FIELDS) {
    sums[field] = rows.reduce((total, row) => total + (row?.[field] ?? 0), 0)
  }
  return sums
}

export interface Percentiles {
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

/** In ms. */
export function percentilesOf(counts: readonly number[]): Percentiles {
  const at = (fraction: number): number | null => {
    const value = percentileOf(counts, fraction)
    return value === undefined ? null : Math.round(value * 1000) / 1000
  }
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}

function slowest(all: readonly (number | null)[]): number | null {
  const known = all.filter((value) => value !== null)
  return known.length === 0 ? null : Math.max(...known)
}

function sumLists(lists: readonly (readonly number[])[]): number[] {
  const sums: number[] = []
  for (const list of lists) {
    for (const [place, value] of list.entries()) sums[place] = (sums[place] ?? 0) + value
  }
  return sums
}
