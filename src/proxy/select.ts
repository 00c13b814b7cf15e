// Which answer the conditions and ranges of a request get, given what is known of the object.
// S3 servers are not asked: they know neither lists nor weak tags, and some ignore If-Range.

import type { ObjectHead } from '../exchange/object-head.ts'
import { evaluateConditions, ifRangeHolds } from '../http/conditional.ts'
import { selectRanges } from '../http/range.ts'
import type { ByteRange } from '../http/range.ts'
import type { Plan } from './plan.ts'

export type Selected =
  | { readonly kind: 'not-modified' }
  | { readonly kind: 'precondition-failed' }
  | { readonly kind: 'unsatisfiable'; readonly size: number }
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly range: ByteRange; readonly size: number }
  | { readonly kind: 'parts'; readonly ranges: readonly ByteRange[]; readonly size: number }

const WHOLE: Selected = { kind: 'whole' }

/** What the origin sent of the object: it chooses the bytes of a numbered part. */
export interface SentBytes {
  readonly first: number
  readonly last: number | undefined
}

export function select(plan: Plan, head: ObjectHead, sent: SentBytes): Selected {
  // RFC 9110 §13.2.1: conditions are for answers that would be good ones without them.
  if (head.redirectLocation !== undefined) {
    return { kind: 'redirect', location: head.redirectLocation }
  }
  switch (evaluateConditions(plan.conditions, head)) {
    case 'failed':
      return { kind: 'precondition-failed' }
    case 'not-modified':
      return { kind: 'not-modified' }
    case 'proceed':
      return plan.partNumber === undefined
        ? selectBytes(plan, head)
        : selectPart(plan.partNumber, head, sent)
  }
}

function selectBytes({ ranges, conditions }: Plan, head: ObjectHead): Selected {
  const { size } = head
  if (ranges === undefined || size === undefined) return WHOLE
  if (!ifRangeHolds(conditions.ifRange, head)) return WHOLE
  const selection = selectRanges(ranges, size)
  if (selection.kind === 'whole') return WHOLE
  if (selection.kind === 'unsatisfiable') return { kind: 'unsatisfiable', size }
  const [only, ...more] = selection.parts
  if (only === undefined) return WHOLE
  if (more.length === 0) return { kind: 'part', range: only, size }
  return { kind: 'parts', ranges: selection.parts, size }
}

function selectPart(
  partNumber: string,
  { size }: ObjectHead,
  { first, last }: SentBytes,
): Selected {
  if (size === undefined || size === 0 || last === undefined) return WHOLE
  // Only the first part begins at the first byte: there is no such part, or S3 knows of none.
  if (first === 0 && partNumber !== '1') return { kind: 'unsatisfiable', size }
  return { kind: 'part', range: { first, last }, size }
}
