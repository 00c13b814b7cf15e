// What is asked of S3 and what it may answer, free of HTTP: the vocabulary between the replicas and
// the endpoint that speaks to S3.

import type { StreamBody } from '../exchange/body.ts'
import type { RangeSpec } from '../http/range.ts'
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
}

export type FoundObject = ObjectFacts & { readonly kind: 'object'; readonly body: StreamBody }

/** What S3 may say that is an answer and not a failure. */
export type ObjectAnswer =
  | FoundObject
  | { readonly kind: 'not-found' | 'forbidden' | 'changed' | 'invalid' }
  | { readonly kind: 'unsatisfiable'; readonly size: number | undefined }

export interface AskLimits {
  /** To the first byte of the answer. */
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}
