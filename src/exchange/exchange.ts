// One request and its answer: what came in, the facts noted on the way and the marks in time. It
// ends when the body has ended, not when the headers left, and is observed once, then.

import { Cancellation } from '../primitives/cancel.ts'
import type { CacheOutcome } from '../http/cache-status.ts'
import type { PolicyFact } from './policy-fact.ts'
import type { RefusalCode } from './refusal.ts'
import type { Request } from './request.ts'
import type { RequestSlots } from './slots.ts'

export interface Arrival {
  readonly id: string
  /** Epoch ms. */
  readonly receivedAt: number
  /** Monotonic ms. */
  readonly startedAt: number
  readonly method: string
  /** As it came, with its query. */
  readonly target: string
  /** Through trusted hops: the one answer for all who ask whose request it is. */
  readonly clientAddress: string
}

/** What each phase leaves behind, for the log and its like: plain data. */
export interface Facts {
  receive: Request | undefined
  route: { readonly bucket: string; readonly key: string } | undefined
  /** Who was let in. */
  access:
    { readonly user: string | undefined; readonly policy?: PolicyFact | undefined } | undefined
  /** Flat header fields: what is left of the limits it was counted against. */
  limits: readonly string[] | undefined
  obtain: OriginFact | undefined
  cache: CacheOutcome | undefined
  refusal:
    | {
        readonly code: RefusalCode
        readonly cause: unknown
        readonly user?: string | undefined
        readonly policy?: PolicyFact | undefined
      }
    | undefined
}

/** Grows while the body streams. */
export interface OriginFact {
  readonly attempts: number
  readonly replica: string | undefined
  readonly failed: readonly {
    readonly replica: string
    readonly kind: string
    readonly phase: string
  }[]
}

export interface Sent {
  readonly status: number
  /** Of the body, as far as they left this process. */
  readonly bytes: number
  /** The whole answer went out. */
  readonly isWhole: boolean
  /** Monotonic ms of the first byte; undefined when there was none. */
  readonly firstByteAt: number | undefined
  readonly endedAt: number
}

export class Exchange {
  readonly arrival: Arrival
  /** Of one shape from the start: each is written and read once a request. */
  readonly facts: Facts = {
    receive: undefined,
    route: undefined,
    access: undefined,
    limits: undefined,
    obtain: undefined,
    cache: undefined,
    refusal: undefined,
  }
  /** Cancelled when the client leaves while an answer is being had. */
  readonly leaving = new Cancellation()
  sent: Sent | undefined
  /** In which it has a place: the server's, and then its bucket's. */
  #outer: RequestSlots | undefined
  #inner: RequestSlots | undefined

  constructor(arrival: Arrival) {
    this.arrival = arrival
  }

  note<Phase extends keyof Facts>(phase: Phase, fact: NonNullable<Facts[Phase]>): void {
    this.facts[phase] = fact
  }

  /** Takes a place until it has ended; one that is looked at again has its place already. */
  hold(slots: RequestSlots): void {
    if (this.#outer === slots || this.#inner === slots) return
    slots.take()
    if (this.#outer === undefined) this.#outer = slots
    else this.#inner = slots
  }

  /** It has ended. */
  letGo(): void {
    this.#outer?.giveBack()
    this.#inner?.giveBack()
    this.#outer = undefined
    this.#inner = undefined
  }
}
