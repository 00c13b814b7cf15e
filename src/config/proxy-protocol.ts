// Whether connections begin with the PROXY protocol's header, and from whom one is taken.

import { formatCidr } from '../primitives/cidr.ts'
import type { Cidr } from '../primitives/cidr.ts'
import { cidr, flag } from './fields.ts'
import { section } from './section.ts'
import type { Loose, RuleProblem } from './section.ts'
import { FromEnv, isMapping } from './tree.ts'
import { z } from './zod.ts'

export interface ProxyProtocolConfig {
  /** Who else connects is closed. */
  readonly from: readonly Cidr[]
}

const settingsSchema = section({
  enabled: flag().prefault(true),
  from: z.array(cidr()).min(1).optional(),
})

/** `true` stands for a section that says nothing else. */
export const proxyProtocolSchema = z
  .preprocess((input) => {
    const isFlag = typeof input === 'boolean' || input instanceof FromEnv
    return isFlag ? { enabled: input } : input
  }, settingsSchema)
  .optional()
  .meta({ type: ['object', 'boolean'] })

type ProxyProtocolSettings = z.output<typeof proxyProtocolSchema>

export function proxyProtocolHasPeers(server: Loose): RuleProblem[] {
  const { proxy_protocol: protocol, trusted_proxies: trusted } = server
  if (!isMapping(protocol) || protocol['enabled'] !== true || protocol['from'] !== undefined) {
    return []
  }
  if (!Array.isArray(trusted) || trusted.length > 0) return []
  const message = 'trusts nobody: every connection would be closed'
  const hint = 'name the load balancers in trusted_proxies, or in proxy_protocol.from'
  return [{ path: ['proxy_protocol'], message, hint }]
}

export function toProxyProtocol(
  settings: ProxyProtocolSettings,
  trusted: readonly Cidr[],
): ProxyProtocolConfig | undefined {
  if (settings?.enabled !== true) return undefined
  return { from: settings.from ?? trusted }
}

export function printProxyProtocol(protocol: ProxyProtocolConfig | undefined): object {
  if (protocol === undefined) return { enabled: false }
  return { enabled: true, from: protocol.from.map(formatCidr) }
}
