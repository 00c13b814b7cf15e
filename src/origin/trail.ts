// What the origin did for one exchange, written down as it happens and still growing while the
// body streams: the log line reads it when the exchange has ended.

import type { TryFact } from '../exchange/exchange.ts'
import type { FailureKind } from './failure.ts'
import type { ObjectAnswer } from './question.ts'

export interface FailedAttempt {
  readonly replica: string
  readonly kind: FailureKind
  /** Before the client had a byte of this body, or in the middle of it. */
  readonly phase: 'head' | 'body'
  /** S3's code, or Node's. */
  readonly code: string | undefined
}

export interface Trail {
  attempts: number
  /** The replica that answered last. */
  replica: string | undefined
  readonly failed: FailedAttempt[]
  /** The first of them. */
  tries: Try[] | undefined
}

export type Try = { -readonly [Field in keyof TryFact]: TryFact[Field] }

/** A body of many pieces takes many attempts. */
const MOST_TRIES = 32

export function createTrail(): Trail {
  return { attempts: 0, replica: undefined, failed: [], tries: undefined }
}

/** Written down as far as there is room. */
export function beginTry(
  trail: Trail,
  {
    replica,
    phase,
    isHedge,
    startedAt,
  }: Pick<TryFact, 'replica' | 'phase' | 'isHedge' | 'startedAt'>,
): Try {
  const begun: Try = {
    replica,
    phase,
    isHedge,
    startedAt,
    endedAt: undefined,
    outcome: undefined,
    isFailure: false,
    status: undefined,
  }
  trail.tries ??= []
  if (trail.tries.length < MOST_TRIES) trail.tries.push(begun)
  return begun
}

const STATUSES = {
  'not-modified': 304,
  invalid: 400,
  forbidden: 403,
  'not-found': 404,
  changed: 412,
  unsatisfiable: 416,
} as const

/** That S3 answered with. */
export function statusOf(answer: ObjectAnswer): number | undefined {
  return answer.kind === 'object' ? answer.status : STATUSES[answer.kind]
}
