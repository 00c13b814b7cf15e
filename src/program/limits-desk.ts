// The rate limits of all threads as one answer. Each counts what it has refused; what callers have
// spent lies in the memory they share, or in Redis.

import type { LimitAccount, LimitReport } from '../live/live.ts'

/** Of those that answer; none where there are no limits. */
export function mergeLimits(all: readonly (LimitReport | undefined)[]): object {
  const reports = all.filter((report) => report !== undefined)
  const [first] = reports
  if (first === undefined) return { enabled: false, limits: [] }
  return {
    enabled: true,
    store: first.store,
    degraded: reports.some(({ isDegraded }) => isDegraded),
    nodes: Math.max(...reports.map(({ nodes }) => nodes)),
    limits: first.limits.map((limit, index) =>
      described(
        limit,
        reports.map(({ limits }) => limits[index]),
      ),
    ),
  }
}

function described(
  { bucket, settings }: LimitAccount,
  accounts: readonly (LimitAccount | undefined)[],
): object {
  const refusedAt: Record<string, number> = {}
  for (const [place, count] of accounts.flatMap((one) => Object.entries(one?.refused ?? {}))) {
    refusedAt[place] = (refusedAt[place] ?? 0) + count
  }
  const refused = Object.values(refusedAt).reduce((sum, count) => sum + count, 0)
  const keys = accounts.map((one) => one?.keys).find((count) => count !== undefined)
  return { bucket: bucket ?? null, ...settings, refused, refused_by_bucket: refusedAt, keys }
}
