// An allowance for extra work, earned by ordinary work: each request earns a share, each extra
// try spends one. A storm of failures therefore cannot multiply the load by more than the share.
// A small reserve lets a quiet system try again at all.

const RESERVE = 10

export interface Allowance {
  credit: number
  readonly percent: number
}

export function createAllowance(percent: number): Allowance {
  return { credit: percent > 0 ? RESERVE : 0, percent }
}

export function earn(allowance: Allowance): void {
  if (allowance.percent === 0) return
  allowance.credit = Math.min(
    RESERVE + allowance.percent,
    allowance.credit + allowance.percent / 100,
  )
}

export function spend(allowance: Allowance): boolean {
  if (allowance.credit < 1) return false
  allowance.credit -= 1
  return true
}
