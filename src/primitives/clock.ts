// The only place that reads a clock. Everything else is told what time it is, so that no test
// ever waits for one.

/** Epoch milliseconds: for instants that others will read (dates, signatures, log lines). */
export function now(): number {
  return Date.now()
}

/** Milliseconds that never jump backwards: for durations. */
export const monotonic: () => number = performance.now.bind(performance)

/** As `monotonic`, and the same in all threads of the process. */
export function sharedMonotonic(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1_000_000
}
