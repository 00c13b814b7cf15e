// To whom a request is counted: the parts of a limit's key, read from the caller. Whoever lacks what
// a part names shares one place with all who lack it.

import { createHash } from 'node:crypto'

import type { KeyPart, RateLimitConfig } from '../config/rate-limit.ts'
import { ipv6NetworkOf } from '../primitives/cidr.ts'
import type { KeyedHash } from '../primitives/keyed-hash.ts'
import type { Rate } from '../primitives/rate.ts'
import type { Identity } from './access.ts'
import { find } from './claims.ts'

/** A limit where it is asked: at a bucket, or for all of them. */
export interface PlacedLimit {
  readonly name: string
  readonly rate: Rate
  /** Without the bucket, which is known where a limit is placed. */
  readonly parts: readonly CallerPart[]
  /** What it counts apart from everything else of its name: a bucket, or '' for all together. */
  readonly scope: string
  readonly config: RateLimitConfig
}

interface CallerPart {
  readonly kind: 'ip' | 'user' | 'claim'
  readonly claim: string
  readonly path: readonly string[]
}

/** `isOwn`: it is one of the bucket's own, and counts nothing else. */
export function placeLimit(config: RateLimitConfig, bucket: string, isOwn: boolean): PlacedLimit {
  const { name, rate, parts } = config
  const scope = isOwn || parts.some(({ kind }) => kind === 'bucket') ? bucket : ''
  return { name, rate, parts: parts.flatMap(callerPart), scope, config }
}

function callerPart(part: KeyPart): CallerPart[] {
  if (part.kind === 'bucket') return []
  const claim = 'claim' in part ? part.claim : ''
  return [{ kind: part.kind, claim, path: claim.split('.') }]
}

/** It can only be asked when it is known who comes. */
export function needsIdentity({ parts }: RateLimitConfig): boolean {
  return parts.some(({ kind }) => kind === 'user' || kind === 'claim')
}

/** A limit whose algorithm changes begins anew: what one has noted means nothing to another. */
export function idOf({ name, scope, rate }: PlacedLimit): string {
  return `${scope}/${name}/${rate.algorithm}`
}

const MOST_REMEMBERED = 4096

/** To which client an address belongs: of IPv6, to a whole network. */
export class Networks {
  readonly #ipv6Prefix: number
  /** What has been worked out, since one client asks more than once. */
  readonly #remembered = new Map<string, string>()

  constructor(ipv6Prefix: number) {
    this.#ipv6Prefix = ipv6Prefix
  }

  of(address: string): string {
    if (!address.includes(':')) return address
    const known = this.#remembered.get(address)
    if (known !== undefined) return known
    const network = ipv6NetworkOf(address, this.#ipv6Prefix)
    if (this.#remembered.size >= MOST_REMEMBERED) this.#remembered.clear()
    this.#remembered.set(address, network)
    return network
  }
}

const NOBODY = 0x7fff_ffff

export function addCaller(
  hash: KeyedHash,
  { parts }: PlacedLimit,
  address: string,
  identity: Identity | undefined,
  networks: Networks,
): void {
  for (const part of parts) {
    const value = valueOf(part, address, identity, networks)
    if (value === undefined) hash.addWord(NOBODY)
    else hash.add(value)
  }
}

/** For a place that others can look into: nobody's name or address is told there. */
export function digestOf(
  { parts }: PlacedLimit,
  address: string,
  identity: Identity | undefined,
  networks: Networks,
): string {
  if (parts.length === 0) return 'all'
  const values = parts.map((part) => valueOf(part, address, identity, networks) ?? null)
  return createHash('sha256').update(JSON.stringify(values)).digest('base64url')
}

function valueOf(
  { kind, claim, path }: CallerPart,
  address: string,
  identity: Identity | undefined,
  networks: Networks,
): string | undefined {
  switch (kind) {
    case 'ip':
      return networks.of(address)
    case 'user':
      return identity?.subject
    case 'claim':
      return identity === undefined ? undefined : plain(find(identity.claims, claim, path))
  }
}

/** A list or an object names nobody. */
function plain(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}
