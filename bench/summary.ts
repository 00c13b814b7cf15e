// What several rounds come to, and how contenders stand to each other. What disturbs a machine makes
// a round slower and never faster, so a figure is the quartile on its better side: the best round may
// have been luck, and the middle one is moved by every disturbance.

import { countedOf } from './marks.ts'
import type { Mark } from './marks.ts'
import type { Figures } from './measure.ts'

export interface Line {
  readonly road: string
  readonly size: string
  readonly server: string
  /** Undefined for whoever has no such road, and where no round counts. */
  readonly figures: Figures | undefined
  readonly rounds: readonly CountedRound[]
}

export interface CountedRound extends Figures {
  readonly marks: readonly Mark[]
}

/** In multiples of another's: of requests, more is better, and of processor time, less. */
export interface Ratio {
  readonly speed: number
  readonly cpu: number
  /** One of the two could have done more, or less: the speed is a guess. */
  readonly isSpeedDoubtful: boolean
}

/** A quarter of the others are smaller: of five the second, of fewer the smallest. */
export function lowerQuartile(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 4)] ?? Number.NaN
}

export function upperQuartile(values: readonly number[]): number {
  return -lowerQuartile(values.map((value) => -value))
}

export function summarize(rounds: readonly CountedRound[]): Figures | undefined {
  const counted = countedOf(rounds)
  if (counted.length === 0) return undefined
  const least = (figure: keyof Figures): number => lowerQuartile(counted.map((one) => one[figure]))
  const most = (figure: keyof Figures): number => upperQuartile(counted.map((one) => one[figure]))
  return {
    requestsPerSecond: most('requestsPerSecond'),
    cpuUsPerRequest: least('cpuUsPerRequest'),
    coreShare: most('coreShare'),
    p50Ms: least('p50Ms'),
    p99Ms: least('p99Ms'),
    p999Ms: least('p999Ms'),
    rssMiB: Math.max(...rounds.map((round) => round.rssMiB)),
  }
}

export function isSpeedDoubtful({ rounds }: Line): boolean {
  return countedOf(rounds).some(({ marks }) => marks.length > 0)
}

/** Undefined where one of them has no figures. */
export function ratioOf(line: Line, other: Line | undefined): Ratio | undefined {
  if (line.figures === undefined || other?.figures === undefined) return undefined
  return {
    speed: line.figures.requestsPerSecond / other.figures.requestsPerSecond,
    cpu: line.figures.cpuUsPerRequest / other.figures.cpuUsPerRequest,
    isSpeedDoubtful: isSpeedDoubtful(line) || isSpeedDoubtful(other),
  }
}

/** The line of that server on the same road with the same size. */
export function besideOf(line: Line, server: string, lines: readonly Line[]): Line | undefined {
  return lines.find((one) => {
    return one.server === server && one.road === line.road && one.size === line.size
  })
}
