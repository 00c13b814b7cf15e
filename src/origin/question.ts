// What is asked of S3 and what it may answer, free of HTTP: the vocabulary between the replicas and
// the endpoint that speaks to S3.

import type { CancelSignal } from '../primitives/cancel.ts'
import type { StreamBody } from '../exchange/body.ts'
import type { RangeSpec } from '../http/range.ts'
import type { CachingFields, ObjectHead } from '../exchange/object-head.ts'
import type { ListQuestion } from './listing.ts'
import type { ObjectFacts } from './object-answer.ts'

export interface ObjectQuestion {
  readonly method: 'GET' | 'HEAD'
  /** Without the replica's prefix; empty for the bucket itself. */
  readonly key: string
  readonly versionId?: string | undefined
  readonly partNumber?: string | undefined
  readonly range?: RangeSpec | undefined
  /** Only this version will do. */
  readonly ifMatch?: string | undefined
  /** This version is held: only another need be sent. */
  readonly ifNoneMatch?: string | undefined
  readonly ifModifiedSince?: string | undefined
  /** Of the bucket itself: what it holds, and not what it is. */
  readonly listing?: ListQuestion | undefined
}

export type FoundObject = ObjectFacts & {
  readonly kind: 'object'
  readonly body: StreamBody
  readonly status?: number
  /** The end of the body is told by the body itself, so that a connection that closes is none. */
  readonly isChunked?: boolean
}

/** What S3 may say that is an answer and not a failure. */
export type ObjectAnswer =
  | FoundObject
  | { readonly kind: 'forbidden' | 'changed' | 'invalid' }
  /** With what the answer tells a cache, where it came from an answer. */
  | { readonly kind: 'not-found'; readonly caching?: CachingFields }
  | { readonly kind: 'unsatisfiable'; readonly size: number | undefined }
  /** With the fields a 304 brings, which may be none at all. */
  | { readonly kind: 'not-modified'; readonly head: ObjectHead }

export interface AskLimits {
  /** To the first byte of the answer. */
  readonly timeoutMs: number
  readonly signal: CancelSignal | undefined
}
