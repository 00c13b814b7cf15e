// Who the client is when others stand before us: X-Forwarded-For, and Forwarded (RFC 7239), walked
// from the right, for as long as who wrote the next entry is trusted. What stands left of the first
// stranger was written by the stranger, and is believed by nobody.

import type { IncomingHttpHeaders } from 'node:http'

import { parseAddress } from '../primitives/cidr.ts'
import { trimOws } from './ows.ts'

/** Whose word on where a request came from is taken. */
export interface Trusted {
  has(address: string): boolean
}

/**
 * The client's address, in canonical spelling. Where an entry says no address ("unknown", a hidden
 * name, garbage) the trusted hop that wrote it is the nearest that is known. X-Forwarded-For goes
 * before Forwarded, which proxies that do not write it pass on as a client has made it up.
 */
export function clientAddress(
  peer: string,
  headers: IncomingHttpHeaders,
  trusted: Trusted | undefined,
): string {
  const connected = canonicalPeer(peer)
  if (trusted === undefined) return connected
  const chain = lineOf(headers['x-forwarded-for'])
  if (chain !== undefined) {
    return trusted.has(connected) ? walk(connected, chain, trusted, plainNode) : connected
  }
  const { forwarded } = headers
  if (forwarded === undefined || !trusted.has(connected)) return connected
  return walk(connected, forwarded, trusted, forwardedNode)
}

/** A socket names its peer in one spelling but for the mapped addresses and the zones. */
function canonicalPeer(peer: string): string {
  if (!peer.startsWith('::ffff:') && !peer.includes('%')) return peer
  return parseAddress(peer) ?? peer
}

function lineOf(field: string | string[] | undefined): string | undefined {
  return typeof field === 'object' ? field.join(',') : field
}

function walk(
  peer: string,
  chain: string,
  trusted: Trusted,
  nodeOf: (member: string) => string | undefined,
): string {
  let nearest = peer
  let end = chain.length
  while (end >= 0) {
    const comma = commaBefore(chain, end)
    const node = nodeOf(trimOws(chain.slice(comma + 1, end)))
    const address = node === undefined ? undefined : addressOf(node)
    if (address === undefined) return nearest
    nearest = address
    if (!trusted.has(address)) return address
    end = comma
  }
  return nearest
}

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c

/**
 * The comma before the member that ends at `end`, or -1; commas in quotes are none. Looked for from
 * the right, so that an open quote in what a client has sent cannot swallow what proxies have added.
 */
function commaBefore(chain: string, end: number): number {
  let isQuoted = false
  for (let index = end - 1; index >= 0; index--) {
    const code = chain.charCodeAt(index)
    if (code === COMMA && !isQuoted) return index
    if (code === QUOTE && !(isQuoted && isEscaped(chain, index))) isQuoted = !isQuoted
  }
  return -1
}

function isEscaped(chain: string, index: number): boolean {
  let start = index
  while (start > 0 && chain.charCodeAt(start - 1) === BACKSLASH) start--
  return (index - start) % 2 === 1
}

function plainNode(member: string): string {
  return member
}

/** One pair of an element, and what ends it. Addresses with colons and brackets come without quotes too. */
const PAIR = /[ \t]*(?:([^\s=;,"]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?[ \t]*(;|$)/y

/** What the element says in `for`, once. */
function forwardedNode(element: string): string | undefined {
  let node: string | undefined
  PAIR.lastIndex = 0
  for (;;) {
    const match = PAIR.exec(element)
    if (match === null) return undefined
    const [, name, quoted, bare, after] = match
    if (name?.toLowerCase() === 'for') {
      if (node !== undefined) return undefined
      node = quoted?.replaceAll(/\\(.)/g, '$1') ?? bare
    }
    if (after === '') return node
  }
}

const BRACKETED = /^\[([^\]%]+)\](?::[\w.-]{1,64})?$/
const WITH_PORT = /^([\d.]+):[\w.-]{1,64}$/

/** Of a node with or without a port (RFC 7239 §6), which may be a hidden one. */
function addressOf(node: string): string | undefined {
  const bare = BRACKETED.exec(node)?.[1]
  // Brackets are for IPv6 alone.
  if (bare !== undefined) return bare.includes(':') ? parseAddress(bare) : undefined
  return parseAddress(WITH_PORT.exec(node)?.[1] ?? node)
}
