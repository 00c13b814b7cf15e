// How often durations fell into which range, the ranges growing with the duration: each is an eighth
// of the power of two it lies in, so that a percentile is off by some six hundredths, whether it is
// microseconds or minutes.

const STEPS = 8
const STEP_BITS = 3
/** Up to 2³¹ µs, which is more than half an hour; what takes longer stands in the last. */
export const LOG_RANGES = (31 - STEP_BITS) * STEPS + STEPS
const MOST_US = 2 ** 31 - 1

/** The place of the range that a duration falls into. */
export function rangeOf(durationMs: number): number {
  const us = durationMs > 0 ? Math.min(durationMs * 1000, MOST_US) | 0 : 0
  if (us < STEPS) return us
  const shift = 31 - STEP_BITS - Math.clz32(us)
  return (shift << STEP_BITS) + (us >> shift)
}

/** Where the range begins, in µs. */
function startOf(range: number): number {
  if (range < STEPS) return range
  const shift = (range >> STEP_BITS) - 1
  return (STEPS + (range & (STEPS - 1))) * 2 ** shift
}

/** In ms: so much of all that was counted lies below. Undefined where nothing was. */
export function percentileOf(counts: ArrayLike<number>, fraction: number): number | undefined {
  let total = 0
  for (let range = 0; range < counts.length; range += 1) total += counts[range] ?? 0
  if (total === 0) return undefined
  const wanted = total * fraction
  let below = 0
  for (let range = 0; range < counts.length; range += 1) {
    const count = counts[range] ?? 0
    if (count > 0 && below + count >= wanted) {
      const [start, end] = [startOf(range), startOf(range + 1)]
      return (start + ((wanted - below) / count) * (end - start)) / 1000
    }
    below += count
  }
  return undefined
}
