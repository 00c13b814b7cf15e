// Takes in what the origin answers: keeps it where it may be kept, and hands it on where not.

import type { IncomingHttpHeaders } from 'node:http'

import type { CancelSignal } from '../primitives/cancel.ts'
import { now } from '../primitives/clock.ts'
import { storeDecision } from '../cache/cache.ts'
import type {
  CachePolicy,
  FetchRange,
  RouteCache,
  StoreDecision,
  StoredHead,
} from '../cache/cache.ts'
import { parseRequestDirectives } from '../http/cache-control.ts'
import { BARE_HEAD, NO_CACHING } from '../exchange/object-head.ts'
import type { ObjectHead } from '../exchange/object-head.ts'
import { Refusal } from '../exchange/refusal.ts'
import { isSameVersion, isToldApart, strongTag } from '../exchange/version.ts'
import { createTrail } from '../origin/origin.ts'
import type { Delivered, ObjectQuestion, Trail } from '../origin/origin.ts'
import { answerTo } from './first-answer.ts'
import { mergeHeads } from './freshen.ts'
import { ObjectChanged } from './object-changed.ts'
import { requireObject } from './obtain.ts'
import type { Ask, Found } from './obtain.ts'
import type { Plan } from './plan.ts'

/**
 * What came of a question. Whoever wants the bytes on their way follows or claims them in the very
 * turn of the event loop in which they are handed over; after it they are let go.
 */
export type Taken =
  | {
      readonly kind: 'stored'
      readonly stored: StoredHead
      /** A 304 renewed it: its bytes are those already held. */
      readonly isFreshened: boolean
      /** For the next request too. */
      readonly isKept: boolean
      readonly askedAt: number
      /** Another node had it: nobody was asked here. */
      readonly isElsewhere?: true
    }
  | {
      readonly kind: 'unstored'
      /** The next answer is not going to be storable either. */
      readonly isLasting: boolean
      /** The answer, for the one who asks first. */
      claim(): Found | undefined
    }

export interface IntakeOptions {
  readonly cache: RouteCache
  readonly policy: CachePolicy
  /** Whoever is answered has shown a token or a signature: what they send is no reason to keep nothing. */
  readonly checksTokens: boolean
  /** Tags of an object, by which it can be purged. */
  readonly tagsOf: (head: ObjectHead, key: string) => readonly string[]
  readonly random: () => number
  readonly askFor: (signal: CancelSignal | undefined, trail: Trail) => Ask
}

export interface Intake {
  readonly question: ObjectQuestion
  readonly plan: Plan
  /** Of the request that it is asked for. */
  readonly headers: IncomingHttpHeaders
  /** The stale head that the question is about. */
  readonly held?: StoredHead
}

interface Reception extends Intake {
  readonly requestedAt: number
  readonly receivedAt: number
  readonly isHead: boolean
}

export class ObjectIntake {
  readonly #options: IntakeOptions

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  async take(intake: Intake, ask: Ask): Promise<Taken> {
    const { plan, held } = intake
    const { cache } = this.#options
    const requestedAt = now()
    const { answer, isHead } = await answerTo(intake.question, held, ask)
    const reception = { ...intake, requestedAt, receivedAt: now(), isHead }
    if (answer.kind === 'not-modified' && held !== undefined) {
      return this.#takeFreshened(held, answer.head, reception)
    }
    if (answer.kind === 'not-found') {
      return this.#takeAbsence(answer.caching ?? NO_CACHING, reception)
    }
    // What may not be read any more is not read from here either.
    if (answer.kind === 'forbidden') cache.forget(plan, held)
    return this.#takeObject(requireObject(answer), reception)
  }

  /** For the holes of a stored object: bytes of that version, or none. */
  fetcherOf(plan: Plan, stored: StoredHead, trail: Trail): FetchRange {
    const { head } = stored
    return async (first, last, signal) => {
      if (isToldApart(head)) {
        const { key, versionId } = plan
        const ifMatch = strongTag(head)
        const range = { kind: 'bounded', first, last } as const
        const ask = this.#options.askFor(signal, trail)
        const answer = await ask({ method: 'GET', key, versionId, range, ifMatch })
        if (answer.kind === 'object') {
          if (isSameVersion(answer.head, head)) return answer.body(first, last)
          answer.discard()
        }
      }
      this.#options.cache.forget(plan, stored)
      throw new ObjectChanged()
    }
  }

  /** What answers that say nothing of caching would become: an object, and the word that there is none. */
  foresee(headers: IncomingHttpHeaders): Readonly<Record<'object' | 'absence', StoreDecision>> {
    const at = { headers, requestedAt: now(), receivedAt: now() }
    return { object: this.#decide(200, NO_HEAD, at, 0), absence: this.#decide(404, NO_HEAD, at, 0) }
  }

  #takeFreshened(held: StoredHead, news: ObjectHead, reception: Reception): Taken {
    const { cache, tagsOf } = this.#options
    const { plan, requestedAt: askedAt } = reception
    const head = mergeHeads(held.head, news)
    const decision = this.#decide(200, head, reception)
    if (decision.kind === 'no') {
      // It may be served this once, to those who asked, and not kept any longer.
      cache.forget(plan, held)
      return {
        kind: 'stored',
        stored: { ...held, head },
        isFreshened: true,
        isKept: false,
        askedAt,
      }
    }
    const stored = { ...held, ...decision.terms, head, tags: tagsOf(head, plan.key) }
    const isKept = cache.keep(plan, stored, askedAt)
    return { kind: 'stored', stored, isFreshened: true, isKept, askedAt }
  }

  #takeAbsence(caching: ObjectHead['caching'], reception: Reception): Taken {
    const { cache } = this.#options
    const { plan, held, requestedAt: askedAt } = reception
    const head = { ...NO_HEAD, caching }
    const decision = this.#decide(404, head, reception)
    cache.forget(plan, held)
    if (decision.kind === 'no') throw new Refusal('not_found')
    const stored: StoredHead = {
      ...decision.terms,
      outcome: 'absent',
      head,
      bytesName: '',
      tags: [],
    }
    const isKept = cache.keep(plan, stored, askedAt)
    return { kind: 'stored', stored, isFreshened: false, isKept, askedAt }
  }

  #takeObject(delivered: Delivered, reception: Reception): Taken {
    const { cache, tagsOf } = this.#options
    const { plan, held, isHead, requestedAt: askedAt } = reception
    const decision = this.#decide(200, delivered.head, reception)
    if (decision.kind === 'no') {
      const isOfRequest = OF_THE_REQUEST.has(decision.reason)
      if (!isOfRequest) cache.forget(plan, held)
      return unstored(delivered, isHead, !isOfRequest)
    }
    const head = isHead || isWhole(delivered) ? delivered.head : withoutChecksums(delivered.head)
    if (!mayBeKept(delivered, plan, isHead)) {
      // The next may be a second old, or all of it.
      return unstored(delivered, isHead, !isHead && head.lastModified === undefined)
    }
    const stored: StoredHead = {
      ...decision.terms,
      outcome: 'object',
      head,
      bytesName: cache.nameOfBytes(plan, head, reception.receivedAt),
      tags: tagsOf(head, plan.key),
    }
    if (!isHead && head.size !== 0) return this.#takeBytes(delivered, stored, reception)
    const isKept = cache.keep(plan, stored, askedAt)
    delivered.discard()
    return { kind: 'stored', stored, isFreshened: false, isKept, askedAt }
  }

  #takeBytes(
    delivered: Delivered,
    stored: StoredHead,
    { plan, requestedAt: askedAt }: Reception,
  ): Taken {
    const { cache } = this.#options
    const { sliceBytes } = cache.settings
    const fetch = this.fetcherOf(plan, stored, createTrail())
    const slices = cache.slicesOf(plan, stored, fetch, askedAt)
    const first = Math.ceil(delivered.first / sliceBytes) * sliceBytes
    const last = delivered.last ?? slices.size - 1
    const isAdopted = slices.adopt(() => delivered.body(first, last), first, last)
    // Who finds the head elsewhere is to hear that the bytes are on their way.
    const isKept = cache.keep(plan, stored, askedAt)
    // There may be room for the next.
    if (!isAdopted) return unstored(delivered, false, false)
    return { kind: 'stored', stored, isFreshened: false, isKept, askedAt }
  }

  #decide(
    status: number,
    head: ObjectHead,
    { requestedAt, receivedAt, headers }: Pick<Reception, 'requestedAt' | 'receivedAt' | 'headers'>,
    jitter = this.#options.random(),
  ): StoreDecision {
    const { policy, checksTokens } = this.#options
    const { caching, etag, lastModified, size } = head
    const hasValidator = etag !== undefined || lastModified !== undefined
    const facts = { status, ...caching, hasValidator, size, requestedAt, receivedAt }
    const directives = parseRequestDirectives(headers['cache-control'], headers.pragma)
    const isAuthorized = !checksTokens && headers.authorization !== undefined
    return storeDecision(facts, policy, { headers, directives, isAuthorized }, jitter)
  }
}

/** Reasons that say nothing about the object, nor about the next request for it. */
const OF_THE_REQUEST: ReadonlySet<string> = new Set(['request-no-store', 'authorization'])

function isWhole({ head, first, last }: Delivered): boolean {
  return first === 0 && head.size !== undefined && last === head.size - 1
}

/** Whether later bytes can be told to be of the same version, or none are needed. */
function mayBeKept(delivered: Delivered, { method }: Plan, isHead: boolean): boolean {
  const { head } = delivered
  if (head.size === undefined) return false
  return isToldApart(head) || (isHead ? method === 'HEAD' : isWhole(delivered))
}

/** Those that come with a part may be of the part. */
function withoutChecksums(head: ObjectHead): ObjectHead {
  return head.checksums.length === 0 ? head : { ...head, checksums: [] }
}

function unstored(delivered: Delivered, isHead: boolean, isLasting: boolean): Taken {
  let left: Found | undefined = foundOf(delivered, isHead)
  const claim = (): Found | undefined => {
    const claimed = left
    left = undefined
    return claimed
  }
  setImmediate(() => claim()?.delivered?.discard())
  return { kind: 'unstored', isLasting, claim }
}

function foundOf(delivered: Delivered, isHead: boolean): Found {
  const { head, first, last } = delivered
  if (!isHead) return { head, first, last, delivered }
  delivered.discard()
  return { head, first, last, delivered: undefined }
}

const NO_HEAD: ObjectHead = { ...BARE_HEAD, size: 0 }
