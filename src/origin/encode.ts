// S3's URI encoding, the same on the wire and in the signature: every UTF-8 byte but the
// unreserved A-Z a-z 0-9 - . _ ~ is %XX in upper case. Two spellings of one key would be two
// signatures, so nothing else in the project encodes for S3.

import { encodePath } from '../http/percent.ts'

const plainValue = /^[A-Za-z0-9\-._~]*$/
// What encodeURIComponent leaves alone and S3 does not.
const leftAlone = /[!'()*]/g

/** An object key (or a bucket) as a path: '/' stays what it is. */
export function encodeKey(key: string): string {
  return encodePath(key)
}

/** A name or a value in a query: '/' is encoded too. */
export function encodeQueryValue(value: string): string {
  if (plainValue.test(value)) return value
  return encodeURIComponent(value.toWellFormed()).replace(leftAlone, percentEncoded)
}

function percentEncoded(character: string): string {
  return '%' + character.charCodeAt(0).toString(16).toUpperCase()
}
