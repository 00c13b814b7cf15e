// How often each limit has refused, by the bucket it was asked at.

import type { LimitCount } from '../exchange/counts.ts'

export class LimitTally {
  readonly #refused = new Map<string, Map<string, number>>()

  /** It is counted from now on, nought included. */
  expect(bucket: string, limit: string): void {
    const limits = this.#refused.get(bucket) ?? new Map<string, number>()
    limits.set(limit, limits.get(limit) ?? 0)
    this.#refused.set(bucket, limits)
  }

  countUp(bucket: string, limit = ''): void {
    const limits = this.#refused.get(bucket)
    limits?.set(limit, (limits.get(limit) ?? 0) + 1)
  }

  read(): readonly LimitCount[] {
    return [...this.#refused].flatMap(([bucket, limits]) =>
      [...limits].map(([limit, refused]) => ({ bucket, limit, refused })),
    )
  }
}
