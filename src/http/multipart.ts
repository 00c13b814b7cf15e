// The framing of multipart/byteranges (RFC 9110 §14.6), worked out before the first byte is sent so
// that the answer has a Content-Length.

import { formatContentRange } from './range.ts'
import type { ByteRange } from './range.ts'

export interface MultipartFraming {
  readonly contentType: string
  readonly length: number
  /** The bytes before each part. */
  readonly heads: readonly Buffer[]
  readonly tail: Buffer
}

/** `boundary` must be a token of at most 70 characters that the parts do not hold: a random one. */
export function multipartFraming(
  parts: readonly ByteRange[],
  size: number,
  contentType: string | undefined,
  boundary: string,
): MultipartFraming {
  const typeLine = contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1')
  const heads: Buffer[] = []
  let length = tail.length
  for (const part of parts) {
    const lineBreak = heads.length === 0 ? '' : '\r\n'
    const rangeLine = `Content-Range: ${formatContentRange(part, size)}\r\n`
    const head = Buffer.from(`${lineBreak}--${boundary}\r\n${typeLine}${rangeLine}\r\n`, 'latin1')
    heads.push(head)
    length += head.length + part.last - part.first + 1
  }
  return { contentType: `multipart/byteranges; boundary=${boundary}`, length, heads, tail }
}
