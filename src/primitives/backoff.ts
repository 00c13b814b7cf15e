// How long to wait before trying again: exponential, capped, with full jitter so that many who
// failed together do not come back together.

export interface BackoffPolicy {
  readonly initialBackoffMs: number
  readonly maxBackoffMs: number
}

/** `repeat` counts from 0; `random` is in [0, 1). */
export function backoffMs(policy: BackoffPolicy, repeat: number, random: number): number {
  const ceiling = Math.min(policy.maxBackoffMs, policy.initialBackoffMs * 2 ** repeat)
  return ceiling * (0.5 + random / 2)
}
