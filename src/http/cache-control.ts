// Cache-Control (RFC 9111 §5.2), of an answer and of a request. Of a directive given twice the first
// counts (§4.2.1); an unknown one is ignored (§5.2.3).

import { parseDeltaSeconds } from './delta-seconds.ts'
import { splitList } from './list.ts'

export interface ResponseDirectives {
  /** Whether anything was said at all. */
  readonly isPresent: boolean
  readonly maxAgeS: number | undefined
  readonly sMaxAgeS: number | undefined
  readonly noStore: boolean
  /** With a list of fields too: one of them at least must not be used unasked, so nothing is. */
  readonly noCache: boolean
  /** With a list of fields too: the rest could be kept, but what is private is not ours to sort. */
  readonly isPrivate: boolean
  readonly isPublic: boolean
  readonly mustRevalidate: boolean
  readonly proxyRevalidate: boolean
  readonly mustUnderstand: boolean
  readonly immutable: boolean
  /** RFC 5861 §3. */
  readonly staleWhileRevalidateS: number | undefined
  /** RFC 5861 §4. */
  readonly staleIfErrorS: number | undefined
}

export interface RequestDirectives {
  readonly noStore: boolean
  readonly noCache: boolean
  readonly onlyIfCached: boolean
  readonly maxAgeS: number | undefined
  readonly minFreshS: number | undefined
  /** 'any': however stale. */
  readonly maxStaleS: number | 'any' | undefined
  readonly staleIfErrorS: number | undefined
}

export const NO_RESPONSE_DIRECTIVES: ResponseDirectives = {
  isPresent: false,
  maxAgeS: undefined,
  sMaxAgeS: undefined,
  noStore: false,
  noCache: false,
  isPrivate: false,
  isPublic: false,
  mustRevalidate: false,
  proxyRevalidate: false,
  mustUnderstand: false,
  immutable: false,
  staleWhileRevalidateS: undefined,
  staleIfErrorS: undefined,
}

export const NO_REQUEST_DIRECTIVES: RequestDirectives = {
  noStore: false,
  noCache: false,
  onlyIfCached: false,
  maxAgeS: undefined,
  minFreshS: undefined,
  maxStaleS: undefined,
  staleIfErrorS: undefined,
}

/** Several field lines are one text, joined by commas. */
export function parseResponseDirectives(header: string | undefined): ResponseDirectives {
  if (header === undefined) return NO_RESPONSE_DIRECTIVES
  const directives = readDirectives(header)
  if (directives.size === 0) return NO_RESPONSE_DIRECTIVES
  return {
    isPresent: true,
    maxAgeS: grantedSeconds(directives, 'max-age'),
    sMaxAgeS: grantedSeconds(directives, 's-maxage'),
    noStore: directives.has('no-store'),
    noCache: directives.has('no-cache'),
    isPrivate: directives.has('private'),
    isPublic: directives.has('public'),
    mustRevalidate: directives.has('must-revalidate'),
    proxyRevalidate: directives.has('proxy-revalidate'),
    mustUnderstand: directives.has('must-understand'),
    immutable: directives.has('immutable'),
    staleWhileRevalidateS: grantedSeconds(directives, 'stale-while-revalidate'),
    staleIfErrorS: grantedSeconds(directives, 'stale-if-error'),
  }
}

/** Pragma speaks only where Cache-Control is silent (RFC 9111 §5.4). */
export function parseRequestDirectives(
  cacheControl: string | undefined,
  pragma: string | undefined,
): RequestDirectives {
  if (cacheControl === undefined && pragma === undefined) return NO_REQUEST_DIRECTIVES
  if (cacheControl === undefined) {
    const noCache = readDirectives(pragma ?? '').has('no-cache')
    return { ...NO_REQUEST_DIRECTIVES, noCache }
  }
  const directives = readDirectives(cacheControl)
  return {
    noStore: directives.has('no-store'),
    noCache: directives.has('no-cache'),
    onlyIfCached: directives.has('only-if-cached'),
    maxAgeS: askedSeconds(directives, 'max-age'),
    minFreshS: askedSeconds(directives, 'min-fresh'),
    maxStaleS: maxStale(directives),
    staleIfErrorS: askedSeconds(directives, 'stale-if-error'),
  }
}

/** Lower-case name to what follows it: '' or an argument with its '='. */
type Directives = ReadonlyMap<string, string>

function readDirectives(header: string): Directives {
  const directives = new Map<string, string>()
  for (const member of splitList(header)) {
    // A flag with something after it is still meant; a number with space before its '=' is not read.
    const [name = ''] = /^[^=\s]*/.exec(member) ?? []
    const lowerName = name.toLowerCase()
    if (!directives.has(lowerName)) directives.set(lowerName, member.slice(name.length))
  }
  return directives
}

/** What cannot be read grants nothing (RFC 9111 §4.2.1: consider it stale). */
function grantedSeconds(directives: Directives, name: string): number | undefined {
  const rest = directives.get(name)
  return rest === undefined ? undefined : (secondsOf(rest) ?? 0)
}

/** What cannot be read was not asked. */
function askedSeconds(directives: Directives, name: string): number | undefined {
  return secondsOf(directives.get(name) ?? '')
}

function maxStale(directives: Directives): number | 'any' | undefined {
  return directives.get('max-stale') === '' ? 'any' : askedSeconds(directives, 'max-stale')
}

/** A token or a quoted string (RFC 9111 §5.2: recipients ought to take both). */
function secondsOf(rest: string): number | undefined {
  const argument = rest.startsWith('=') ? rest.slice(1) : ''
  const isQuoted = argument.length > 1 && argument.startsWith('"') && argument.endsWith('"')
  return parseDeltaSeconds(isQuoted ? argument.slice(1, -1) : argument)
}
