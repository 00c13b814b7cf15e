// One request and its answer: what came in, the facts noted on the way and the marks in time. It
// ends when the body has ended, not when the headers left, and is observed once, then.

import type { IncomingHttpHeaders } from 'node:http'

import { Cancellation } from '../primitives/cancel.ts'
import type { CacheOutcome } from '../http/cache-status.ts'
import type { PolicyFact } from './policy-fact.ts'
import type { RefusalCode } from './refusal.ts'
import type { Request } from './request.ts'
import type { RequestSlots } from './slots.ts'
import type { Marks, Trace } from './trace.ts'

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
  /** Undefined: it belongs to none. */
  readonly trace?: Trace | undefined
  readonly headers: IncomingHttpHeaders
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
  /** The first of the attempts; undefined where there was none. */
  readonly tries?: readonly TryFact[] | undefined
}

/** One request to S3. */
export interface TryFact {
  readonly replica: string
  /** Before the client had a byte of this body, or in the middle of it. */
  readonly phase: 'head' | 'body'
  /** Sent because another was slow. */
  readonly isHedge: boolean
  /** Monotonic ms. */
  readonly startedAt: number
  /** The head of the answer was there, or the failure; undefined: neither is. */
  readonly endedAt: number | undefined
  /** The kind of the answer, or of the failure. */
  readonly outcome: string | undefined
  readonly isFailure: boolean
  readonly status: number | undefined
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
  /** Of that time, for how long the client was waited for. */
  readonly stalledMs: number
  /** Why it was cut off; undefined where it is whole, or the client left. */
  readonly broken?: Error | undefined
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
  /** Undefined where nobody watches, and nothing has been waited for. */
  marks: Marks | undefined
  /** What held its body back on purpose, and for how long. */
  pacing: { readonly heldMs: number } | undefined
  /** In which it has a place: the server's, and then its bucket's. */
  #outer: RequestSlots | undefined
  #inner: RequestSlots | undefined
  #hasTime = false

  constructor(arrival: Arrival) {
    this.arrival = arrival
  }

  /** Takes a place until it has ended; one that is looked at again has its place already. */
  hold(slots: RequestSlots): void {
    if (this.#outer === slots || this.#inner === slots) return
    slots.take()
    if (this.#outer === undefined) this.#outer = slots
    else this.#inner = slots
  }

  /** Before the origin is asked for it the first time; what has been let in goes on. */
  requireTime(): void {
    if (this.#hasTime) return
    this.#outer?.requireTime()
    this.#hasTime = true
  }

  /** It has ended. */
  letGo(): void {
    this.#outer?.giveBack()
    this.#inner?.giveBack()
    this.#outer = undefined
    this.#inner = undefined
  }
}
