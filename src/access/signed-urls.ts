// Signed URLs and cookies: a permission that whoever has a key gives away, for a path or for all below
// one, until an instant. A good one stands in for a token; one that is not is refused, whatever else the
// request brings. All that was signed is held against the request, or nothing is served.

import { timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import type { SignedUrlsConfig } from '../config/signed-urls.ts'
import { isSigningId } from '../config/signed-urls.ts'
import { Refusal } from '../exchange/refusal.ts'
import type { Request } from '../exchange/request.ts'
import { AddressSet, parseCidr } from '../primitives/cidr.ts'
import { now } from '../primitives/clock.ts'
import { carriedSignature } from './carried-signature.ts'
import type { CarriedSignature } from './carried-signature.ts'
import { covers, isScope, signatureOf, signingKey } from './url-signature.ts'

export interface SignedRequest {
  readonly request: Request
  /** Of the client, through trusted hops. */
  readonly address: string
  readonly listing?: { readonly isDeep: boolean } | undefined
}

/** Seconds until the year 5138; no zero in front, so that an instant has one spelling. */
const EPOCH_SECONDS = /^[1-9]\d{0,10}$/

/** 32 in base64url. */
const SIGNATURE_BYTES = 43
const MOST_NETWORKS = 256

export class SignedUrls {
  readonly #keys: ReadonlyMap<string, KeyObject>
  readonly #allowNetworks: boolean
  readonly #revoked: ReadonlySet<string>
  /** Of verified signatures alone, as they are written. */
  readonly #networks = new Map<string, AddressSet>()
  readonly #given = Buffer.alloc(SIGNATURE_BYTES)
  readonly #expected = Buffer.alloc(SIGNATURE_BYTES)

  constructor({ keys, allowNetworks, revoked }: SignedUrlsConfig) {
    this.#keys = new Map(keys.map(({ id, secret }) => [id, signingKey(secret.reveal())]))
    this.#allowNetworks = allowNetworks
    this.#revoked = new Set(revoked)
  }

  /** Whether a good one is carried; false where none is. Throws the refusal of any other. */
  admit({ request, address, listing }: SignedRequest): boolean {
    const carried = carriedSignature(request)
    if (carried === undefined) return false
    if (typeof carried === 'string') throw invalid(carried)
    if (listing?.isDeep === true && carried.scope === undefined) {
      throw invalid('it is for one path, and not for a listing of all below')
    }
    this.#verify(carried, request)
    this.#judge(carried, address)
    return true
  }

  #verify(carried: CarriedSignature, { method, path }: Request): void {
    const { keyId, expires, scope, network, id } = carried
    const key = this.#keys.get(keyId)
    if (key === undefined) throw invalid('no key of that id')
    if (!EPOCH_SECONDS.test(expires)) throw invalid('sl-expires is no time')
    if (id !== undefined && !isSigningId(id)) throw invalid('sl-id is no id')
    if (network !== undefined && !this.#allowNetworks) throw invalid('allow_networks is off')
    if (network !== undefined && parseCidr(network) === undefined) {
      throw invalid('sl-ip is no network')
    }
    if (scope !== undefined && !isScope(scope)) throw invalid('sl-path is no /prefix/*')
    if (scope !== undefined && !covers(scope, path)) throw invalid('sl-path does not cover it')
    const permission = { ...carried, path, method: 'GET' as const }
    if (this.#isSame(carried.signature, signatureOf(permission, key))) return
    // Whoever may have the whole may have its head, and not the other way round.
    const isHeadOnly =
      method === 'HEAD' &&
      this.#isSame(carried.signature, signatureOf({ ...permission, method: 'HEAD' }, key))
    if (!isHeadOnly) throw invalid('it is not the signature of this request')
  }

  /** What was signed, believed by now. */
  #judge({ id, network, expires }: CarriedSignature, address: string): void {
    if (id !== undefined && this.#revoked.has(id)) throw invalid('it is revoked')
    if (network !== undefined && !this.#isWithin(network, address))
      throw invalid('for another network')
    if (now() >= Number(expires) * 1000) throw new Refusal('signature_expired')
  }

  /** In one time for all that differ. */
  #isSame(given: string, expected: string): boolean {
    if (given.length !== SIGNATURE_BYTES) return false
    // What takes more bytes than it has characters is none, and would leave some as they were.
    if (this.#given.write(given) !== SIGNATURE_BYTES) return false
    this.#expected.write(expected)
    return timingSafeEqual(this.#given, this.#expected)
  }

  #isWithin(network: string, address: string): boolean {
    const known = this.#networks.get(network)
    if (known !== undefined) return known.has(address)
    const cidr = parseCidr(network)
    const set = new AddressSet(cidr === undefined ? [] : [cidr])
    if (this.#networks.size >= MOST_NETWORKS) this.#networks.clear()
    this.#networks.set(network, set)
    return set.has(address)
  }
}

function invalid(cause: string): Refusal {
  return new Refusal('signature_invalid', { cause })
}
