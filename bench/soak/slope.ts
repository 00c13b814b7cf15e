// A straight line through samples, by least squares: how fast something grows.

export interface Sample {
  readonly atMs: number
  readonly value: number
}

export interface Slope {
  readonly perHour: number
  /** How much of the ups and downs the line explains, from 0 to 1. */
  readonly r2: number
}

const HOUR_MS = 3_600_000

export function slopeOf(samples: readonly Sample[]): Slope {
  const meanAt = mean(samples.map(({ atMs }) => atMs))
  const meanValue = mean(samples.map(({ value }) => value))
  let across = 0
  let along = 0
  let spread = 0
  for (const { atMs, value } of samples) {
    across += (atMs - meanAt) * (value - meanValue)
    along += (atMs - meanAt) ** 2
    spread += (value - meanValue) ** 2
  }
  if (along === 0 || spread === 0) return { perHour: 0, r2: 0 }
  return { perHour: (across / along) * HOUR_MS, r2: across ** 2 / (along * spread) }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
