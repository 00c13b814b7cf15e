// Preconditions (RFC 9110 §13), answered from the validators we know: an S3 server is not asked,
// since several of them understand neither lists, nor weak tags, nor If-Range.

import type { IncomingHttpHeaders } from 'node:http'

import { parseHttpDate } from './date.ts'
import { matchesStrong, matchesWeak, parseEntityTags } from './etag.ts'

export interface Conditions {
  readonly ifMatch: string | undefined
  readonly ifNoneMatch: string | undefined
  readonly ifModifiedSince: string | undefined
  readonly ifUnmodifiedSince: string | undefined
  readonly ifRange: string | undefined
}

/** The raw ETag and Last-Modified of the selected representation. */
export interface Validators {
  readonly etag: string | undefined
  readonly lastModified: string | undefined
}

export type ConditionOutcome = 'proceed' | 'not-modified' | 'failed'

export function readConditions(headers: IncomingHttpHeaders): Conditions {
  const ifRange = headers['if-range']
  return {
    ifMatch: headers['if-match'],
    ifNoneMatch: headers['if-none-match'],
    ifModifiedSince: headers['if-modified-since'],
    ifUnmodifiedSince: headers['if-unmodified-since'],
    ifRange: Array.isArray(ifRange) ? ifRange.join(', ') : ifRange,
  }
}

/** If-Range is none: it chooses between two good answers and refuses nothing. */
export function hasPreconditions(conditions: Conditions): boolean {
  return (
    conditions.ifNoneMatch !== undefined ||
    conditions.ifModifiedSince !== undefined ||
    conditions.ifMatch !== undefined ||
    conditions.ifUnmodifiedSince !== undefined
  )
}

/** For GET and HEAD of a representation that exists, in the order of RFC 9110 §13.2.2. */
export function evaluateConditions(
  conditions: Conditions,
  validators: Validators,
): ConditionOutcome {
  const { ifMatch, ifUnmodifiedSince, ifNoneMatch, ifModifiedSince } = conditions

  if (ifMatch !== undefined) {
    if (!anyTag(ifMatch, validators.etag, matchesStrong)) return 'failed'
  } else if (isNewer(validators.lastModified, ifUnmodifiedSince) === true) {
    return 'failed'
  }

  if (ifNoneMatch !== undefined) {
    return anyTag(ifNoneMatch, validators.etag, matchesWeak) ? 'not-modified' : 'proceed'
  }
  return isNewer(validators.lastModified, ifModifiedSince) === false ? 'not-modified' : 'proceed'
}

/**
 * Whether a Range beside this If-Range may be answered with parts (RFC 9110 §13.1.5). A date that is
 * the very one is believed, as S3 and others do, whenever the client had it.
 */
export function ifRangeHolds(ifRange: string | undefined, validators: Validators): boolean {
  if (ifRange === undefined) return true
  const date = parseHttpDate(ifRange)
  if (date !== undefined) return date === parseOptionalDate(validators.lastModified)
  return validators.etag !== undefined && matchesStrong(ifRange, validators.etag)
}

function anyTag(
  header: string,
  etag: string | undefined,
  matches: (a: string, b: string) => boolean,
): boolean {
  const tags = parseEntityTags(header)
  if (tags === '*') return true
  if (etag === undefined) return false
  for (const tag of tags) if (matches(tag, etag)) return true
  return false
}

/** `undefined` when either date is missing or invalid: such a condition is ignored (§13.1.3, §13.1.4). */
function isNewer(lastModified: string | undefined, since: string | undefined): boolean | undefined {
  if (since === undefined) return undefined
  const sinceAt = parseHttpDate(since)
  // Clients mostly send back the very text they were given.
  const modifiedAt = since === lastModified ? sinceAt : parseOptionalDate(lastModified)
  return sinceAt === undefined || modifiedAt === undefined ? undefined : modifiedAt > sinceAt
}

function parseOptionalDate(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseHttpDate(text)
}
