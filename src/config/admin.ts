// The operations listener: health, readiness, and later everything an operator asks for.

import { address, formatAddress } from './address.ts'
import type { Address, WrittenAddress } from './address.ts'
import { documentedDefault, section } from './section.ts'
import type { z } from './zod.ts'

export interface AdminConfig {
  readonly address: Address
  /** Nobody chose the address: a taken port is then a warning, not a refusal to start. */
  readonly isDefaultAddress: boolean
}

const standard: Address = { host: '127.0.0.1', port: 9090 }

export const adminSchema = section({
  address: documentedDefault(address(), formatAddress(standard)),
})

export function toAdmin({ address }: z.output<typeof adminSchema>): AdminConfig {
  return { address: adminAddress(address), isDefaultAddress: address === undefined }
}

export function adminAddress(written: WrittenAddress | undefined): Address {
  return { host: written?.host ?? standard.host, port: written?.port ?? standard.port }
}

export function printAdmin({ address }: AdminConfig): object {
  return { address: formatAddress(address) }
}
