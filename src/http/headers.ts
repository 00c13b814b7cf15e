// Header fields as they travel: a flat list of names and values in latin1, one character a byte, so
// what an origin sent reaches the client byte for byte.

import type { IncomingHttpHeaders } from 'node:http'

/** name, value, name, value, … */
export type HeaderList = readonly string[]

/**
 * Fields that belong to one connection (RFC 9110 §7.6.1), with those that only speak of it: trailers
 * are not relayed, and proxy credentials are between a client and the proxy it knows.
 */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Fields of which Node believes the first alone; of the rest it joins the lines. */
const SINGLE: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
])

/** The fields by name, as Node gives those of a request that came by the wire. */
export function foldHeaders(list: HeaderList): IncomingHttpHeaders {
  const folded: Record<string, string> = {}
  for (let index = 0; index + 1 < list.length; index += 2) {
    const name = (list[index] ?? '').toLowerCase()
    const value = list[index + 1] ?? ''
    const known = folded[name]
    if (known === undefined) folded[name] = value
    else if (!SINGLE.has(name)) folded[name] = known + (name === 'cookie' ? '; ' : ', ') + value
  }
  return folded
}

/** The first value of `lowerName`, whatever the case of the list's names. */
export function headerValue(list: HeaderList, lowerName: string): string | undefined {
  for (let index = 0; index + 1 < list.length; index += 2) {
    const name = list[index]
    if (name?.length === lowerName.length && name.toLowerCase() === lowerName)
      return list[index + 1]
  }
  return undefined
}

/** All fields of the name as the one list that they are (RFC 9110 §5.2); undefined where there is none. */
export function joinedValue(list: HeaderList, lowerName: string): string | undefined {
  let joined: string | undefined
  for (let index = 0; index + 1 < list.length; index += 2) {
    if (list[index]?.toLowerCase() !== lowerName) continue
    const value = list[index + 1] ?? ''
    joined = joined === undefined ? value : `${joined}, ${value}`
  }
  return joined
}

export function latin1(bytes: Buffer): string {
  return bytes.toString('latin1')
}

/** A token (RFC 9110 §5.6.2). */
export function isValidHeaderName(name: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)
}

/**
 * Tab, space, visible ASCII and the bytes above it (RFC 9110 §5.5). CR, LF and NUL would split a
 * message; the other controls, and characters that are no byte, node refuses by throwing.
 */
export function isValidHeaderValue(value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index)
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return false
  }
  return true
}
