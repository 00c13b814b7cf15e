// Ranges of bytes (RFC 9110 §14): what a client asked, and what of it a representation of a known
// size can give. How many bytes that costs, and from where they come, is not known here.

import { trimOws } from './ows.ts'

/** Inclusive at both ends. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

export type RangeSpec =
  | { readonly kind: 'bounded'; readonly first: number; readonly last: number }
  | { readonly kind: 'open'; readonly first: number }
  | { readonly kind: 'suffix'; readonly length: number }

export type Selection =
  | { readonly kind: 'whole' }
  | { readonly kind: 'unsatisfiable' }
  | { readonly kind: 'parts'; readonly parts: readonly ByteRange[] }

/** More parts than this cost more in framing and seeking than they save (RFC 9110 §14.2, §17.15). */
const MAX_PARTS = 16
const UNIT = 'bytes='
const CONTENT_RANGE = /^[ \t]*bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)[ \t]*$/i

/**
 * `undefined` means the field is to be ignored: absent, another unit, malformed, or a range that ends
 * before it begins, which makes the whole specifier invalid (RFC 9110 §14.1.1).
 */
export function parseRange(header: string | undefined): readonly RangeSpec[] | undefined {
  if (header === undefined) return undefined
  const value = trimOws(header)
  if (value.slice(0, UNIT.length).toLowerCase() !== UNIT) return undefined

  const specs: RangeSpec[] = []
  for (const element of value.slice(UNIT.length).split(',')) {
    const text = trimOws(element)
    if (text === '') continue
    const spec = parseSpec(text)
    if (spec === undefined) return undefined
    specs.push(spec)
  }
  return specs.length === 0 ? undefined : specs
}

function parseSpec(text: string): RangeSpec | undefined {
  const dash = text.indexOf('-')
  if (dash === -1) return undefined
  const left = parseDigits(text, 0, dash)
  const right = parseDigits(text, dash + 1, text.length)
  if (left === undefined || right === undefined) return undefined

  if (left === 'none') return right === 'none' ? undefined : { kind: 'suffix', length: right }
  if (right === 'none') return { kind: 'open', first: left }
  return left > right ? undefined : { kind: 'bounded', first: left, last: right }
}

/** `'none'` for no digits at all, `undefined` for anything but digits. */
function parseDigits(text: string, start: number, end: number): number | 'none' | undefined {
  let value = 0
  for (let index = start; index < end; index++) {
    const digit = text.charCodeAt(index) - 0x30
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return start === end ? 'none' : Math.min(value, Number.MAX_SAFE_INTEGER)
}

/**
 * The parts of `size` bytes that answer the specs: clamped, the unsatisfiable ones left out, the
 * overlapping ones merged, in the order they were first asked for. Too many parts become the whole.
 */
export function selectRanges(specs: readonly RangeSpec[] | undefined, size: number): Selection {
  if (specs === undefined) return { kind: 'whole' }
  // A suffix of an empty representation is satisfiable (RFC 9110 §14.1.2) but no part can say so.
  if (size === 0) return { kind: specs.some(isSuffix) ? 'whole' : 'unsatisfiable' }

  const ranges: ByteRange[] = []
  for (const spec of specs) {
    const range = clamp(spec, size)
    if (range !== undefined) ranges.push(range)
  }
  if (ranges.length === 0) return { kind: 'unsatisfiable' }

  const parts = ranges.length === 1 ? ranges : mergeOverlapping(ranges)
  return parts.length > MAX_PARTS ? { kind: 'whole' } : { kind: 'parts', parts }
}

function isSuffix(spec: RangeSpec): boolean {
  return spec.kind === 'suffix' && spec.length > 0
}

function clamp(spec: RangeSpec, size: number): ByteRange | undefined {
  if (spec.kind === 'suffix') {
    return spec.length === 0
      ? undefined
      : { first: Math.max(0, size - spec.length), last: size - 1 }
  }
  if (spec.first >= size) return undefined
  const last = spec.kind === 'open' ? size - 1 : Math.min(spec.last, size - 1)
  return { first: spec.first, last }
}

interface Group {
  readonly first: number
  last: number
  askedAs: number
}

// Adjacent ranges stay two: the client that asked for them so expects two parts.
function mergeOverlapping(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const byFirst = ranges.map(({ first, last }, askedAs): Group => ({ first, last, askedAs }))
  byFirst.sort((a, b) => a.first - b.first)

  const groups: Group[] = []
  let current: Group | undefined
  for (const next of byFirst) {
    if (current !== undefined && next.first <= current.last) {
      current.last = Math.max(current.last, next.last)
      current.askedAs = Math.min(current.askedAs, next.askedAs)
    } else {
      current = next
      groups.push(next)
    }
  }
  groups.sort((a, b) => a.askedAs - b.askedAs)
  return groups.map(({ first, last }) => ({ first, last }))
}

export function formatRange(spec: RangeSpec): string {
  if (spec.kind === 'suffix') return `bytes=-${spec.length}`
  return spec.kind === 'open' ? `bytes=${spec.first}-` : `bytes=${spec.first}-${spec.last}`
}

export type ContentRange =
  | { readonly first: number; readonly last: number; readonly size: number | undefined }
  | { readonly unsatisfiedSize: number }

/** `undefined` also for numbers we cannot hold exactly: a clamped one would claim other bytes. */
export function parseContentRange(header: string | undefined): ContentRange | undefined {
  const match = header === undefined ? null : CONTENT_RANGE.exec(header)
  if (match === null) return undefined
  const [, first, last, total] = match
  const size = total === '*' ? undefined : Number(total)
  if (size !== undefined && !Number.isSafeInteger(size)) return undefined
  if (first === undefined) return size === undefined ? undefined : { unsatisfiedSize: size }

  const range = { first: Number(first), last: Number(last), size }
  return isContentRange(range) ? range : undefined
}

function isContentRange(range: ByteRange & { readonly size: number | undefined }): boolean {
  if (!Number.isSafeInteger(range.last) || range.first > range.last) return false
  return range.size === undefined || range.last < range.size
}

export function formatContentRange(range: ByteRange, size: number): string {
  return `bytes ${range.first}-${range.last}/${size}`
}

/** The Content-Range of a 416 (RFC 9110 §15.5.17). */
export function formatUnsatisfied(size: number): string {
  return `bytes */${size}`
}
