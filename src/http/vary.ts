// Vary and the fields it names (RFC 9111 §4.1): which requests an answer may be reused for.

import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

import { isValidHeaderName } from './headers.ts'
import { splitList } from './list.ts'

/** Lower-case name, normalised value; '' where the request has no such field, or says nothing in it. */
export type Selecting = readonly (readonly [name: string, value: string])[]

/** Fields whose members mean the same in any case and order. */
const UNORDERED = new Set(['accept-language', 'accept-encoding'])
/** What is stored with an answer may reach a disk; these are credentials. */
const SECRET = new Set(['authorization', 'proxy-authorization', 'cookie'])

/** Lower case, each once, sorted. What is no field name could mean anything, and so counts as '*'. */
export function varyNames(header: string | undefined): readonly string[] | '*' {
  const names = splitList((header ?? '').toLowerCase())
  if (names.some((name) => name === '*' || !isValidHeaderName(name))) return '*'
  return [...new Set(names)].sort()
}

export function selectingValues(
  names: readonly string[],
  requestHeaders: IncomingHttpHeaders,
): Selecting {
  return names.map((name) => [name, selectingValue(name, requestHeaders)] as const)
}

export function selects(stored: Selecting, requestHeaders: IncomingHttpHeaders): boolean {
  return stored.every(([name, value]) => value === selectingValue(name, requestHeaders))
}

function selectingValue(name: string, requestHeaders: IncomingHttpHeaders): string {
  const value = requestHeaders[name]
  if (value === undefined) return ''
  const normalised = normalise(name, typeof value === 'string' ? value : value.join(','))
  return SECRET.has(name) && normalised !== ''
    ? createHash('sha256').update(normalised).digest('base64url')
    : normalised
}

/** Space around commas means nothing, nor do lines; inside quotes both are left alone. */
function normalise(name: string, value: string): string {
  if (!UNORDERED.has(name)) return splitList(value).join(',')
  return [...splitList(value.toLowerCase())].sort().join(',')
}

/** Of an answer that differs by other fields already. */
export function addVary(known: string | undefined, more: string): string {
  if (known === undefined || known === '') return more
  return known.includes('*') ? known : `${known}, ${more}`
}
