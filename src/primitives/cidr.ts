// Addresses and networks of both families. An address has one spelling here, so that it is the same
// client to whoever compares, counts or writes it.

import { BlockList, isIPv4, isIPv6, SocketAddress } from 'node:net'

export interface Cidr {
  readonly family: 'ipv4' | 'ipv6'
  readonly address: string
  /** Bits that count. */
  readonly prefix: number
}

const BITS = { ipv4: 32, ipv6: 128 } as const
const MAPPED = '::ffff:'
const MAPPED_BITS = 96
const MOST_REMEMBERED = 4096

/**
 * The canonical spelling: an IPv4-mapped address is the IPv4 address it stands for, IPv6 is shortened
 * as by RFC 5952, and a zone, which means nothing elsewhere, is left out.
 */
export function parseAddress(text: string): string | undefined {
  if (isIPv4(text)) return text
  const zone = text.indexOf('%')
  const bare = zone < 0 ? text : text.slice(0, zone)
  if (!isIPv6(bare)) return undefined
  const { address } = new SocketAddress({ address: bare, family: 'ipv6' })
  const mapped = address.startsWith(MAPPED) ? address.slice(MAPPED.length) : ''
  return isIPv4(mapped) ? mapped : address
}

/** `address/prefix`, or an address alone for itself. */
export function parseCidr(text: string): Cidr | undefined {
  const [written = '', bits, ...more] = text.split('/')
  const address = written.includes('%') ? undefined : parseAddress(written)
  if (address === undefined || more.length > 0) return undefined
  const family = isIPv4(address) ? 'ipv4' : 'ipv6'
  if (bits === undefined) return { family, address, prefix: BITS[family] }
  if (!/^(0|[1-9]\d{0,2})$/.test(bits)) return undefined
  // The network of a mapped address is written with the bits of both.
  const prefix = Number(bits) - (family === 'ipv4' && isIPv6(written) ? MAPPED_BITS : 0)
  return prefix >= 0 && prefix <= BITS[family] ? { family, address, prefix } : undefined
}

export function formatCidr({ family, address, prefix }: Cidr): string {
  return prefix === BITS[family] ? address : `${address}/${prefix}`
}

/** Addresses in canonical spelling, by the networks that hold them. */
export class AddressSet {
  // One for each family: Node's list counts IPv4 as a part of `::/0`.
  readonly #networks = { ipv4: new BlockList(), ipv6: new BlockList() }
  /** What has been worked out, since one client asks more than once. */
  readonly #remembered = new Map<string, boolean>()

  constructor(networks: readonly Cidr[]) {
    for (const { family, address, prefix } of networks) {
      this.#networks[family].addSubnet(address, prefix, family)
    }
  }

  /** What is no address is in no set. */
  has(address: string): boolean {
    const known = this.#remembered.get(address)
    if (known !== undefined) return known
    const isIn = this.#look(address)
    if (this.#remembered.size >= MOST_REMEMBERED) this.#remembered.clear()
    this.#remembered.set(address, isIn)
    return isIn
  }

  #look(address: string): boolean {
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    if (family === 'ipv6' && !isIPv6(address)) return false
    return this.#networks[family].check(address, family)
  }
}

/** The network that an address in canonical spelling lies in; an IPv4 address, or what is none, is its own. */
export function ipv6NetworkOf(address: string, prefix: number): string {
  if (!address.includes(':')) return address
  const [front = '', back] = address.split('::')
  const before = groupsOf(front)
  const after = groupsOf(back ?? '')
  const gap = back === undefined ? 0 : 8 - before.length - after.length
  const groups = [...before, ...Array.from({ length: Math.max(0, gap) }, () => 0), ...after]
  const kept = groups.slice(0, Math.ceil(prefix / 16)).map((group, index) => {
    const bits = Math.min(16, prefix - index * 16)
    return (group & (0xffff << (16 - bits))).toString(16)
  })
  return `${kept.join(':')}/${prefix}`
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
}
