// The operations listener: health, readiness, and what an operator who has the token asks for.

import { Secret } from '../primitives/secret.ts'
import { address, formatAddress } from './address.ts'
import type { Address, WrittenAddress } from './address.ts'
import { field, textOf } from './fields.ts'
import { isPlaceholder } from './placeholder.ts'
import { documentedDefault, section } from './section.ts'
import type { z } from './zod.ts'

export interface AdminConfig {
  readonly address: Address
  /** Nobody chose the address: a taken port is then a warning, not a refusal to start. */
  readonly isDefaultAddress: boolean
  /** Undefined: there is no /admin. */
  readonly token: Secret | undefined
}

const standard: Address = { host: '127.0.0.1', port: 9090 }
/** What can stand in an Authorization header, as one word. */
const TOKEN = /^[!-~]{16,512}$/

const token = field({
  wanted: 'a token of 16 to 512 visible ASCII characters that is no placeholder',
  json: { type: 'string' },
  isSecret: true,
  read: (input) => {
    const text = textOf(input)
    return text !== undefined && TOKEN.test(text) && !isPlaceholder(text)
      ? new Secret(text)
      : undefined
  },
  hintFor: () => 'openssl rand -hex 24 makes one',
})

export const adminSchema = section({
  address: documentedDefault(address(), formatAddress(standard)),
  token: token.optional(),
})

/** `port` is what `metrics.port` says of the same listener. */
export function toAdmin(
  { address, token }: z.output<typeof adminSchema>,
  port: number | undefined,
): AdminConfig {
  const isDefaultAddress = address === undefined && port === undefined
  return { address: adminAddress(address, port), isDefaultAddress, token }
}

export function adminAddress(written: WrittenAddress | undefined, port?: number): Address {
  return { host: written?.host ?? standard.host, port: written?.port ?? port ?? standard.port }
}

export function printAdmin({ address, token }: AdminConfig): object {
  return { address: formatAddress(address), ...(token === undefined ? {} : { token: '***' }) }
}
