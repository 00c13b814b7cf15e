// How often values fell into which range: numbers in an array, so that adding one costs a few
// comparisons and nothing is allocated.

export interface Histogram {
  /** Upper ends of the ranges, inclusive, rising; beyond the last there is one more. */
  readonly bounds: readonly number[]
  /** One for each range, not cumulated. */
  readonly counts: number[]
  sum: number
}

export function createHistogram(bounds: readonly number[]): Histogram {
  return { bounds, counts: [...bounds.map(() => 0), 0], sum: 0 }
}

/** Gives the range that it fell into. */
export function addValue(histogram: Histogram, value: number): number {
  const { bounds, counts } = histogram
  let index = 0
  while (index < bounds.length && value > (bounds[index] ?? 0)) index += 1
  counts[index] = (counts[index] ?? 0) + 1
  histogram.sum += value
  return index
}
