// What the cache keeps of an object besides its bytes: the head, and instants worked out once, when
// it was received, so that readers only compare.

import type { ObjectHead } from '../exchange/object-head.ts'

export interface StoredHead {
  /** An object, or the knowledge that there is none. */
  readonly outcome: 'object' | 'absent'
  readonly head: ObjectHead
  /** Of this version's bytes, among all that are kept: what its slices are found by. */
  readonly bytesName: string
  /** Epoch ms; for a head that a 304 freshened, when the 304 came. */
  readonly receivedAt: number
  /** The Date to send: the origin's own, or when it was received. */
  readonly dateAt: number
  /** How old it was when received (RFC 9111 §4.2.3: corrected_initial_age). */
  readonly initialAgeMs: number
  readonly freshUntil: number
  /** Stale, it may be served while one request renews it. */
  readonly staleWhileRevalidateUntil: number
  /** Stale, it may be served instead of an error. */
  readonly staleIfErrorUntil: number
  /** `no-cache`: never served without asking, however fresh. */
  readonly isAlwaysValidated: boolean
  /** `must-revalidate` and its like: never served stale, whatever the policy says. */
  readonly isNeverStale: boolean
  /** What the request had in the fields that Vary names (RFC 9111 §4.1): lower-case name, value. */
  readonly selecting: readonly (readonly [name: string, value: string])[]
  readonly tags: readonly string[]
  /** After this nothing can be made of it. */
  readonly keepUntil: number
}
