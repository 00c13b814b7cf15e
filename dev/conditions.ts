// The conditional headers of a GET or HEAD (RFC 9110 §13), and what Ceph makes of them.

import type { Quirks } from './quirks.ts'

export interface Conditions {
  readonly ifMatch: string | undefined
  readonly ifNoneMatch: string | undefined
  readonly ifModifiedSince: string | undefined
  readonly ifUnmodifiedSince: string | undefined
}

export interface Validators {
  /** With its quotes. */
  readonly etag: string
  readonly lastModified: Date
}

export type ConditionOutcome = 'proceed' | 'not-modified' | 'failed'

export function evaluateConditions(
  conditions: Conditions,
  held: Validators,
  quirks: Quirks,
): ConditionOutcome {
  if (conditions.ifMatch !== undefined) {
    if (!names(conditions.ifMatch, held.etag, quirks, 'strong')) return 'failed'
  } else if (isAfter(held.lastModified, conditions.ifUnmodifiedSince)) {
    return 'failed'
  }
  if (conditions.ifNoneMatch !== undefined) {
    return names(conditions.ifNoneMatch, held.etag, quirks, 'weak') ? 'not-modified' : 'proceed'
  }
  const isUnchanged = isAfter(held.lastModified, conditions.ifModifiedSince) === false
  return isUnchanged ? 'not-modified' : 'proceed'
}

/** Whether a Range may be honoured under this If-Range. Ceph never looks. */
export function ifRangeHolds(value: string | undefined, held: Validators, quirks: Quirks): boolean {
  if (value === undefined || quirks === 'ceph') return true
  if (value.includes('"')) return value === held.etag
  return Date.parse(value) === secondOf(held.lastModified)
}

function names(field: string, etag: string, quirks: Quirks, how: 'strong' | 'weak'): boolean {
  const bare = unquote(etag)
  if (quirks === 'ceph') return unquote(field) === bare
  if (field.trim() === '*') return true
  return field.split(',').some((item) => {
    const tag = item.trim()
    const isWeak = tag.startsWith('W/')
    if (isWeak && how === 'strong') return false
    return unquote(isWeak ? tag.slice(2) : tag) === bare
  })
}

// S3 takes an entity tag with or without its quotes.
function unquote(tag: string): string {
  return tag.trim().replace(/^"(.*)"$/, '$1')
}

/** Undefined when there is no date to compare with. */
function isAfter(lastModified: Date, date: string | undefined): boolean | undefined {
  const at = Date.parse(date ?? '')
  return Number.isNaN(at) ? undefined : secondOf(lastModified) > at
}

// HTTP dates have no fraction of a second.
function secondOf(date: Date): number {
  return Math.floor(date.getTime() / 1000) * 1000
}
