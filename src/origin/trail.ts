// What the origin did for one exchange, written down as it happens and still growing while the
// body streams: the log line reads it when the exchange has ended.

import type { FailureKind } from './failure.ts'

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
}

export function createTrail(): Trail {
  return { attempts: 0, replica: undefined, failed: [] }
}
