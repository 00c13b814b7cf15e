// The request target (RFC 9112 §3.2) read once, into the path everything after decides by. What
// passes here holds no dot segment and no NUL, in any spelling, so no later step has to look again.

import { parseHost } from './host.ts'
import { decodePercent } from './percent.ts'

export type RequestTarget =
  | {
      readonly kind: 'path'
      /** Decoded, beginning with '/'. */
      readonly path: string
      /** Raw, without its '?'; '' when there is none. */
      readonly query: string
      /** Of an absolute-form target. */
      readonly authority: string | undefined
    }
  | { readonly kind: 'asterisk' }
  | { readonly kind: 'invalid'; readonly reason: string }

const PERCENT = 0x25
const SLASH = 0x2f
const DOT = 0x2e
const QUESTION = 0x3f
const HASH = 0x23
const DELETE = 0x7f

/** `target` is node's `req.url`: latin1, one character a byte. */
export function parseTarget(target: string): RequestTarget {
  if (target.charCodeAt(0) === SLASH) return parsePathAndQuery(target, 0, undefined)
  if (target === '*') return { kind: 'asterisk' }
  const start = authorityStart(target)
  return start === -1 ? invalid('not an absolute path') : parseAbsolute(target, start)
}

function parseAbsolute(target: string, start: number): RequestTarget {
  let end = start
  while (end < target.length && !endsAuthority(target.charCodeAt(end))) end++
  const authority = target.slice(start, end)
  // parseHost has no room for userinfo, which RFC 9110 §4.2.4 tells recipients to treat as an error.
  if (parseHost(authority) === undefined) return invalid('invalid authority')
  return parsePathAndQuery(target, end, authority)
}

function parsePathAndQuery(
  target: string,
  start: number,
  authority: string | undefined,
): RequestTarget {
  let end = -1
  let isPlain = true
  for (let index = start; index < target.length; index++) {
    const code = target.charCodeAt(index)
    // What nearly every character is, told by one comparison each way.
    if (code > PERCENT && code < DELETE && code !== QUESTION) continue
    if (code <= 0x20 || code === DELETE || code === HASH) return invalid('illegal character')
    if (end !== -1) continue
    if (code === QUESTION) end = index
    else if (code === PERCENT || code > DELETE) isPlain = false
  }

  const raw = target.slice(start, end === -1 ? target.length : end)
  const path = isPlain ? raw : decodePercent(raw)
  if (path === undefined) return invalid('malformed escape or text that is not UTF-8')
  if (!isPlain && path.includes('\0')) return invalid('NUL in the path')
  if (hasDotSegment(path)) return invalid('dot segment in the path')
  const query = end === -1 ? '' : target.slice(end + 1)
  return { kind: 'path', path: path === '' ? '/' : path, query, authority }
}

/** What no path of a request can hold. */
export function isDotSegment(segment: string): boolean {
  return segment === '.' || segment === '..'
}

function hasDotSegment(path: string): boolean {
  let index = path.indexOf('/.')
  while (index !== -1) {
    const afterDot = index + 2
    const afterDots = path.charCodeAt(afterDot) === DOT ? afterDot + 1 : afterDot
    if (afterDots === path.length || path.charCodeAt(afterDots) === SLASH) return true
    index = path.indexOf('/.', afterDot)
  }
  return false
}

/** Where the authority of an http or https target begins, or -1. */
function authorityStart(target: string): number {
  const scheme = target.slice(0, 8).toLowerCase()
  if (scheme.startsWith('http://')) return 7
  return scheme === 'https://' ? 8 : -1
}

function endsAuthority(code: number): boolean {
  return code === SLASH || code === QUESTION || code === HASH
}

function invalid(reason: string): RequestTarget {
  return { kind: 'invalid', reason }
}
