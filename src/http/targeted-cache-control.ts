// CDN-Cache-Control (RFC 9213): Cache-Control for caches like this one alone. It has the words of
// Cache-Control but is read as a Structured Field, strictly.

import { NO_RESPONSE_DIRECTIVES } from './cache-control.ts'
import type { ResponseDirectives } from './cache-control.ts'
import { parseDeltaSeconds } from './delta-seconds.ts'
import { parseStructuredDictionary } from './structured-dictionary.ts'
import type { StructuredValue } from './structured-dictionary.ts'

const SECONDS = ['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error']
const FLAGS = ['no-store', 'public', 'must-revalidate', 'proxy-revalidate', 'must-understand']
/** Flags that may carry a list of field names. */
const LISTS = ['no-cache', 'private']

type Members = ReadonlyMap<string, StructuredValue>

/**
 * Undefined where the field is absent, empty or wrong, and then Cache-Control and Expires count; a
 * field that holds replaces both whole (RFC 9213 §2.2).
 */
export function parseTargetedDirectives(
  header: string | undefined,
): ResponseDirectives | undefined {
  const members = header === undefined ? undefined : parseStructuredDictionary(header)
  if (members === undefined || members.size === 0 || !isWellTyped(members)) return undefined
  return {
    ...NO_RESPONSE_DIRECTIVES,
    isPresent: true,
    maxAgeS: seconds(members, 'max-age'),
    sMaxAgeS: seconds(members, 's-maxage'),
    noStore: members.has('no-store'),
    noCache: members.has('no-cache'),
    isPrivate: members.has('private'),
    isPublic: members.has('public'),
    mustRevalidate: members.has('must-revalidate'),
    proxyRevalidate: members.has('proxy-revalidate'),
    mustUnderstand: members.has('must-understand'),
    immutable: members.has('immutable'),
    staleWhileRevalidateS: seconds(members, 'stale-while-revalidate'),
    staleIfErrorS: seconds(members, 'stale-if-error'),
  }
}

// RFC 9213 §2.1 forbids to make sense of a value of the wrong type. Dropping that member alone would
// leave a policy that nobody wrote, so the field is dropped.
function isWellTyped(members: Members): boolean {
  for (const [name, value] of members) {
    if (SECONDS.includes(name) && value.type !== 'integer') return false
    if (FLAGS.includes(name) && !isTrue(value)) return false
    if (LISTS.includes(name) && !isTrue(value) && value.type !== 'string') return false
  }
  return true
}

function isTrue(value: StructuredValue): boolean {
  return value.type === 'boolean' && value.value
}

function seconds(members: Members, name: string): number | undefined {
  const value = members.get(name)
  return value?.type === 'integer' ? (parseDeltaSeconds(String(value.value)) ?? 0) : undefined
}
