// When two routes would claim the same request: one prefix, whatever its names are, and a host that
// both answer to.

import { shapeOf } from '../primitives/template.ts'

export interface Claim {
  readonly pathPrefix: string
  /** Empty: every host. */
  readonly hosts: readonly string[]
}

export function claimsOverlap(left: Claim, right: Claim): boolean {
  if (shapeOf(left.pathPrefix) !== shapeOf(right.pathPrefix)) return false
  if (left.hosts.length === 0 || right.hosts.length === 0) return true
  return left.hosts.some((one) => right.hosts.some((other) => hostsOverlap(one, other)))
}

function hostsOverlap(one: string, other: string): boolean {
  return one === other || matches(one, other) || matches(other, one)
}

function matches(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') && host.endsWith(pattern.slice(1))
}
