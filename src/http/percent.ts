// Percent-decoding (RFC 3986 §2.1) into UTF-8 text, done once and strictly. node hands a request
// line over as latin1, one character a byte, so a raw byte and its escape are the same thing here.

import { isUtf8 } from 'node:buffer'

const PERCENT = 0x25
const PLUS = 0x2b

/** `undefined` when an escape is malformed or the bytes are not well-formed UTF-8. */
export function decodePercent(text: string): string | undefined {
  return decode(text, PLUS)
}

/** As `decodePercent`, with '+' read as a space, the way forms write a query. */
export function decodeFormPercent(text: string): string | undefined {
  return decode(text, 0x20)
}

function decode(text: string, plus: number): string | undefined {
  const bytes = Buffer.allocUnsafe(text.length)
  let length = 0
  for (let index = 0; index < text.length; index++) {
    let byte = text.charCodeAt(index)
    if (byte === PERCENT) {
      byte = hexPairAt(text, index + 1)
      index += 2
    } else if (byte === PLUS) {
      byte = plus
    }
    if (byte < 0 || byte > 0xff) return undefined
    bytes[length++] = byte
  }
  // isUtf8 refuses overlong forms, surrogates and anything above U+10FFFF; toString would mend them.
  const decoded = bytes.subarray(0, length)
  return isUtf8(decoded) ? decoded.toString('utf8') : undefined
}

/** The byte two hex digits write, or a negative number. */
function hexPairAt(text: string, index: number): number {
  const high = hexDigit(text.charCodeAt(index))
  const low = hexDigit(text.charCodeAt(index + 1))
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

// Past the end of the text `code` is NaN, which fails every comparison.
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

const plainPath = /^[A-Za-z0-9\-._~/]*$/
// What encodeURIComponent leaves alone though it is not unreserved (RFC 3986 §2.3).
const leftAlone = /[!'()*]/g

/**
 * The one canonical spelling of a decoded path: every UTF-8 byte but '/' and the unreserved is %XX in
 * upper case. What is not well-formed Unicode is replaced.
 */
export function encodePath(path: string): string {
  if (plainPath.test(path)) return path
  const encoded = encodeURIComponent(path.toWellFormed()).replaceAll('%2F', '/')
  return encoded.replace(leftAlone, (left) => `%${left.charCodeAt(0).toString(16).toUpperCase()}`)
}
