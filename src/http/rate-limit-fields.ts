// The fields `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10): lists of
// structured strings with parameters, one member for each limit.

export interface Policy {
  /** Letters, digits, "-", "_" and ".". */
  readonly name: string
  readonly quota: number
  readonly windowMs: number
}

export interface ServiceLimit {
  readonly name: string
  readonly remaining: number
  /** Until there is one again where none remains, else until all are there again. */
  readonly resetMs: number
}

export function formatPolicies(policies: readonly Policy[]): string {
  return policies
    .map(({ name, quota, windowMs }) => `"${name}";q=${quota};w=${Math.max(1, seconds(windowMs))}`)
    .join(', ')
}

export function formatServiceLimits(limits: readonly ServiceLimit[]): string {
  return limits
    .map(({ name, remaining, resetMs }) => `"${name}";r=${remaining};t=${seconds(resetMs)}`)
    .join(', ')
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000)
}
