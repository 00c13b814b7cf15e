// What the origin is asked first about an object of which nothing, or only a stale head, is held:
// whole slices around what is wanted, so that what comes can be kept.

import type { StoredHead } from '../cache/cache.ts'
import { isToldApart } from '../exchange/version.ts'
import type { RangeSpec } from '../http/range.ts'
import type { ObjectQuestion } from '../origin/origin.ts'
import type { Plan } from './plan.ts'

export interface SliceGrid {
  readonly sliceBytes: number
  /** The most to ask for; Infinity where it is to pass by, not to be kept. */
  readonly spanSlices: number
}

export function firstQuestion(plan: Plan, grid: SliceGrid): ObjectQuestion {
  const { key, versionId } = plan
  const range = isHeadFirst(plan, grid) ? undefined : alignedRange(plan, grid)
  return range === undefined
    ? { method: 'HEAD', key, versionId }
    : { method: 'GET', key, versionId, range }
}

/** The same, for an answer only if it has changed (RFC 9111 §4.3.1). */
export function renewingQuestion(stored: StoredHead, plan: Plan, grid: SliceGrid): ObjectQuestion {
  const question = firstQuestion(plan, grid)
  if (stored.outcome === 'absent') return question
  const { etag, lastModified } = stored.head
  // The answer to a date that two versions may have says nothing.
  if (lastModified !== undefined && !isToldApart(stored.head)) return question
  if (etag !== undefined) return { ...question, ifNoneMatch: etag }
  return lastModified === undefined ? question : { ...question, ifModifiedSince: lastModified }
}

/** The head alone is the whole answer, or is needed to know which bytes are meant. */
function isHeadFirst({ method, isRevalidation, ranges }: Plan, { spanSlices }: SliceGrid): boolean {
  if (method === 'HEAD') return true
  // What cannot be kept is not worth its bytes where the client may well have them.
  if (isRevalidation && spanSlices === Infinity) return true
  return ranges !== undefined && (ranges.length > 1 || ranges[0]?.kind === 'suffix')
}

/**
 * Of an object that the client may have, one slice: if so, nobody is going to read more of it, and if
 * not, most objects are no longer.
 */
function alignedRange({ ranges, isRevalidation }: Plan, grid: SliceGrid): RangeSpec {
  const { sliceBytes } = grid
  const spanSlices = isRevalidation ? 1 : grid.spanSlices
  const spec = ranges?.[0]
  const wantedFirst = spec === undefined || spec.kind === 'suffix' ? 0 : spec.first
  const firstSlice = Math.floor(wantedFirst / sliceBytes)
  const wantedSlices =
    spec?.kind === 'bounded' ? Math.floor(spec.last / sliceBytes) - firstSlice + 1 : spanSlices
  const slices = Math.min(wantedSlices, spanSlices)
  const first = firstSlice * sliceBytes
  if (slices === Infinity) return { kind: 'open', first }
  return { kind: 'bounded', first, last: first + slices * sliceBytes - 1 }
}
