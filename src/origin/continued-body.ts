// A body that outlives its replica. When the bytes stop half way, the rest is asked from the next
// replica with Range and If-Match, and the reader sees one unbroken body. Only the same version is
// ever spliced; where nobody can go on, the reader is told that it broke.

import { Cancellation } from '../primitives/cancel.ts'
import type { Flow, Loan, Sink, StreamBody } from '../exchange/body.ts'
import { discardBody } from '../exchange/body.ts'
import { strongTag } from '../exchange/version.ts'
import { askedNobody, failureFrom, OriginFailure } from './failure.ts'
import type { Lease } from './lease.ts'
import type { FoundObject, ObjectAnswer, ObjectQuestion } from './question.ts'
import type { Replica } from './replica.ts'
import type { ReplicaSet } from './replica-set.ts'
import type { Trail } from './trail.ts'

/** Who brought fewer bytes than this before breaking is not tried again before all others. */
const PROGRESS_BYTES = 64 * 1024
/** To read away an unwanted tail costs less than a connection, up to here. */
const SPARED_TAIL_BYTES = 64 * 1024

export interface ContinuedBodyOptions {
  readonly set: Pick<ReplicaSet, 'ask'>
  readonly question: ObjectQuestion
  readonly found: FoundObject
  readonly lease: Lease
  readonly trail: Trail
  /** The bytes wanted, absolute and inclusive; `last` undefined means to the end. */
  readonly first: number
  readonly last: number | undefined
}

export class ContinuedBody implements StreamBody, Flow, Sink {
  readonly kind = 'stream'
  readonly length: number | undefined
  readonly #options: ContinuedBodyOptions
  #sink: Sink | undefined
  /** The search for another to go on with. */
  #continuing: Cancellation | undefined
  #source: StreamBody
  #flow: Flow | undefined
  #lease: Lease
  /** Absolute position of the next byte the source brings, and of the next one wanted. */
  #sourceAt: number
  /** The last byte the source is going to bring, where it said so. */
  #sourceLast: number | undefined
  #position: number
  #resumedAt: number
  /** Those that broke since there was progress, in that order; one may stand there twice. */
  #broken: Replica[] = []
  #isOver = false
  #isCutOff = false

  constructor(options: ContinuedBodyOptions) {
    const { first, last, found, lease } = options
    this.#options = options
    this.length = last === undefined ? undefined : last - first + 1
    this.#source = found.body
    this.#lease = lease
    this.#sourceAt = found.first
    this.#sourceLast = found.last
    this.#position = first
    this.#resumedAt = first
  }

  start(sink: Sink): Flow {
    this.#sink = sink
    this.#attach()
    return this
  }

  resume(): void {
    this.#flow?.resume()
  }

  stop(): void {
    if (this.#isOver) return
    this.#conclude('neutral')
    this.#continuing?.cancel()
    this.#isCutOff = true
    this.#flow?.stop()
  }

  discard(): void {
    if (this.#isOver) return
    // The head was all that a HEAD wanted; of another answer the better part stays unseen.
    this.#conclude(this.#options.question.method === 'HEAD' ? 'success' : 'neutral')
    discardBody(this.#source)
  }

  #attach(): void {
    const flow = this.#source.start(this)
    this.#flow = flow
    // The reader may have had enough while the source was only starting.
    if (this.#isCutOff) flow.stop()
  }

  get keepsNothing(): boolean {
    return this.#sink?.keepsNothing === true
  }

  /** From the source of the moment, as are `end` and `fail`. */
  write(chunk: Uint8Array, loan?: Loan): boolean {
    if (this.#isOver) {
      loan?.giveBack()
      return true
    }
    const wanted = this.#cut(chunk)
    this.#lease.replica.tally.bytes += chunk.byteLength
    this.#sourceAt += chunk.byteLength
    if (wanted.byteLength === 0) {
      loan?.giveBack()
      return true
    }
    this.#position += wanted.byteLength
    const goOn = this.#sink?.write(wanted, loan) ?? true
    if (this.#isComplete()) this.#complete()
    return goOn || this.#isOver
  }

  /** The part of a chunk that is wanted: a source that ignores Range brings more. */
  #cut(chunk: Uint8Array): Uint8Array {
    const { last } = this.#options
    const skip = Math.max(0, this.#position - this.#sourceAt)
    const keep = last === undefined ? chunk.byteLength : last + 1 - this.#sourceAt
    if (skip === 0 && keep >= chunk.byteLength) return chunk
    return chunk.subarray(
      Math.min(skip, chunk.byteLength),
      Math.max(skip, Math.min(keep, chunk.byteLength)),
    )
  }

  #isComplete(): boolean {
    const { last } = this.#options
    return last !== undefined && this.#position > last
  }

  #complete(): void {
    const { last } = this.#options
    this.#conclude('success')
    const end = this.#sourceLast
    const tail = end === undefined || last === undefined ? 0 : end - last
    // A source with much more to bring is cut off, once its own call has returned.
    if (tail > SPARED_TAIL_BYTES) {
      this.#isCutOff = true
      queueMicrotask(() => this.#flow?.stop())
    }
    this.#sink?.end()
  }

  end(): void {
    if (this.#isOver) return
    if (this.#options.last === undefined || this.#isComplete()) {
      this.#conclude('success')
      this.#sink?.end()
      return
    }
    this.#broke(new OriginFailure('truncated', 'the body ended before its length'))
  }

  fail(reason: Error): void {
    this.#broke(failureFrom(reason))
  }

  #broke(failure: OriginFailure): void {
    if (this.#isOver) return
    this.#lease.settle('failure')
    const { replica } = this.#lease
    const { kind, code } = failure
    this.#options.trail.failed.push({ replica: replica.name, kind, phase: 'body', code })
    const hasProgressed = this.#position - this.#resumedAt >= PROGRESS_BYTES
    this.#broken = hasProgressed ? [replica] : [...this.#broken, replica]
    this.#resumedAt = this.#position
    // Owned here: it ends in an attached source or in giveUp, never in a rejection.
    void this.#continue(failure)
  }

  async #continue(failure: OriginFailure): Promise<void> {
    const { set, question, found, trail, last } = this.#options
    const etag = strongTag(found.head)
    if (etag === undefined) {
      this.#giveUp(failure)
      return
    }
    const position = this.#position
    const range =
      last === undefined
        ? ({ kind: 'open', first: position } as const)
        : ({ kind: 'bounded', first: position, last } as const)
    const rest: ObjectQuestion = { ...question, partNumber: undefined, range, ifMatch: etag }
    const continuing = new Cancellation()
    this.#continuing = continuing
    try {
      const { answer, lease } = await set.ask(rest, {
        signal: continuing,
        trail,
        phase: 'body',
        broken: this.#broken,
        reject: (candidate) => unfitToContinue(candidate, etag, position),
      })
      this.#adopt(answer, lease)
    } catch (error) {
      const reason = failureFrom(error)
      // That nobody is left to ask says less than what went wrong.
      this.#giveUp(askedNobody(reason) ? failure : reason)
    }
  }

  #adopt(answer: ObjectAnswer, lease: Lease): void {
    if (answer.kind !== 'object') {
      this.#giveUp(new OriginFailure('other-version', `the rest is not to be had: ${answer.kind}`))
      return
    }
    if (this.#isOver) {
      answer.body.discard()
      lease.settle('neutral')
      return
    }
    this.#lease = lease
    this.#source = answer.body
    this.#sourceAt = answer.first
    this.#sourceLast = answer.last
    this.#attach()
  }

  #giveUp(failure: OriginFailure): void {
    if (this.#isOver) return
    this.#conclude('failure')
    this.#sink?.fail(failure)
  }

  #conclude(outcome: 'success' | 'failure' | 'neutral'): void {
    this.#isOver = true
    this.#lease.settle(outcome)
  }
}

function unfitToContinue(
  answer: ObjectAnswer,
  etag: string,
  position: number,
): OriginFailure | undefined {
  const isSame = answer.kind === 'object' && answer.head.etag === etag && answer.first <= position
  return isSame ? undefined : new OriginFailure('other-version', 'not the version that broke off')
}
