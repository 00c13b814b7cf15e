// Where a listener listens: host and port, and whether two listeners would collide.

import { isIP, isIPv6 } from 'node:net'

import { field, textOf } from './fields.ts'
import type { Field } from './fields.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** As written: the port may be missing, for another setting or a default to give. */
export interface WrittenAddress {
  readonly host: string
  readonly port: number | undefined
}

const everyInterface = '0.0.0.0'

export function address(): Field<WrittenAddress> {
  return field({
    wanted: 'an address such as "0.0.0.0:8080", ":8080" or "[::1]:8080"',
    json: { type: 'string' },
    read: (input) => parseAddress(textOf(input)),
    hintFor: (input) => (typeof input === 'number' ? `write ":${input}"` : undefined),
  })
}

/** `host`, `host:port`, `:port`, `[ipv6]:port` or a bare IPv6 address. */
export function parseAddress(text: string | undefined): WrittenAddress | undefined {
  if (text === undefined || text === '') return undefined
  if (isIPv6(text)) return { host: text, port: undefined }

  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const host = parseHost(match[1] ?? '')
  const port = match[2] === undefined ? undefined : Number(match[2])
  if (host === undefined || (port !== undefined && port > 65_535)) return undefined
  return { host, port }
}

function parseHost(text: string): string | undefined {
  if (text === '') return everyInterface
  if (text.startsWith('[')) return isIPv6(text.slice(1, -1)) ? text.slice(1, -1) : undefined
  if (/^[\d.]+$/.test(text)) return isIP(text) === 4 ? text : undefined
  return isHostName(text) ? text : undefined
}

function isHostName(text: string): boolean {
  return (
    text.length <= 253 &&
    text.split('.').every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label))
  )
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export function isWrittenAddress(value: unknown): value is WrittenAddress {
  return typeof value === 'object' && value !== null && 'host' in value && 'port' in value
}

/** Port 0 asks the system for a free port, so it never collides. */
export function wouldCollide(left: Address, right: Address): boolean {
  if (left.port !== right.port || left.port === 0) return false
  return left.host === right.host || covers(left.host, right.host) || covers(right.host, left.host)
}

// A socket on `::` takes IPv4 connections too, as Node opens it.
function covers(wide: string, narrow: string): boolean {
  if (wide === '::') return true
  if (wide === 'localhost') return narrow === '::1' || narrow.startsWith('127.')
  return wide === everyInterface && !isIPv6(narrow)
}
