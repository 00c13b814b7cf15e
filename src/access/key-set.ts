// The keys of an issuer, had by URL and had again: at intervals, and when a token names a key that is
// not among them. While the issuer is down, those that were had before stay good.

import type { JwtConfig } from '../config/jwt.ts'
import { algorithmsOf, keyOfJwk, parseAlgorithm, pinnedAlgorithms } from '../config/jwt-keys.ts'
import type { Algorithm } from '../config/jwt-keys.ts'
import { fingerprint } from '../config/transfer.ts'
import type { Emit } from '../exchange/event.ts'
import { Refusal, retryAfter } from '../exchange/refusal.ts'
import { monotonic, now } from '../primitives/clock.ts'
import { withoutQueryValues } from '../primitives/secret.ts'
import { readJson } from './issuer-document.ts'
import { describeKey } from './describe.ts'
import type { KeySetDescription } from './describe.ts'
import type { TokenHead, VerificationKey } from './signature.ts'
import { keysFor } from './static-keys.ts'

/** An unknown `kid` costs a forger nothing: it makes us ask so often and no more. */
const UNKNOWN_KEY_MS = 30_000
/** After a failure, with keys in hand, and without any. */
const AGAIN_MS = 30_000
const AGAIN_WITHOUT_KEYS_MS = 1000
const MOST_KEYS = 100
const DISCOVERY = '/.well-known/openid-configuration'

export interface KeySetOptions {
  readonly jwt: JwtConfig
  readonly emit: Emit
  /** Told of each time they were asked for. */
  readonly refreshed?: ((outcome: Refreshed) => void) | undefined
}

export type Refreshed = 'changed' | 'unchanged' | 'failed'

/** The same keys, whatever else is asked of a token. */
export function keySetName(jwt: JwtConfig): string {
  const { jwksUrl, issuerDiscovery, issuers, jwksRefreshMs, algorithms } = jwt
  return fingerprint([jwksUrl, issuerDiscovery, issuers, jwksRefreshMs, algorithms])
}

export class KeySet {
  readonly #options: KeySetOptions
  readonly #listeners = new Set<() => void>()
  readonly #closing = new AbortController()
  #keys: readonly VerificationKey[] | undefined
  #written = ''
  #refreshing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #nextTryAt = 0
  #unknownAskedAt = Number.NEGATIVE_INFINITY
  #isFailing = false
  #last: KeySetDescription['lastRefresh']

  constructor(options: KeySetOptions) {
    this.#options = options
  }

  start(): void {
    const isStarted = this.#refreshing !== undefined || this.#timer !== undefined
    if (!isStarted) void this.#refresh()
  }

  /** Called when the keys are others than before. Gives what ends that. */
  onChange(changed: () => void): () => void {
    this.#listeners.add(changed)
    return () => this.#listeners.delete(changed)
  }

  close(): void {
    this.#closing.abort()
    clearTimeout(this.#timer)
  }

  describe(): KeySetDescription {
    const { jwksUrl, issuers } = this.#options.jwt
    const waitMs = Math.max(0, this.#unknownAskedAt + UNKNOWN_KEY_MS - monotonic())
    return {
      url: withoutQueryValues(jwksUrl ?? (issuers[0] ?? '').replace(/\/$/, '') + DISCOVERY),
      keys: this.#keys?.map(describeKey),
      lastRefresh: this.#last,
      nextRefreshAt: now() + Math.max(0, this.#nextTryAt - monotonic()),
      unknownKeyRefreshAt: now() + waitMs,
    }
  }

  /** Those that may have signed it. Rejects with a refusal while there never were any. */
  async keysFor(head: TokenHead): Promise<readonly VerificationKey[]> {
    if (this.#keys === undefined) await this.#firstKeys()
    const keys = keysFor(head, this.#keys ?? [])
    const isUnknown = head.keyId !== undefined && keys.every(({ id }) => id !== head.keyId)
    if (!isUnknown || !this.#mayAskForUnknown()) return keys
    await this.#refresh()
    return keysFor(head, this.#keys ?? [])
  }

  async #firstKeys(): Promise<void> {
    if (this.#refreshing !== undefined || monotonic() >= this.#nextTryAt) await this.#refresh()
    if (this.#keys !== undefined) return
    const headers = retryAfter(this.#nextTryAt - monotonic())
    throw new Refusal('policy_unavailable', { headers, cause: 'the keys were never had' })
  }

  #mayAskForUnknown(): boolean {
    // Whoever comes while they are on their way waits for them too.
    if (this.#refreshing !== undefined) return true
    if (monotonic() - this.#unknownAskedAt < UNKNOWN_KEY_MS) return false
    this.#unknownAskedAt = monotonic()
    return true
  }

  /** One at a time, whoever asks. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#load().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #load(): Promise<void> {
    clearTimeout(this.#timer)
    const { jwksRefreshMs } = this.#options.jwt
    let waitMs = jwksRefreshMs
    try {
      this.#note(this.#take(await this.#read()), undefined)
    } catch (error) {
      const again = this.#keys === undefined ? AGAIN_WITHOUT_KEYS_MS : AGAIN_MS
      waitMs = Math.min(again, jwksRefreshMs)
      this.#note('failed', error instanceof Error ? error.message : 'unknown reason')
    }
    this.#nextTryAt = monotonic() + waitMs
    if (this.#closing.signal.aborted) return
    this.#timer = setTimeout(() => void this.#refresh(), waitMs).unref()
  }

  async #read(): Promise<unknown> {
    const { jwksUrl, issuerDiscovery, issuers } = this.#options.jwt
    const { signal } = this.#closing
    const [issuer = ''] = issuers
    if (!issuerDiscovery) return readJson(jwksUrl ?? '', signal)
    const about = await readJson(issuer.replace(/\/$/, '') + DISCOVERY, signal)
    // OpenID Connect Discovery §4.3: another's document is no reason to believe another's keys.
    if (member(about, 'issuer') !== issuer) throw new Error('the document is another issuer’s')
    const url = member(about, 'jwks_uri')
    if (typeof url !== 'string') throw new Error('the document names no jwks_uri')
    return readJson(url, signal)
  }

  #note(outcome: Refreshed, reason: string | undefined): void {
    this.#tell(reason)
    if (this.#closing.signal.aborted) return
    this.#last = { outcome, at: now(), reason }
    this.#options.refreshed?.(outcome)
  }

  #take(set: unknown): 'changed' | 'unchanged' {
    const listed = member(set, 'keys')
    if (!Array.isArray(listed)) throw new Error('what came is no key set')
    const written = JSON.stringify(listed)
    if (this.#keys !== undefined && written === this.#written) return 'unchanged'
    const { algorithms } = this.#options.jwt
    this.#keys = listed.slice(0, MOST_KEYS).flatMap((jwk) => verificationKey(jwk, algorithms))
    this.#written = written
    for (const changed of this.#listeners) changed()
    return 'changed'
  }

  /** Once when it begins to fail, and once when that is over. */
  #tell(reason: string | undefined): void {
    const isFailing = reason !== undefined
    if (isFailing === this.#isFailing || this.#closing.signal.aborted) return
    this.#isFailing = isFailing
    const { jwksUrl, issuers } = this.#options.jwt
    const url = withoutQueryValues(jwksUrl ?? issuers[0] ?? '')
    this.#options.emit({ kind: 'key-set', url, state: isFailing ? 'failed' : 'loaded', reason })
  }
}

/** None for a key that is not for signatures, or of no use here. RFC 7517 §5: such are passed over. */
function verificationKey(
  jwk: unknown,
  wanted: readonly Algorithm[] | undefined,
): VerificationKey[] {
  const use = member(jwk, 'use')
  const operations = member(jwk, 'key_ops')
  if (use !== undefined && use !== 'sig') return []
  if (Array.isArray(operations) && !operations.includes('verify')) return []
  const key = keyOfJwk(jwk)
  if (key === undefined) return []
  const id = member(jwk, 'kid')
  const stated = member(jwk, 'alg')
  const own = parseAlgorithm(stated)
  const pinned =
    stated === undefined
      ? pinnedAlgorithms(key, wanted)
      : algorithmsOf(key).filter((name) => name === own && (wanted?.includes(name) ?? true))
  if (pinned.length === 0) return []
  return [{ id: typeof id === 'string' ? id : undefined, algorithms: pinned, key }]
}

function member(of: unknown, name: string): unknown {
  if (typeof of !== 'object' || of === null || !Object.hasOwn(of, name)) return undefined
  return Reflect.get(of, name)
}
