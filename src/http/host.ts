// The host of a Host field or an authority (RFC 3986 §3.2.2), in the one spelling routes compare by.

import { isIPv6 } from 'node:net'

/**
 * Lower-cased, without port and without the trailing dot of an absolute name; an IPv6 literal keeps
 * its brackets. `undefined` when absent, empty, or made of anything but names, digits and '-', '_'.
 */
export function parseHost(value: string | undefined): string | undefined {
  if (value === undefined || value === '') return undefined
  // Requests in a row mostly name the same one.
  if (value !== last.value) last = { value, host: readHost(value) }
  return last.host
}

let last: { readonly value: string; readonly host: string | undefined } = {
  value: '',
  host: undefined,
}

function readHost(value: string): string | undefined {
  const end = value.startsWith('[') ? value.indexOf(']') + 1 : nameEnd(value)
  if (end <= 0 || !isPort(value, end)) return undefined

  const host = value.slice(0, end).toLowerCase()
  if (host.startsWith('[')) return isIpLiteral(host) ? host : undefined
  const name = host.endsWith('.') ? host.slice(0, -1) : host
  return isName(name) ? name : undefined
}

function nameEnd(value: string): number {
  const colon = value.indexOf(':')
  return colon === -1 ? value.length : colon
}

// node's isIPv6 also takes a zone ('%eth0'), which means nothing on another machine.
function isIpLiteral(host: string): boolean {
  return !host.includes('%') && isIPv6(host.slice(1, -1))
}

/** Letters, digits, '-' and '_' in labels of at least one character. */
function isName(name: string): boolean {
  let labelLength = 0
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index)
    if (code === 0x2e) {
      if (labelLength === 0) return false
      labelLength = 0
    } else if (isNameCharacter(code)) {
      labelLength++
    } else {
      return false
    }
  }
  return labelLength > 0
}

function isNameCharacter(code: number): boolean {
  if (code >= 0x61 && code <= 0x7a) return true
  return (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x5f
}

/** Nothing, or ':' and digits; RFC 3986 lets the digits be missing. */
function isPort(value: string, start: number): boolean {
  if (start === value.length) return true
  if (value.charCodeAt(start) !== 0x3a) return false
  for (let index = start + 1; index < value.length; index++) {
    const code = value.charCodeAt(index)
    if (code < 0x30 || code > 0x39) return false
  }
  return true
}
