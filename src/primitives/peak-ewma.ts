// A latency estimate that believes bad news at once and good news slowly: a sample above the
// average replaces it, one below pulls it down by an amount that grows with the time passed.

const DECAY_MS = 10_000

export interface PeakEwma {
  valueMs: number
  readAt: number
}

export function createPeakEwma(): PeakEwma {
  return { valueMs: 0, readAt: 0 }
}

/** The estimate now: what was slow once and is not asked since is tried again in the end. */
export function latencyAt(ewma: PeakEwma, now: number): number {
  return ewma.valueMs * weightOf(ewma, now)
}

export function observeLatency(ewma: PeakEwma, sampleMs: number, now: number): void {
  const weight = weightOf(ewma, now)
  ewma.valueMs =
    sampleMs > ewma.valueMs ? sampleMs : ewma.valueMs * weight + sampleMs * (1 - weight)
  ewma.readAt = now
}

/** How much of an old estimate still holds. */
function weightOf(ewma: PeakEwma, now: number): number {
  return Math.exp(-Math.max(0, now - ewma.readAt) / DECAY_MS)
}
