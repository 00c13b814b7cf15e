// Who may come, by address: the blocklist always denies, and an allowlist that names anybody admits
// nobody else.

import { isIP } from 'node:net'

import { AddressSet } from '../primitives/cidr.ts'
import type { IpFilterConfig } from '../config/ip-filter.ts'
import { Refusal } from '../exchange/refusal.ts'

/** Why an address was admitted. */
export type Listing = 'allowed' | 'not blocked'

export class IpFilter {
  readonly #blocked: AddressSet
  /** Undefined: everybody who is not blocked. */
  readonly #allowed: AddressSet | undefined

  constructor({ allowlist, blocklist }: IpFilterConfig) {
    this.#blocked = new AddressSet(blocklist)
    this.#allowed = allowlist.length === 0 ? undefined : new AddressSet(allowlist)
  }

  /** Of an address in canonical spelling. Throws the refusal. */
  admit(address: string): Listing {
    if (this.#blocked.has(address)) throw denied('the address is on the blocklist')
    if (this.#allowed?.has(address) === true) return 'allowed'
    if (this.#allowed !== undefined) throw denied('the address is not on the allowlist')
    // Nobody can say that it is not blocked.
    if (isIP(address) === 0) throw denied('the address is not known')
    return 'not blocked'
  }
}

function denied(cause: string): Refusal {
  return new Refusal('address_denied', { cause })
}
