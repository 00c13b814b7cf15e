// The header that a load balancer puts before everything else on a connection: the PROXY protocol,
// versions 1 (a line of text) and 2 (binary). Read from what has come so far; never beyond its bounds.

import { isIPv4, isIPv6 } from 'node:net'

import { parseAddress } from '../primitives/cidr.ts'

export type ProxyHeader =
  | {
      readonly kind: 'header'
      /** Of the header; what follows is the client's. */
      readonly bytes: number
      /** Undefined where it speaks of nobody: whoever is connected is the client. */
      readonly address: string | undefined
    }
  /** More has to come. */
  | { readonly kind: 'partial' }
  | { readonly kind: 'malformed'; readonly reason: string }

/** With its end of line, as the specification bounds it. */
const LINE_BYTES = 107
/** With all that a load balancer may add behind the addresses. */
const BINARY_BYTES = 4096
const LINE_START = Buffer.from('PROXY ')
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
/** The signature, version and command, family, length. */
const FIXED_BYTES = 16

const PARTIAL: ProxyHeader = { kind: 'partial' }

export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsAs(bytes, SIGNATURE)) return readBinary(bytes)
  if (startsAs(bytes, LINE_START)) return readLine(bytes)
  return malformed('it does not begin with a header')
}

/** As far as has come, at least a byte of it. */
function startsAs(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.byteLength, start.byteLength)
  return bytes.compare(start, 0, length, 0, length) === 0
}

function malformed(reason: string): ProxyHeader {
  return { kind: 'malformed', reason }
}

function readLine(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, LINE_BYTES).indexOf('\r\n')
  if (end < 0) {
    return bytes.byteLength < LINE_BYTES ? PARTIAL : malformed('its line does not end')
  }
  const words = bytes.toString('latin1', 0, end).split(' ')
  const size = end + 2
  if (words[1] === 'UNKNOWN') return { kind: 'header', bytes: size, address: undefined }
  const [, family, source = '', destination = '', ...ports] = words
  const isOfFamily = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIPv6 : undefined
  if (isOfFamily === undefined) return malformed('its family is not known')
  const isSound = ports.length === 2 && ports.every(isPort)
  if (!isSound || !isOfFamily(source) || !isOfFamily(destination)) {
    return malformed('its addresses or ports are none')
  }
  return { kind: 'header', bytes: size, address: parseAddress(source) }
}

/** A zone means nothing elsewhere. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%')
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}

const LOCAL = 0x20
const PROXY = 0x21
const STREAM = { ipv4: 0x11, ipv6: 0x21, unix: 0x31, unspecified: 0x00 } as const
/** Two addresses and two ports. */
const IPV4_BYTES = 12
const IPV6_BYTES = 36

function readBinary(bytes: Buffer): ProxyHeader {
  if (bytes.byteLength < FIXED_BYTES) return PARTIAL
  const command = bytes.readUInt8(12)
  const family = bytes.readUInt8(13)
  const length = bytes.readUInt16BE(14)
  const size = FIXED_BYTES + length
  if (command !== LOCAL && command !== PROXY) return malformed('its version or command is unknown')
  if (size > BINARY_BYTES) return malformed(`it is longer than ${BINARY_BYTES} bytes`)
  if (bytes.byteLength < size) return PARTIAL
  const nobody: ProxyHeader = { kind: 'header', bytes: size, address: undefined }
  // A load balancer that asks for itself, whether we are well, says nothing of any client.
  if (command === LOCAL) return nobody
  switch (family) {
    case STREAM.ipv4:
      if (length < IPV4_BYTES) return malformed('it is too short for its addresses')
      return { ...nobody, address: bytes.subarray(FIXED_BYTES, FIXED_BYTES + 4).join('.') }
    case STREAM.ipv6:
      if (length < IPV6_BYTES) return malformed('it is too short for its addresses')
      return { ...nobody, address: ipv6At(bytes, FIXED_BYTES) }
    case STREAM.unspecified:
    case STREAM.unix:
      return nobody
    default:
      return malformed('its family is not known')
  }
}

function ipv6At(bytes: Buffer, offset: number): string | undefined {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(offset + index * 2))
  return parseAddress(groups.map((group) => group.toString(16)).join(':'))
}
