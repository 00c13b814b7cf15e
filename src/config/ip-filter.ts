// Who may come to a bucket, by address.

import { formatCidr } from '../primitives/cidr.ts'
import type { Cidr } from '../primitives/cidr.ts'
import { cidr } from './fields.ts'
import { section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { z } from './zod.ts'

export interface IpFilterConfig {
  /** Empty: everybody who is not blocked. */
  readonly allowlist: readonly Cidr[]
  readonly blocklist: readonly Cidr[]
}

export const ipFilterSchema = section(
  { allowlist: z.array(cidr()).prefault([]), blocklist: z.array(cidr()).prefault([]) },
  listsDiffer,
)

function listsDiffer({ allowlist, blocklist }: Loose): RuleProblem[] {
  const blocked = new Set(cidrsOf(blocklist).map(([, network]) => formatCidr(network)))
  return cidrsOf(allowlist)
    .filter(([, network]) => blocked.has(formatCidr(network)))
    .map(([index, network]) => ({
      path: ['allowlist', index],
      message: `${formatCidr(network)} is on the blocklist too, which always denies`,
    }))
}

function cidrsOf(list: unknown): [number, Cidr][] {
  const members: readonly unknown[] = Array.isArray(list) ? list : []
  return [...members.entries()].filter((entry): entry is [number, Cidr] => isCidr(entry[1]))
}

function isCidr(value: unknown): value is Cidr {
  return typeof value === 'object' && value !== null && 'family' in value && 'prefix' in value
}

export function printIpFilter({ allowlist, blocklist }: IpFilterConfig): object {
  return { allowlist: allowlist.map(formatCidr), blocklist: blocklist.map(formatCidr) }
}
